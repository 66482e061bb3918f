import { constants, createZstdCompress } from 'node:zlib';
import { free } from './blocks.ts';

export const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };

/** Bytes that the compressor gives out at a time, each released once it has been copied. */
const CHUNK_BYTES = 256 * 1024;
/** Of an output, at first: a block of CSV or JSON fits it compressed. */
const OUTPUT_BYTES = 2 * 1024 * 1024;

/** Compresses blocks one after the other, each into a zstd frame of its own, without allocating anything large for each. */
export interface ZstdLane {
  /**
   * @param block must not change until the output is there
   * @returns the frame, in memory that the next call overwrites
   */
  compress(block: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

/**
 * A compressor that lives on. A new one for each block, with its output, costs so many full garbage collections that they take as long
 * as compressing.
 */
export function createZstdLane(): ZstdLane {
  const compressor = createZstdCompress({ params: ZSTD_PARAMETERS, chunkSize: CHUNK_BYTES });
  let output = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
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
    free(chunk);
  });
  compressor.on('error', (error) => fail?.(error));
  compressor.on('close', () => fail?.(new Error('the compressor was closed')));

  return {
    async compress(block) {
      filled = 0;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      fail = reject;
      compressor.write(block);
      // Called when all of the frame has been given out.
      compressor.flush(constants.ZSTD_e_end, resolve);
      await promise;
      return output.subarray(0, filled);
    },
    close: () => void compressor.destroy(),
  };
}
