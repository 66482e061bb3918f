import { createDecipheriv, type KeyObject } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import { free } from '../buffers/free.ts';
import { type Block, blocksOf } from './blocks.ts';
import { headerBytes, openHeader } from './header.ts';
import { CHUNK_BYTES, CIPHER, payloadKey, SALT_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES, writeNonce } from './stream.ts';

/** A count of opened chunks that leave at once: 1 MiB. */
const OUTPUT_CHUNKS = 16;

/**
 * Opens an age v1 file. Every chunk is verified before any byte of it is yielded; a yielded chunk is valid only until
 * the next one is asked for. The content is complete only when the iteration ends without error.
 *
 * @param identity one or more private keys, one a line, as in a key file of `age`
 * @throws WaybillError `wrong_key` when no key opens the file, before anything is yielded; `object_damaged` when the
 *   file was altered, cut short or extended, or is not an age file.
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

/** @returns a count of bytes written to `output`, all of them verified. */
function openChunk(key: KeyObject, index: number, { bytes, last }: Block, output: Buffer): number {
  const size = bytes.length - TAG_BYTES;
  // Specification: the final chunk is empty only when the whole content is.
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

/** Reads up to the end of the salt. `rest` is what was read beyond it. */
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
    // Copies: the source may reuse its chunk. Headers are small, so this happens a few times at most.
    start = Buffer.concat([start, next.value]);
  }
}

async function* resume(rest: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield rest;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}
