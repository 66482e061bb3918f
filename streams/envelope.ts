import { type Envelope, MANIFEST_TYPE, type PublicKey, signedBytes } from '../contracts/envelope.ts';

/**
 * Checks that an envelope holds exactly this manifest, signed with one of the keys. The keys are found by themselves, not by
 * `keyid`, which nothing protects. Runs in Node and in browsers.
 *
 * @returns the key that signed it, or what is wrong, the rest of a sentence about the manifest
 * @throws DOMException `NotSupportedError` in a browser that has no Ed25519
 */
export async function checkEnvelope(
  { payload, payloadType, signatures }: Envelope,
  manifest: Uint8Array,
  keys: readonly PublicKey[],
): Promise<{ readonly key: PublicKey } | { readonly problem: string }> {
  if (payloadType !== MANIFEST_TYPE) return { problem: `has a signature of something else: ${payloadType}` };
  if (!areEqual(fromBase64(payload), manifest)) return { problem: 'is not the one that was signed' };
  const body = signedBytes(payloadType, manifest);
  for (const key of keys) {
    const jwk = { kty: key.kty, crv: key.crv, x: key.x };
    const publicKey = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
    for (const { sig } of signatures) {
      if (await crypto.subtle.verify('Ed25519', publicKey, fromBase64(sig), body)) return { key };
    }
  }
  const named = signatures.map(({ keyid }) => keyid).join(', ');
  return { problem: `is not signed by any of the keys; it names ${named}` };
}

/** @param text checked to be base64 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}
