/**
 * How the payload of an age file is laid out: a salt, then chunks. Runs in Node and in browsers.
 *
 * Specification: https://c2sp.org/age#payload
 */
import { WaybillError } from '../../contracts/failures.ts';

/** Bytes of content in every chunk but the last. */
export const CHUNK_BYTES = 64 * 1024;
/** Bytes of the Poly1305 tag at the end of every chunk. */
export const TAG_BYTES = 16;
/** Bytes of the random salt between header and first chunk, from which the payload key is derived. */
export const SALT_BYTES = 16;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

/**
 * Writes a chunk's nonce: an 11-byte big-endian counter, then 1 for the last chunk and 0 for the others.
 *
 * @param nonce 12 bytes
 * @param index zero-based index of the chunk; below 2^48, which allows 2^64 bytes of content
 */
export function writeNonce(nonce: Uint8Array, index: number, last: boolean): void {
  const view = new DataView(nonce.buffer, nonce.byteOffset, nonce.byteLength);
  view.setUint16(5, Math.floor(index / 2 ** 32));
  view.setUint32(7, index % 2 ** 32);
  view.setUint8(11, last ? 1 : 0);
}

/**
 * @param headerBytes size of the header, up to and including the line end of its MAC
 * @returns the size of the sealed file
 */
export function sealedBytes(headerBytes: number, contentBytes: number): number {
  const chunks = Math.max(1, Math.ceil(contentBytes / CHUNK_BYTES));
  return headerBytes + SALT_BYTES + contentBytes + chunks * TAG_BYTES;
}

/**
 * The inverse of {@link sealedBytes}.
 *
 * @throws WaybillError `object_damaged` for a size that no age file with such a header can have
 */
export function contentBytes(headerBytes: number, fileBytes: number): number {
  const payload = fileBytes - headerBytes - SALT_BYTES;
  const chunks = Math.ceil(payload / SEALED_CHUNK_BYTES);
  const content = payload - chunks * TAG_BYTES;
  if (chunks < 1 || content < 0 || sealedBytes(headerBytes, content) !== fileBytes) {
    throw new WaybillError('object_damaged', 'The sealed file has a size that no complete age file has.');
  }
  return content;
}
