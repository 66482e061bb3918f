/** A piece of a stream; valid only until the next one is asked for. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * Cuts a stream into blocks of exactly `blockBytes`, except for the last. There is always a last block; it is empty only
 * when the whole stream is. Blocks that lie within one chunk of the source are not copied.
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
      // Even a full block is held back: nothing follows it yet, so it may be the last.
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

/** A count of blocks in work at once. libuv's thread pool has four threads unless UV_THREADPOOL_SIZE says more. */
const JOBS_MAX = 4;

/** Blocks of one stream, several in work at once; their outputs come in order. */
export interface ParallelBlocks {
  /** Takes a chunk, which may be reused afterwards. @returns the outputs that had to be waited for */
  write(chunk: Uint8Array): AsyncGenerator<Uint8Array>;
  /** @returns the remaining outputs. The last block may be empty only where `endsEmpty` says so, or the stream is empty */
  end(): AsyncGenerator<Uint8Array>;
  /** Waits for all work under way, whatever came of it. */
  settle(): Promise<void>;
}

/**
 * @param options.work runs on the thread pool, and does not touch the block once its promise has settled
 * @param options.endsEmpty whether there is a last block also where the blocks before it hold everything
 */
export function parallelBlocks(options: {
  readonly blockBytes: number;
  readonly endsEmpty: boolean;
  readonly work: (block: Uint8Array, last: boolean) => Promise<Uint8Array>;
}): ParallelBlocks {
  const { blockBytes, endsEmpty, work } = options;
  const jobs: { readonly input: Uint8Array; readonly output: Promise<Uint8Array> }[] = [];
  let block: Uint8Array = new Uint8Array(blockBytes);
  let filled = 0;
  let begun = false;

  function begin(last: boolean): void {
    const output = work(block.subarray(0, filled), last);
    // The error reaches whoever takes the job from the queue; until then it is not an unhandled one.
    output.catch(() => undefined);
    jobs.push({ input: block, output });
    filled = 0;
    begun = true;
  }

  return {
    async *write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const count = Math.min(blockBytes - filled, chunk.length - at);
        block.set(chunk.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled < blockBytes) continue;
        begin(false);
        const oldest = jobs.length < JOBS_MAX ? undefined : jobs.shift();
        block = oldest?.input ?? new Uint8Array(blockBytes);
        // The oldest input is refilled only after this yield, when its job is over.
        if (oldest) yield await oldest.output;
      }
    },
    async *end() {
      if (filled > 0 || !begun || endsEmpty) begin(true);
      for (let job = jobs.shift(); job; job = jobs.shift()) yield await job.output;
    },
    async settle() {
      await Promise.allSettled(jobs.map(({ output }) => output));
    },
  };
}

/** A compressor of `node:zlib` that takes a whole buffer, such as `gzip`. */
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
 * Releases the memory of some bytes now. Node allocates a buffer for every read and every cipher call; left to the
 * garbage collector they cost a collection of the whole heap in every 64 MiB, more than the reading and deciphering do.
 *
 * Bytes that share their memory are left alone. Node joins small chunks in its buffer pool, and does so only where chunks
 * wait to be read, as those of a network's 1,400-byte segments do; `transfer` throws on the pool's memory.
 *
 * @param bytes not used afterwards, by anybody
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  const isWhole = byteLength > 0 && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
