import { deflate, type ZlibOptions } from 'node:zlib';
import { compressBlock, parallelBlocks } from '../streams/blocks.ts';
import { createByteWriter } from './byte-writer.ts';
import { BIAS } from './sav-dictionary.ts';
import { createSpool } from './spool.ts';

/** Bytes of each block but the last, before it is compressed. No other size has been seen in files. */
const BLOCK_BYTES = 0x3f_f000;
const HEADER_BYTES = 24;
/** Of a block's description, and of what precedes them. */
const DESCRIPTION_BYTES = 24;
/** Of what the compressor writes at once. */
const OUTPUT_BYTES = 512 * 1024;

/**
 * The rows of a `.zsav` file: blocks of zlib, described by a trailer. Source: GNU PSPP, "System File Format", Data Record.
 *
 * The header, which comes first, says where the trailer is. That is known only when all is compressed, and the rows come only once. So
 * the blocks wait in a temporary file, which takes disk space for them, but no more memory than without.
 *
 * @param rows as {@link savRows} gives them
 * @param headerAt bytes that precede the result in the file
 * @param directory for the file that holds the blocks
 */
export async function* zsavRows(
  rows: AsyncIterable<Uint8Array>,
  headerAt: number,
  directory: string,
): AsyncGenerator<Uint8Array> {
  const spool = await createSpool(directory);
  try {
    const sizes: number[] = [];
    let plainBytes = 0;
    async function* counted() {
      for await (const chunk of rows) {
        plainBytes += chunk.length;
        yield chunk;
      }
    }
    for await (const block of deflated(counted())) {
      sizes.push(block.length);
      await spool.write(block);
    }
    const trailerAt = headerAt + HEADER_BYTES + sizes.reduce((sum, bytes) => sum + bytes, 0);
    const header = createByteWriter();
    for (const value of [headerAt, trailerAt, DESCRIPTION_BYTES * (sizes.length + 1)]) header.int64(value);
    yield header.bytes;
    yield* spool.read();
    yield trailer(headerAt, sizes, plainBytes);
  } finally {
    await spool.close();
  }
}

async function* deflated(rows: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Level 1: blocks begin with 78 01, as all that have been seen do.
  const work = (block: Uint8Array) => compressBlock<ZlibOptions>(deflate, block, { level: 1, chunkSize: OUTPUT_BYTES });
  const blocks = parallelBlocks(BLOCK_BYTES, work);
  try {
    for await (const chunk of rows) yield* blocks.write(chunk);
    yield* blocks.end();
  } finally {
    await blocks.settle();
  }
}

/** @param sizes of the blocks as they are compressed */
function trailer(headerAt: number, sizes: readonly number[], plainBytes: number): Uint8Array {
  const file = createByteWriter();
  file.int64(-BIAS);
  file.int64(0);
  file.int32(BLOCK_BYTES, sizes.length);
  let at = headerAt + HEADER_BYTES;
  sizes.forEach((bytes, block) => {
    file.int64(headerAt + block * BLOCK_BYTES);
    file.int64(at);
    file.int32(Math.min(BLOCK_BYTES, plainBytes - block * BLOCK_BYTES), bytes);
    at += bytes;
  });
  return file.bytes;
}
