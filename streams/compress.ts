import { constants, createZstdCompress, gzip, type ZlibOptions } from 'node:zlib';
import type { Compression } from '../contracts/order.ts';
import { compressBlock, parallelBlocks } from './blocks.ts';
import { through } from './transform.ts';

export type Compressed = Exclude<Compression, 'none'>;

/**
 * Bytes of content in each block of gzip but the last. Starting a member takes time: with 1 MiB blocks a compressed export takes a
 * tenth longer. The ratio hardly changes.
 */
export const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Output buffer size of the compressor. A block of CSV or JSON fits it compressed, so one turn on the thread pool is enough;
 * with Node's default of 16 KiB it takes dozens.
 */
const OUTPUT_BYTES = 2 * 1024 * 1024;

/**
 * Compresses a stream on the thread pool, in bounded memory. An empty stream yields a valid empty file.
 *
 * gzip: several blocks at once, each a member of its own (RFC 1952, section 2.2); their concatenation is one valid file.
 * zstd: one frame (RFC 8878, section 3), because decoders that take the whole input in one call often stop after the first.
 */
export async function* compress(source: AsyncIterable<Uint8Array>, kind: Compressed): AsyncGenerator<Uint8Array> {
  if (kind === 'zstd') {
    yield* through(source, createZstdCompress({ params: ZSTD_PARAMETERS, chunkSize: OUTPUT_BYTES }));
    return;
  }
  const blocks = parallelBlocks({
    blockBytes: BLOCK_BYTES,
    endsEmpty: false,
    work: (block) => compressBlock<ZlibOptions>(gzip, block, { level: 1, chunkSize: OUTPUT_BYTES }),
  });
  try {
    for await (const chunk of source) yield* blocks.write(chunk);
    yield* blocks.end();
  } finally {
    await blocks.settle();
  }
}

/** Without `nbWorkers`: Node 24 ends a stream before zstd's own threads have written everything. */
const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
