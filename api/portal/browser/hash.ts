import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { read } from './unseal.ts';

/** Up to this size a blob is hashed by the browser itself, which is faster but takes it whole. Bytes. */
const WHOLE_BYTES_MAX = 64 * 1024 * 1024;

/**
 * SHA-256 of a blob of any size, in bounded memory.
 *
 * @param onBytes is told how many bytes were read since the last time
 * @returns 64 hex digits
 */
export async function sha256Of(blob: Blob, onBytes: (bytes: number) => void, signal: AbortSignal): Promise<string> {
  if (blob.size <= WHOLE_BYTES_MAX) {
    const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
    signal.throwIfAborted();
    onBytes(blob.size);
    return bytesToHex(new Uint8Array(digest));
  }
  return incrementalSha256(blob, onBytes, signal);
}

/** As {@link sha256Of}, by a library that takes one piece after the other, which WebCrypto cannot. */
export async function incrementalSha256(
  blob: Blob,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const hash = sha256.create();
  for await (const chunk of read(blob.stream())) {
    signal.throwIfAborted();
    hash.update(chunk);
    onBytes(chunk.length);
  }
  return bytesToHex(hash.digest());
}
