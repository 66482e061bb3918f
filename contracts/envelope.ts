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
export function signedBytes(type: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder();
  const head = text.encode(`DSSEv1 ${text.encode(type).length} ${type} ${body.byteLength} `);
  const signed = new Uint8Array(head.length + body.byteLength);
  signed.set(head);
  signed.set(body, head.length);
  return signed;
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

/** Where a deployment publishes its keys. */
export const PUBLIC_KEYS_PATH = '/.well-known/waybill-keys.json';
export const PublicKeys = z.object({ keys: z.array(PublicKey) });
