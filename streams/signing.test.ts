import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MANIFEST_TYPE, signedBytes } from '../contracts/envelope.ts';
import { checkEnvelope, createSigner, envelopeOf } from './signing.ts';

const pemOf = (type: 'ed25519' | 'ed448' = 'ed25519') =>
  generateKeyPairSync(type as 'ed25519')
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString();

describe('a signer', () => {
  it('describes its key as RFC 8037 does', () => {
    const signer = createSigner(
      createPrivateKey({
        key: {
          kty: 'OKP',
          crv: 'Ed25519',
          d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
          x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
        },
        format: 'jwk',
      })
        .export({ format: 'pem', type: 'pkcs8' })
        .toString(),
    );
    expect(signer.publicKey).toEqual({
      ...{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' },
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
      kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    });
  });

  it('signs what DSSE says: the type and the bytes with their lengths', () => {
    const bytes = Buffer.from('hello world');
    // The example of DSSE 1.0, protocol.
    expect(Buffer.from(signedBytes('http://example.com/HelloWorld', bytes)).toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
    const pem = pemOf();
    const expected = sign(null, signedBytes(MANIFEST_TYPE, bytes), pem).toString('base64');
    expect(createSigner(pem).sign(bytes).sig).toBe(expected);
  });

  it.each([
    ['nothing', ''],
    ['a word', 'secret'],
    ['another curve', pemOf('ed448')],
    [
      'a public key',
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n',
    ],
  ])('is not made of %s', (_, pem) => {
    expect(() => createSigner(pem)).toThrow(RangeError);
  });
});

describe('an envelope', () => {
  const [one, other] = [createSigner(pemOf()), createSigner(pemOf())];
  const keys = [one.publicKey, other.publicKey];

  it('of any manifest is good with one of several keys, and with none after any change', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (manifest, place, change) => {
          const envelope = envelopeOf(manifest, other.sign(manifest));
          expect(checkEnvelope(envelope, manifest, keys)).toEqual({ key: other.publicKey });
          const changed = manifest.slice();
          const at = place % changed.length;
          changed[at] = (changed[at] ?? 0) ^ change;
          expect(checkEnvelope(envelope, changed, keys)).toHaveProperty('problem');
          expect(checkEnvelope(envelopeOf(changed, other.sign(manifest)), changed, keys)).toHaveProperty('problem');
        },
      ),
    );
  });

  it('is found good by its signature, whatever its keyid says', () => {
    const manifest = Buffer.from('{}');
    const { sig } = one.sign(manifest);
    expect(checkEnvelope(envelopeOf(manifest, { keyid: 'nobody', sig }), manifest, keys)).toEqual({
      key: one.publicKey,
    });
    expect(
      checkEnvelope(envelopeOf(manifest, { keyid: other.publicKey.kid, sig }), manifest, [other.publicKey]),
    ).toEqual({
      problem: `is not signed by any of the keys; it names ${other.publicKey.kid}`,
    });
  });

  it.each(['', 'AA==', Buffer.alloc(64).toString('base64')])('with the signature "%s" is no good', (sig) => {
    const manifest = Buffer.from('{}');
    expect(checkEnvelope(envelopeOf(manifest, { keyid: '', sig }), manifest, keys)).toHaveProperty('problem');
  });

  it('of something else is no good', () => {
    const manifest = Buffer.from('{}');
    const envelope = { ...envelopeOf(manifest, one.sign(manifest)), payloadType: 'application/vnd.in-toto+json' };
    expect(checkEnvelope(envelope, manifest, keys)).toEqual({
      problem: 'has a signature of something else: application/vnd.in-toto+json',
    });
  });
});
