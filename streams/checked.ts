import { createHash } from 'node:crypto';
import { WaybillError } from '../contracts/failures.ts';

/** Bytes of a block. Fewer, larger writes are cheaper; but a client that stops reading holds one. */
export const BLOCK_BYTES = 512 * 1024;

/**
 * Gathers a stream into blocks and yields the last one only if the hash of the whole matches, so a damaged stream never
 * ends normally. A yielded block is valid only until the next one is requested.
 *
 * @param whole length in bytes and SHA-256 of the source; `null`: unknown
 * @param block memory for the blocks; not longer than the source
 * @throws WaybillError `object_damaged`
 */
export async function* checkedBlocks(
  source: AsyncIterable<Uint8Array>,
  whole: { readonly length: number; readonly sha256: string | null },
  block: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const hash = whole.sha256 === null ? undefined : createHash('sha256');
  let left = whole.length;
  let filled = 0;
  for await (const chunk of source) {
    hash?.update(chunk);
    left -= chunk.byteLength;
    for (let at = 0; at < chunk.byteLength; ) {
      const taken = chunk.subarray(at, at + block.byteLength - filled);
      block.set(taken, filled);
      at += taken.byteLength;
      filled += taken.byteLength;
      // The last block waits for the hash.
      if (filled < block.byteLength || (left === 0 && at === chunk.byteLength)) continue;
      yield block;
      filled = 0;
    }
  }
  if (hash && hash.digest('hex') !== whole.sha256) throw new WaybillError('object_damaged');
  yield block.subarray(0, filled);
}
