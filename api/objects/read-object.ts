import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import { free } from '../../streams/blocks.ts';

/** Bytes that leave at once: fewer and larger writes cost less. */
export const BLOCK_BYTES = 1024 * 1024;

/** Some bytes of an object. */
export interface ObjectSlice {
  readonly key: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Streams bytes of an object, counts them, and frees each chunk once the next one is asked for.
 *
 * @throws WaybillError `object_damaged` when the object is shorter, `objects_unavailable`; `gone` when there is none
 */
export async function* readObject(
  objects: Objects,
  { key, offset, length }: ObjectSlice,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let left = length;
  let before: Uint8Array | undefined;
  try {
    for await (const chunk of objects.read(key, { offset, length }, signal)) {
      left -= chunk.byteLength;
      if (left < 0) throw new WaybillError('object_damaged');
      if (before && before.buffer !== chunk.buffer) free(before);
      before = chunk;
      yield chunk;
    }
  } catch (error) {
    if (error instanceof WaybillError && error.code === 'not_found')
      throw new WaybillError('gone', undefined, { cause: error });
    throw error;
  }
  if (left !== 0) throw new WaybillError('object_damaged');
}

/**
 * Gathers a stream into blocks, and lets the last one go only when the hash of the whole fits, so that what is damaged
 * never ends well. A yielded block is valid only until the next one is asked for.
 *
 * @param whole length in bytes and SHA-256 of what the source yields; `null`: there is no hash for it
 * @param block memory to gather in; as long as what is gathered, or shorter
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
