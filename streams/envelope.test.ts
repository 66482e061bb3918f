import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkEnvelope } from './envelope.ts';
import { createSigner, envelopeOf } from './signing.ts';

const pem = () => generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

describe('an envelope', () => {
  const [one, other] = [createSigner(pem()), createSigner(pem())];
  const keys = [one.publicKey, other.publicKey];

  it('of any manifest is good with one of several keys, and with none after any change', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (manifest, place, change) => {
          const envelope = envelopeOf(manifest, other.sign(manifest));
          expect(await checkEnvelope(envelope, manifest, keys)).toEqual({ key: other.publicKey });
          const changed = manifest.slice();
          const at = place % changed.length;
          changed[at] = (changed[at] ?? 0) ^ change;
          expect(await checkEnvelope(envelope, changed, keys)).toHaveProperty('problem');
          expect(await checkEnvelope(envelopeOf(changed, other.sign(manifest)), changed, keys)).toHaveProperty(
            'problem',
          );
        },
      ),
    );
  });

  it('is found good by its signature, whatever its keyid says', async () => {
    const manifest = Buffer.from('{}');
    const { sig } = one.sign(manifest);
    expect(await checkEnvelope(envelopeOf(manifest, { keyid: 'nobody', sig }), manifest, keys)).toEqual({
      key: one.publicKey,
    });
    expect(
      await checkEnvelope(envelopeOf(manifest, { keyid: other.publicKey.kid, sig }), manifest, [other.publicKey]),
    ).toEqual({
      problem: `is not signed by any of the keys; it names ${other.publicKey.kid}`,
    });
  });

  it.each(['', 'AA==', Buffer.alloc(64).toString('base64')])('with the signature "%s" is no good', async (sig) => {
    const manifest = Buffer.from('{}');
    expect(await checkEnvelope(envelopeOf(manifest, { keyid: '', sig }), manifest, keys)).toHaveProperty('problem');
  });

  it('of something else is no good', async () => {
    const manifest = Buffer.from('{}');
    const envelope = { ...envelopeOf(manifest, one.sign(manifest)), payloadType: 'application/vnd.in-toto+json' };
    expect(await checkEnvelope(envelope, manifest, keys)).toEqual({
      problem: 'has a signature of something else: application/vnd.in-toto+json',
    });
  });
});
