import { constants, crc32, createDeflateRaw, createZstdCompress } from 'node:zlib';
import { free, freeFilled, JOBS_MAX, parallelBlocks } from './blocks.ts';

/** Compresses blocks one after the other, each readable by itself, without allocating anything large for each. */
export interface Lane {
  /**
   * @param block must not change until the output is there
   * @returns the block compressed, in memory that a later call overwrites: the next one, or of {@link createLanes}, the one
   *   {@link JOBS_MAX} later
   */
  compress(block: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

type Compressor = ReturnType<typeof createDeflateRaw | typeof createZstdCompress>;

export const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };
/** Bytes of the buffer that a compressor fills, which is released when it is full: more than Node's buffer pool, 64 KiB, has. */
const ZSTD_CHUNK_BYTES = 256 * 1024;
const DEFLATE_CHUNK_BYTES = 128 * 1024;

/** A lane whose outputs are zstd frames (RFC 8878, section 3). */
export function zstdLane(): Lane {
  const flush = constants.ZSTD_e_end;
  return createLane(createZstdCompress({ params: ZSTD_PARAMETERS, chunkSize: ZSTD_CHUNK_BYTES, flush }));
}

/**
 * A lane whose outputs are deflate blocks (RFC 1951) up to a byte boundary. They refer to nothing before them, so outputs of several
 * lanes can be joined. None is the last one of a stream: {@link DEFLATE_END} is.
 *
 * @param level 1 to 9
 */
export function deflateLane(level: number): Lane {
  return createLane(createDeflateRaw({ level, chunkSize: DEFLATE_CHUNK_BYTES, flush: constants.Z_FULL_FLUSH }));
}

/** A last block without content, of fixed codes (RFC 1951, section 3.2.6). */
export const DEFLATE_END: Uint8Array = Uint8Array.of(0x03, 0x00);

/** Comes before the deflate blocks of a gzip member made by the fastest algorithm on Unix, without name and time (RFC 1952, section 2.3). */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3);

/** Sums the content of one gzip member. */
export class GzipSum {
  #checksum = 0;
  #bytes = 0;

  add(content: Uint8Array): void {
    this.#checksum = crc32(content, this.#checksum);
    this.#bytes += content.length;
  }

  /** @returns what comes after the member's deflate blocks */
  trailer(): Uint8Array {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#checksum, 0);
    trailer.writeUInt32LE(this.#bytes % 2 ** 32, 4);
    return trailer;
  }
}

/**
 * A lane over a compressor that lives on. A new one for each block, with its output, costs garbage collections, which take longer the
 * larger the heap of the process is.
 *
 * @param compressor ends a block with each write
 */
function createLane(compressor: Compressor): Lane {
  let output = Buffer.alloc(0);
  let filled = 0;
  let fail: ((error: Error) => void) | undefined;

  compressor.on('data', (chunk: Buffer) => {
    if (filled + chunk.length > output.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (filled + chunk.length));
      output.copy(larger, 0, 0, filled);
      free(output);
      output = larger;
    }
    chunk.copy(output, filled);
    filled += chunk.length;
    freeFilled(chunk);
  });
  compressor.on('error', (error) => fail?.(error));
  compressor.on('close', () => fail?.(new Error('the compressor was closed')));

  return {
    async compress(block) {
      filled = 0;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      fail = reject;
      // Called when all of the block has been given out.
      compressor.write(block, (error) => (error ? reject(error) : resolve()));
      await promise;
      return output.subarray(0, filled);
    },
    close: () => void compressor.destroy(),
  };
}

/**
 * {@link JOBS_MAX} lanes, made when they are first needed; blocks take turns. A block, and whoever uses its output, must be done
 * before the block {@link JOBS_MAX} later begins.
 */
export function createLanes(create: () => Lane): Lane {
  const lanes: Lane[] = [];
  let begun = 0;
  return {
    compress(block) {
      const place = begun % JOBS_MAX;
      begun += 1;
      lanes[place] ??= create();
      return lanes[place].compress(block);
    },
    close() {
      // The asynchronous context of an archive, which has its lanes, outlives it in connections that its entries opened.
      for (const lane of lanes.splice(0)) lane.close();
    },
  };
}

/**
 * Compresses a stream on the thread pool, in order and in bounded memory.
 *
 * @param blockBytes of content in each block but the last
 */
export async function* compressBlocks(
  source: AsyncIterable<Uint8Array>,
  blockBytes: number,
  create: () => Lane,
): AsyncGenerator<Uint8Array> {
  const lanes = createLanes(create);
  const blocks = parallelBlocks(blockBytes, lanes.compress);
  try {
    for await (const chunk of source) yield* blocks.write(chunk);
    yield* blocks.end();
  } finally {
    await blocks.settle();
    lanes.close();
  }
}
