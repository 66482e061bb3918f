import { createZstdCompress } from 'node:zlib';
import type { Compression } from '../contracts/order.ts';
import { blocksOf, freeFilled } from './blocks.ts';
import { compressBlocks, DEFLATE_END, deflateLane, GZIP_HEADER, GzipSum, ZSTD_PARAMETERS, zstdLane } from './lane.ts';
import { through } from './transform.ts';

export type Compressed = Exclude<Compression, 'none'>;

/**
 * Bytes of content in each block but the last. Starting one takes time: with 1 MiB blocks a compressed export takes a tenth
 * longer. The ratio hardly changes.
 */
export const BLOCK_BYTES = 4 * 1024 * 1024;

/** The fastest. */
const GZIP_LEVEL = 1;

/**
 * Bytes of the first zstd frame of a file. Decoders that take the whole input in one call often stop after the first frame,
 * so smaller files have no other. One thread writes a frame; the rest of a larger file is compressed on several.
 */
const FIRST_FRAME_BYTES = 100_000_000;
/** Bytes that are handed to the compressor of the first frame at once: each time costs a turn on the thread pool. */
const FEED_BYTES = 1024 * 1024;
/** Output buffer size of that compressor: with Node's default of 16 KiB it takes dozens of turns. */
const OUTPUT_BYTES = 2 * 1024 * 1024;

/**
 * Compresses a stream on the thread pool, in order and in bounded memory, to one gzip member (RFC 1952) or to zstd frames
 * (RFC 8878, section 3). A concatenation of such files is a valid file. An empty stream yields a valid empty file.
 */
export async function* compress(
  source: AsyncIterable<Uint8Array>,
  kind: Compressed,
  firstFrameBytes = FIRST_FRAME_BYTES,
): AsyncGenerator<Uint8Array> {
  if (kind === 'gzip') {
    yield* gzipMember(source);
    return;
  }
  const chunks = source[Symbol.asyncIterator]();
  let written = 0;
  let ended = false;
  async function* take(isEnough: () => boolean) {
    while (!isEnough()) {
      const next = await chunks.next();
      ended = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  }
  try {
    const beginning = take(() => written >= firstFrameBytes);
    const options = { params: ZSTD_PARAMETERS, chunkSize: OUTPUT_BYTES };
    for await (const chunk of through(piecesOf(beginning), createZstdCompress(options))) {
      written += chunk.length;
      yield chunk;
      freeFilled(chunk);
    }
    if (ended) return;
    yield* compressBlocks(
      take(() => false),
      BLOCK_BYTES,
      zstdLane,
    );
  } finally {
    await chunks.return?.();
  }
}

async function* gzipMember(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const sum = new GzipSum();
  async function* summed() {
    for await (const chunk of source) {
      sum.add(chunk);
      yield chunk;
    }
  }
  // Nothing is written before the source has given a block, because it may fail before.
  let isBegun = false;
  for await (const blocks of compressBlocks(summed(), BLOCK_BYTES, () => deflateLane(GZIP_LEVEL))) {
    if (!isBegun) yield GZIP_HEADER;
    isBegun = true;
    yield blocks;
  }
  yield DEFLATE_END;
  yield sum.trailer();
}

async function* piecesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of blocksOf(source, FEED_BYTES)) yield bytes;
}
