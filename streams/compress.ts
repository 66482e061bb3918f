import { constants, gzip, type ZlibOptions, type ZstdOptions, zstdCompress } from 'node:zlib';
import type { Compression } from '../contracts/order.ts';
import { compressBlock, parallelBlocks } from './blocks.ts';

export type Compressed = Exclude<Compression, 'none'>;

/**
 * Bytes of content in each block but the last. Starting a frame takes time: with 1 MiB blocks a compressed export takes a
 * tenth longer. The ratio hardly changes.
 */
export const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Output buffer size of the compressor. A block of CSV or JSON fits it compressed, so one turn on the thread pool is enough;
 * with Node's default of 16 KiB it takes dozens.
 */
const OUTPUT_BYTES = 2 * 1024 * 1024;

/**
 * Compresses a stream, several blocks at once on the thread pool, in order and in bounded memory. Every block is a
 * gzip member (RFC 1952, section 2.2) or zstd frame (RFC 8878, section 3) of its own; their concatenation is one valid
 * file, and so is a concatenation of such files. An empty stream yields a valid empty file.
 */
export async function* compress(source: AsyncIterable<Uint8Array>, kind: Compressed): AsyncGenerator<Uint8Array> {
  const blocks = parallelBlocks({
    blockBytes: BLOCK_BYTES,
    endsEmpty: false,
    work: (block) =>
      kind === 'gzip'
        ? compressBlock<ZlibOptions>(gzip, block, { level: 1, chunkSize: OUTPUT_BYTES })
        : compressBlock<ZstdOptions>(zstdCompress, block, { params: ZSTD_PARAMETERS, chunkSize: OUTPUT_BYTES }),
  });
  try {
    for await (const chunk of source) yield* blocks.write(chunk);
    yield* blocks.end();
  } finally {
    await blocks.settle();
  }
}

const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
