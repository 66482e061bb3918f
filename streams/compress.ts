import { createZstdCompress, gzip, type ZlibOptions } from 'node:zlib';
import type { Compression } from '../contracts/order.ts';
import { blocksOf, compressBlock, free, JOBS_MAX, parallelBlocks } from './blocks.ts';
import { through } from './transform.ts';
import { createZstdLane, ZSTD_PARAMETERS, type ZstdLane } from './zstd-lane.ts';

export type Compressed = Exclude<Compression, 'none'>;

/**
 * Bytes of content in each block but the last. Starting one takes time: with 1 MiB blocks a compressed export takes a tenth
 * longer. The ratio hardly changes.
 */
export const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Output buffer size of the compressor. A block of CSV or JSON fits it compressed, so one turn on the thread pool is enough;
 * with Node's default of 16 KiB it takes dozens.
 */
const OUTPUT_BYTES = 2 * 1024 * 1024;

/**
 * Bytes of the first zstd frame of a file. Decoders that take the whole input in one call often stop after the first frame,
 * so smaller files have no other. One thread writes a frame; the rest of a larger file is compressed on several.
 */
const FIRST_FRAME_BYTES = 100_000_000;
/** Bytes that are handed to the compressor of the first frame at once: each time costs a turn on the thread pool. */
const FEED_BYTES = 1024 * 1024;

/**
 * Compresses a stream on the thread pool, in order and in bounded memory. Blocks are gzip members (RFC 1952, section 2.2) or
 * zstd frames (RFC 8878, section 3) of their own; their concatenation is one valid file, and so is a concatenation of such
 * files. An empty stream yields a valid empty file.
 */
export async function* compress(
  source: AsyncIterable<Uint8Array>,
  kind: Compressed,
  firstFrameBytes = FIRST_FRAME_BYTES,
): AsyncGenerator<Uint8Array> {
  if (kind === 'gzip') {
    yield* compressBlocks(source, (block) =>
      compressBlock<ZlibOptions>(gzip, block, { level: 1, chunkSize: OUTPUT_BYTES }),
    );
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
      free(chunk);
    }
    if (ended) return;
    yield* compressInLanes(take(() => false));
  } finally {
    await chunks.return?.();
  }
}

/** A block's lane is free again when as many blocks as there are lanes have begun after it: its output has been yielded by then. */
async function* compressInLanes(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const lanes: ZstdLane[] = [];
  let begun = 0;
  try {
    yield* compressBlocks(source, (block) => {
      const place = begun % JOBS_MAX;
      begun += 1;
      lanes[place] ??= createZstdLane();
      return lanes[place].compress(block);
    });
  } finally {
    for (const lane of lanes) lane.close();
  }
}

async function* piecesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of blocksOf(source, FEED_BYTES)) yield bytes;
}

async function* compressBlocks(
  source: AsyncIterable<Uint8Array>,
  work: (block: Uint8Array) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const blocks = parallelBlocks({ blockBytes: BLOCK_BYTES, endsEmpty: false, work });
  try {
    for await (const chunk of source) yield* blocks.write(chunk);
    yield* blocks.end();
  } finally {
    await blocks.settle();
  }
}
