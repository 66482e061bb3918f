import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MANIFEST_TYPE, signedBytes } from '../contracts/envelope.ts';
import { createSigner } from './signing.ts';

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
