import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { WaybillError } from '../../../contracts/failures.ts';
import { SALT_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES, writeNonce } from '../../../streams/age/layout.ts';
import { blocksOf } from '../../../streams/blocks.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Opens one sealed chunk. @throws if it was altered */
export type ChunkCipher = (nonce: Bytes, sealed: Bytes) => Promise<Bytes>;

/** Name of the cipher in WebCrypto. Source: WICG, Modern Algorithms in the Web Cryptography API */
const CIPHER = 'ChaCha20-Poly1305';

/** Chunks that are opened at once: WebCrypto works on other threads. */
const JOBS_MAX = 16;

/** @returns 32 secret bytes. Source: https://c2sp.org/age#payload */
export async function payloadKey(fileKey: Uint8Array, salt: Uint8Array): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', fileKey.slice(), 'HKDF', false, ['deriveBits']);
  const info = new TextEncoder().encode('payload');
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: salt.slice(0, SALT_BYTES), info }, key, 256),
  );
}

/** The cipher in JavaScript, which every browser has. */
export function portableCipher(key: Uint8Array): ChunkCipher {
  return async (nonce, sealed) => chacha20poly1305(key, nonce).decrypt(sealed) as Bytes;
}

/** The browser's own cipher, which is several times as fast. @returns `undefined` if it has none */
export async function nativeCipher(key: Bytes): Promise<ChunkCipher | undefined> {
  let imported: CryptoKey;
  try {
    // The standard is newer than the types.
    imported = await crypto.subtle.importKey('raw-secret' as 'raw', key, CIPHER, false, ['decrypt']);
  } catch {
    return undefined;
  }
  return async (nonce, sealed) =>
    new Uint8Array(await crypto.subtle.decrypt({ name: CIPHER, iv: nonce } as AesGcmParams, imported, sealed));
}

/** @returns the fastest cipher that the browser has */
export async function bestCipher(key: Bytes): Promise<ChunkCipher> {
  const portable = portableCipher(key);
  const native = await nativeCipher(key);
  if (!native) return portable;
  // The standard is a draft: a file is called damaged only where the other implementation says so too.
  return (nonce, sealed) => native(nonce, sealed).catch(() => portable(nonce, sealed));
}

/**
 * Opens the chunks of an age file. Each is verified before any byte of it is yielded; the content is complete only if the
 * iteration ends without error.
 *
 * @throws WaybillError `object_damaged` if the file was altered, cut short or extended
 */
export async function* openChunks(payload: AsyncIterable<Uint8Array>, cipher: ChunkCipher): AsyncGenerator<Uint8Array> {
  const jobs: Promise<Uint8Array>[] = [];
  let index = 0;
  for await (const { bytes, last } of blocksOf(payload, SEALED_CHUNK_BYTES)) {
    // Specification: the final chunk is empty only if the whole content is.
    if (bytes.length < TAG_BYTES || (bytes.length === TAG_BYTES && index > 0)) throw damaged();
    const nonce = new Uint8Array(12);
    writeNonce(nonce, index, last);
    index += 1;
    const job = cipher(nonce, bytes.slice()).catch((cause: unknown) => {
      throw damaged(cause);
    });
    // It is thrown when its turn comes; until then it must not count as unhandled.
    job.catch(() => undefined);
    jobs.push(job);
    const oldest = jobs.length < JOBS_MAX ? undefined : jobs.shift();
    if (oldest) yield await oldest;
  }
  for (const job of jobs) yield await job;
}

function damaged(cause?: unknown): WaybillError {
  return new WaybillError('object_damaged', 'The sealed file was altered, cut short or extended.', { cause });
}
