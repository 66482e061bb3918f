/** A chunk of a stream; valid only until the next one is requested. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * Cuts a stream into blocks of exactly `blockBytes`, except for the last. There is always a last block; it is empty only
 * if the whole stream is. Blocks that lie within one chunk of the source are not copied.
 */
export async function* blocksOf(source: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Block> {
  const pending = new Uint8Array(blockBytes);
  let filled = 0;
  for await (const chunk of source) {
    let at = 0;
    if (filled > 0) {
      at = Math.min(blockBytes - filled, chunk.length);
      pending.set(chunk.subarray(0, at), filled);
      filled += at;
      // A full block is held back too, because it may be the last one.
      if (at === chunk.length) continue;
      yield { bytes: pending, last: false };
    }
    for (; chunk.length - at > blockBytes; at += blockBytes) {
      yield { bytes: chunk.subarray(at, at + blockBytes), last: false };
    }
    pending.set(chunk.subarray(at));
    filled = chunk.length - at;
  }
  yield { bytes: pending.subarray(0, filled), last: true };
}

/**
 * How many blocks are processed at once, and how many outputs there are: an output has been yielded, and the next one requested, before
 * the work on the block that is so many later begins. libuv's thread pool has four threads unless UV_THREADPOOL_SIZE is set.
 */
export const JOBS_MAX = 4;

/** Room for the content of a stream at first; it grows, because an archive may have many small files. */
const FIRST_BYTES = 4096;

/** Processes the blocks of one stream, several at once; outputs stay in order. */
export interface ParallelBlocks {
  /** Takes a chunk, which may be reused afterwards. @returns the outputs that had to be waited for */
  write(chunk: Uint8Array): AsyncGenerator<Uint8Array>;
  /** @returns the remaining outputs; that of an empty block if the stream is empty */
  end(): AsyncGenerator<Uint8Array>;
  /** Waits for all running work, whether it succeeds or fails. */
  settle(): Promise<void>;
}

/** @param work runs on the thread pool; must not touch the block after its promise has settled */
export function parallelBlocks(blockBytes: number, work: (block: Uint8Array) => Promise<Uint8Array>): ParallelBlocks {
  const jobs: { readonly input: Uint8Array; readonly output: Promise<Uint8Array> }[] = [];
  let block: Uint8Array = new Uint8Array(Math.min(blockBytes, FIRST_BYTES));
  let filled = 0;
  let begun = false;

  function begin(): void {
    const output = work(block.subarray(0, filled));
    // The error is thrown when the job is taken from the queue; until then it must not count as unhandled.
    output.catch(() => undefined);
    jobs.push({ input: block, output });
    filled = 0;
    begun = true;
  }

  function makeRoom(bytes: number): void {
    if (bytes <= block.length) return;
    const larger = new Uint8Array(Math.min(blockBytes, Math.max(2 * block.length, bytes)));
    larger.set(block.subarray(0, filled));
    block = larger;
  }

  return {
    async *write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const count = Math.min(blockBytes - filled, chunk.length - at);
        makeRoom(filled + count);
        block.set(chunk.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled < blockBytes) continue;
        begin();
        const oldest = jobs.length < JOBS_MAX ? undefined : jobs.shift();
        block = oldest?.input ?? new Uint8Array(blockBytes);
        // The oldest input is refilled only after this yield, when its job is done.
        if (oldest) yield await oldest.output;
      }
    },
    async *end() {
      if (filled > 0 || !begun) begin();
      for (let job = jobs.shift(); job; job = jobs.shift()) yield await job.output;
    },
    async settle() {
      await Promise.allSettled(jobs.map(({ output }) => output));
    },
  };
}

/** A whole-buffer compressor of `node:zlib`, such as `gzip`. */
type Compressor<Options> = (
  input: Uint8Array,
  options: Options,
  callback: (error: Error | null, output: Uint8Array) => void,
) => void;

/** Runs a compressor on the thread pool. */
export function compressBlock<Options>(
  compressor: Compressor<Options>,
  input: Uint8Array,
  options: Options,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    compressor(input, options, (error, output) => (error ? reject(error) : resolve(output)));
  });
}

/**
 * Releases the memory of a buffer immediately. Node allocates a buffer for every read and every cipher call; left to the
 * garbage collector, these cost a full collection every 64 MiB, more than the reading and decryption.
 *
 * Buffers that share memory are left alone: Node puts small chunks that wait to be read, such as 1,400-byte network
 * segments, into its buffer pool, and `transfer` throws on the pool's memory.
 *
 * @param bytes must not be used afterwards
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  const isWhole = byteLength > 0 && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/**
 * As {@link free}, for the output of a compressor of `node:zlib`, which fills a buffer of its own with several chunks, one after the
 * other. A short chunk that was joined from several lies in Node's buffer pool, and may end where the pool does.
 *
 * @param chunk after those before it have been used; its compressor has a `chunkSize` larger than the pool
 */
export function freeFilled({ buffer, byteOffset, byteLength }: Uint8Array): void {
  const isFilled = byteLength > 0 && byteOffset + byteLength === buffer.byteLength;
  if (isFilled && buffer.byteLength > Buffer.poolSize && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
