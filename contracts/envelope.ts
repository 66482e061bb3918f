import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** What is signed: a manifest, byte for byte as it is stored. */
export const MANIFEST_TYPE = 'application/vnd.waybill.manifest+json';
/** Media type of {@link Envelope}. */
export const ENVELOPE_TYPE = 'application/vnd.dsse.envelope.v1+json';

/** A DSSE envelope: something together with its signatures. Source: DSSE 1.0, secure-systems-lab/dsse. */
export const Envelope = z.object({
  /** The signed bytes, in base64. */
  payload: z.base64(),
  payloadType: z.string(),
  signatures: z.array(z.object({ keyid: z.string(), sig: z.base64() })).min(1),
});
export type Envelope = z.infer<typeof Envelope>;

/** What a signature covers: the bytes and their type. Source: DSSE 1.0, protocol, PAE. */
export function signedBytes(type: string, body: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.byteLength} `;
  return Buffer.concat([Buffer.from(head), body]);
}

/** A public key as a JWK. Sources: RFC 7517, RFC 8037. */
export const PublicKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  /** 32 bytes in base64url. */
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** Thumbprint of the key, RFC 7638 with SHA-256; the `keyid` of its signatures. */
  kid: z.string(),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
});
export type PublicKey = z.infer<typeof PublicKey>;

/** @returns an Ed25519 private key in PKCS #8, from PEM; `undefined` if it is none */
export function readSigningKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

/** Where a deployment publishes its keys. */
export const PUBLIC_KEYS_PATH = '/.well-known/waybill-keys.json';
export const PublicKeys = z.object({ keys: z.array(PublicKey) });
