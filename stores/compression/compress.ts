import { constants, gzip, zstdCompress } from 'node:zlib';
import type { Compression } from '../../contracts/order.ts';

export type Compressed = Exclude<Compression, 'none'>;

/**
 * Bytes of content in each block but the last. Beginning a frame costs time: with blocks of 1 MiB an export that is
 * compressed takes a tenth longer. The ratio hardly depends on it.
 */
export const BLOCK_BYTES = 4 * 1024 * 1024;

/** A count of blocks in work at once. libuv's thread pool has four threads unless UV_THREADPOOL_SIZE says more. */
const JOBS_MAX = 4;

/**
 * Bytes that the compressor hands out at once. A block of CSV or JSON shrinks to less, so that one turn on the thread
 * pool does it; with Node's default of 16 KiB it takes dozens.
 */
const OUTPUT_BYTES = 2 * 1024 * 1024;

interface Job {
  /** Free again when `output` has resolved. */
  readonly input: Uint8Array;
  readonly output: Promise<Uint8Array>;
}

/**
 * Compresses a stream, several blocks at once on the thread pool, in order and in bounded memory. Every block is a
 * gzip member (RFC 1952, section 2.2) or zstd frame (RFC 8878, section 3) of its own; their concatenation is one valid
 * file, and so is a concatenation of such files. An empty stream gives a valid file that is empty.
 */
export async function* compress(source: AsyncIterable<Uint8Array>, kind: Compressed): AsyncGenerator<Uint8Array> {
  const jobs: Job[] = [];
  let block: Uint8Array = new Uint8Array(BLOCK_BYTES);
  let filled = 0;
  let begun = false;

  function begin(): void {
    const output = compressBlock(block.subarray(0, filled), kind);
    // Whoever takes the job from the queue gets its error; until then it is not an unhandled one.
    output.catch(() => undefined);
    jobs.push({ input: block, output });
    filled = 0;
    begun = true;
  }

  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; ) {
        const count = Math.min(BLOCK_BYTES - filled, chunk.length - at);
        block.set(chunk.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled < BLOCK_BYTES) continue;
        begin();
        const oldest = jobs.length < JOBS_MAX ? undefined : jobs.shift();
        block = oldest?.input ?? new Uint8Array(BLOCK_BYTES);
        if (oldest === undefined) continue;
        // Its input is filled again only after this yield: the job is over by then.
        yield await oldest.output;
      }
    }
    if (filled > 0 || !begun) begin();
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) yield await job.output;
  } finally {
    await Promise.allSettled(jobs.map((job) => job.output));
  }
}

function compressBlock(input: Uint8Array, kind: Compressed): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, output: Uint8Array) => (error ? reject(error) : resolve(output));
    if (kind === 'gzip') gzip(input, { level: 1, chunkSize: OUTPUT_BYTES }, settle);
    else zstdCompress(input, { params: ZSTD_PARAMETERS, chunkSize: OUTPUT_BYTES }, settle);
  });
}

const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
