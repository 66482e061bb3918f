import { constants, deflateRaw } from 'node:zlib';
import { free } from '../stores/buffers/free.ts';

/**
 * Of 1 to 9. CSV of the benchmark's table, one core: level 1 takes in 106 MB/s and makes a 2.65th of it, level 6 takes in
 * 44 MB/s and makes a 2.88th. Deflating is what a download waits for, so 8 percent more bytes are the better bargain.
 */
export const LEVEL = 1;

/** Bytes of content in each block but the last. Against one long run, blocks of this size cost a thousandth in size. */
const BLOCK_BYTES = 512 * 1024;

/** A count of blocks in work at once. */
const JOBS_MAX = 4;

/** Bytes that the compressor hands out at once: all of a block, in one turn on the thread pool. */
const OUTPUT_BYTES = BLOCK_BYTES + 4096;

interface Job {
  /** Free again when `output` has resolved. */
  readonly input: Uint8Array;
  readonly output: Promise<Uint8Array>;
}

/**
 * Deflates (RFC 1951) several blocks at once on the thread pool, in order and in bounded memory, as a codec of zip.js.
 * Every block but the last ends with an empty stored one, on a byte (section 3.2.4), so that the blocks can simply follow
 * one another.
 *
 * It is the end of what is written: the memory of a chunk that has it to itself is given back.
 */
export class DeflateStream extends TransformStream<Uint8Array, Uint8Array> {
  static readonly supportedFormats = ['deflate-raw'];

  constructor() {
    const jobs: Job[] = [];
    let block: Uint8Array = new Uint8Array(BLOCK_BYTES);
    let filled = 0;

    function begin(finishFlush: number): void {
      const output = deflateBlock(block.subarray(0, filled), finishFlush);
      // Whoever takes the job from the queue gets its error; until then it is not an unhandled one.
      output.catch(() => undefined);
      jobs.push({ input: block, output });
      filled = 0;
    }

    async function transform(chunk: Uint8Array, controller: TransformStreamDefaultController<Uint8Array>) {
      for (let at = 0; at < chunk.length; ) {
        const count = Math.min(BLOCK_BYTES - filled, chunk.length - at);
        block.set(chunk.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled < BLOCK_BYTES) continue;
        begin(constants.Z_SYNC_FLUSH);
        const oldest = jobs.length < JOBS_MAX ? undefined : jobs.shift();
        block = oldest?.input ?? new Uint8Array(BLOCK_BYTES);
        if (oldest) controller.enqueue(await oldest.output);
      }
      if (chunk.byteLength === chunk.buffer.byteLength) free(chunk);
    }

    async function flush(controller: TransformStreamDefaultController<Uint8Array>) {
      begin(constants.Z_FINISH);
      for (const { output } of jobs) controller.enqueue(await output);
    }

    super({ transform, flush });
  }
}

function deflateBlock(input: Uint8Array, finishFlush: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    deflateRaw(input, { level: LEVEL, finishFlush, chunkSize: OUTPUT_BYTES }, (error, output) => {
      if (error) reject(error);
      else resolve(output);
    });
  });
}
