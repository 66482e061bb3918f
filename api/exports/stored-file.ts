import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import type { ManifestPart } from '../../contracts/manifest.ts';
import { free } from '../../stores/buffers/free.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import type { ByteRange } from './range.ts';
import type { ManifestFile } from './stored-manifest.ts';

/** Bytes that leave at once: fewer and larger writes cost less. */
const BLOCK_BYTES = 1024 * 1024;

/** The bytes of one part that a range covers. */
interface Slice {
  readonly part: ManifestPart;
  readonly offset: number;
  readonly length: number;
}

/**
 * Streams the parts of a file in order, or a range of their bytes across the parts' borders. A part that is read whole
 * is checked against its hash before its last block is let go, so that a damaged file never ends well. A yielded block
 * is valid only until the next one is asked for.
 *
 * @throws WaybillError `object_damaged`, `objects_unavailable`; `gone` when a part is not there, as while it is deleted
 */
export async function* readStoredFile(
  objects: Objects,
  file: ManifestFile,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const block = new Uint8Array(Math.min(BLOCK_BYTES, range.length));
  for (const slice of slicesOf(file, range))
    yield* checkedBlocks(readSlice(objects, file, slice, signal), slice, block);
}

/**
 * The same, with the chunks as they come from the store, and unchecked: for what verifies every chunk by itself, as age
 * does. A yielded chunk is valid only until the next one is asked for.
 */
export async function* readParts(
  objects: Objects,
  file: ManifestFile,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const slice of slicesOf(file, range)) yield* readSlice(objects, file, slice, signal);
}

function* slicesOf({ manifest }: ManifestFile, range: ByteRange): Generator<Slice> {
  const end = range.from + range.length;
  let partFrom = 0;
  for (const part of manifest.parts) {
    const partEnd = partFrom + part.bytes;
    const from = Math.max(range.from, partFrom);
    const length = Math.min(end, partEnd) - from;
    if (length > 0) yield { part, offset: from - partFrom, length };
    partFrom = partEnd;
  }
}

/** Counts the bytes, and frees each chunk once the next one is asked for. */
async function* readSlice(
  objects: Objects,
  { prefix }: ManifestFile,
  { part, offset, length }: Slice,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let left = length;
  let before: Uint8Array | undefined;
  try {
    for await (const chunk of objects.read(`${prefix}${part.name}`, { offset, length }, signal)) {
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

/** @param block memory to gather in; as long as what is gathered, or shorter */
async function* checkedBlocks(
  source: AsyncIterable<Uint8Array>,
  { part, length }: Slice,
  block: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const hash = length === part.bytes ? createHash('sha256') : undefined;
  let left = length;
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
  if (hash && hash.digest('hex') !== part.sha256) throw new WaybillError('object_damaged');
  yield block.subarray(0, filled);
}
