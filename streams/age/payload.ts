/**
 * The payload of an age file: STREAM, 64 KiB chunks of ChaCha20-Poly1305, each under a nonce that counts the chunks and
 * flags the last one, so that reordering, truncation and extension are detected.
 *
 * Specification: https://c2sp.org/age#payload
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { type Block, blocksOf, free } from '../blocks.ts';
import { headerBytes, openHeader, sealHeader } from './header.ts';

/** Bytes of content in every chunk but the last. */
export const CHUNK_BYTES = 64 * 1024;
/** Bytes of the Poly1305 tag at the end of every chunk. */
const TAG_BYTES = 16;
/** Bytes of the random salt between header and first chunk, from which the payload key is derived. */
const SALT_BYTES = 16;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

/** Name of the cipher as `node:crypto` knows it. */
const CIPHER = 'chacha20-poly1305';

/** Most chunks of a yielded block: 1 MiB. The first block has one, so that small files take little memory. */
const OUTPUT_CHUNKS = 16;

/** @returns the payload key, as a KeyObject so that it is prepared once and not for every chunk */
function payloadKey(fileKey: Uint8Array, salt: Uint8Array): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', fileKey, salt, 'payload', 32)));
}

/**
 * Writes a chunk's nonce: an 11-byte big-endian counter, then 1 for the last chunk and 0 for the others.
 *
 * @param nonce 12 bytes
 * @param index zero-based index of the chunk; below 2^48, which allows 2^64 bytes of content
 */
function writeNonce(nonce: Buffer, index: number, last: boolean): void {
  nonce.writeUIntBE(index, 5, 6);
  nonce[11] = last ? 1 : 0;
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

/**
 * Seals a stream to age recipients, as an age v1 file that the stock `age -d` opens. Nothing is yielded until the
 * recipients have been accepted. A yielded chunk is valid only until the next one is requested.
 *
 * @param recipients at least one, checked by `parseRecipients`
 * @throws WaybillError `invalid_recipient`
 */
export async function* seal(
  source: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): AsyncGenerator<Uint8Array> {
  const { header, fileKey } = await sealHeader(recipients);
  const salt = randomBytes(SALT_BYTES);
  const key = payloadKey(fileKey, salt);
  yield header;
  yield salt;

  let output = Buffer.allocUnsafeSlow(SEALED_CHUNK_BYTES);
  const nonce = Buffer.alloc(12);
  let index = 0;
  let filled = 0;
  for await (const { bytes, last } of blocksOf(source, CHUNK_BYTES)) {
    writeNonce(nonce, index, last);
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    const sealed = cipher.update(bytes);
    output.set(sealed, filled);
    free(sealed);
    cipher.final();
    output.set(cipher.getAuthTag(), filled + bytes.length);
    filled += bytes.length + TAG_BYTES;
    index += 1;
    if (last || filled === output.length) {
      yield output.subarray(0, filled);
      filled = 0;
      if (index === 1) output = Buffer.allocUnsafeSlow(OUTPUT_CHUNKS * SEALED_CHUNK_BYTES);
    }
  }
}

/**
 * Opens an age v1 file. Every chunk is verified before any byte of it is yielded; a yielded chunk is valid only until
 * the next one is requested. The content is complete only if the iteration ends without error.
 *
 * @param identity one or more private keys, one per line, as in a key file of `age`
 * @throws WaybillError `wrong_key` if no key opens the file, before anything is yielded; `object_damaged` if the file
 *   was altered, cut short or extended, or is not an age file
 */
export async function* unseal(source: AsyncIterable<Uint8Array>, identity: string): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    const start = await readStart(chunks);
    const key = payloadKey(await openHeader(start.header, identity), start.salt);
    const output = Buffer.allocUnsafeSlow(OUTPUT_CHUNKS * CHUNK_BYTES);
    let index = 0;
    let filled = 0;
    for await (const block of blocksOf(resume(start.rest, chunks), SEALED_CHUNK_BYTES)) {
      filled += openChunk(key, index, block, output.subarray(filled));
      index += 1;
      if (block.last || filled === output.length) {
        if (filled > 0) yield output.subarray(0, filled);
        filled = 0;
      }
    }
  } finally {
    await chunks.return?.();
  }
}

/** @returns the number of bytes written to `output`, all of them verified */
function openChunk(key: KeyObject, index: number, { bytes, last }: Block, output: Buffer): number {
  const size = bytes.length - TAG_BYTES;
  // Specification: the final chunk is empty only if the whole content is.
  if (size < 0 || (size === 0 && index > 0)) throw new WaybillError('object_damaged', 'The sealed file was cut short.');
  const nonce = Buffer.alloc(12);
  writeNonce(nonce, index, last);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(size));
  const content = decipher.update(bytes.subarray(0, size));
  try {
    decipher.final();
  } catch (cause) {
    throw new WaybillError('object_damaged', 'The sealed file was altered, cut short or extended.', { cause });
  }
  output.set(content);
  free(content);
  return size;
}

/** Reads up to the end of the salt. `rest` holds the bytes read beyond it. */
async function readStart(chunks: AsyncIterator<Uint8Array>) {
  let start: Uint8Array = new Uint8Array();
  for (;;) {
    const header = headerBytes(start);
    if (header !== undefined && start.length >= header + SALT_BYTES) {
      const salt = start.subarray(header, header + SALT_BYTES);
      return { header: start.subarray(0, header), salt, rest: start.subarray(header + SALT_BYTES) };
    }
    const next = await chunks.next();
    if (next.done) throw new WaybillError('object_damaged', 'The sealed file was cut short in its header.');
    // Copies, because the source may reuse its chunk. Headers are small, so this happens rarely.
    start = Buffer.concat([start, next.value]);
  }
}

async function* resume(rest: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield rest;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}
