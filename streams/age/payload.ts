/**
 * The payload of an age file: STREAM, 64 KiB chunks of ChaCha20-Poly1305, each under a nonce that counts the chunks and
 * flags the last one, so that reordering, truncation and extension are detected.
 *
 * Specification: https://c2sp.org/age#payload
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { type Block, blocksOf, free } from '../blocks.ts';
import { openHeader, sealHeader } from './header.ts';
import { CHUNK_BYTES, SALT_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES, writeNonce } from './layout.ts';
import { readStart, resume } from './start.ts';

/** Name of the cipher as `node:crypto` knows it. */
const CIPHER = 'chacha20-poly1305';

/** Most chunks of a yielded block: 1 MiB. The first block has one, so that small files take little memory. */
const OUTPUT_CHUNKS = 16;

/** @returns the payload key, as a KeyObject so that it is prepared once and not for every chunk */
function payloadKey(fileKey: Uint8Array, salt: Uint8Array): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', fileKey, salt, 'payload', 32)));
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
      if (index === 1 && !last) output = Buffer.allocUnsafeSlow(OUTPUT_CHUNKS * SEALED_CHUNK_BYTES);
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
