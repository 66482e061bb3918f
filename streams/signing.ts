import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { type Envelope, MANIFEST_TYPE, type PublicKey, signedBytes } from '../contracts/envelope.ts';
import { readSigningKey } from '../contracts/signing-key.ts';

/** Signature of a manifest. */
export interface Signature {
  /** `kid` of the public key. */
  readonly keyid: string;
  /** Ed25519 (RFC 8032), in base64. */
  readonly sig: string;
}

/** Signs manifests with the deployment's key. */
export interface Signer {
  readonly publicKey: PublicKey;
  /** The same bytes always get the same signature. */
  sign(manifest: Uint8Array): Signature;
}

/**
 * @param pem an Ed25519 private key in PKCS #8, as `openssl genpkey -algorithm ed25519` writes it; secret
 * @throws RangeError if it is none
 */
export function createSigner(pem: string): Signer {
  const key = readSigningKey(pem);
  if (!key) throw new RangeError('not an Ed25519 private key');
  const publicKey = describeKey(key);
  return {
    publicKey,
    sign: (manifest) => ({
      keyid: publicKey.kid,
      sig: sign(null, signedBytes(MANIFEST_TYPE, manifest), key).toString('base64'),
    }),
  };
}

function describeKey(key: KeyObject): PublicKey {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return { kty: 'OKP', crv: 'Ed25519', x, kid: thumbprint(x), alg: 'EdDSA', use: 'sig' };
}

/** Source: RFC 7638, section 3: the required members in lexicographic order. */
function thumbprint(x: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}

export function envelopeOf(manifest: Uint8Array, signature: Signature): Envelope {
  const payload = Buffer.from(manifest).toString('base64');
  return { payload, payloadType: MANIFEST_TYPE, signatures: [signature] };
}
