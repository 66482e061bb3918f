import type { ManifestPart } from '../../contracts/manifest.ts';
import { type Objects, readObject } from '../../stores/objects/objects.ts';
import { BLOCK_BYTES, checkedBlocks } from '../../streams/checked.ts';
import type { ByteRange } from '../http/download.ts';
import type { StoredManifest } from './stored-manifest.ts';

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
  stored: StoredManifest,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const block = new Uint8Array(Math.min(BLOCK_BYTES, range.length));
  for (const slice of slicesOf(stored, range)) {
    const { part, length } = slice;
    const sha256 = length === part.bytes ? part.sha256 : null;
    yield* checkedBlocks(readSlice(objects, stored, slice, signal), { length, sha256 }, block);
  }
}

/**
 * The same, with the chunks as they come from the store, and unchecked: for what verifies every chunk by itself, as age
 * does. A yielded chunk is valid only until the next one is asked for.
 */
export async function* readParts(
  objects: Objects,
  stored: StoredManifest,
  range: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const slice of slicesOf(stored, range)) yield* readSlice(objects, stored, slice, signal);
}

function* slicesOf({ file }: StoredManifest, range: ByteRange): Generator<Slice> {
  const end = range.from + range.length;
  let partFrom = 0;
  for (const part of file.parts) {
    const partEnd = partFrom + part.bytes;
    const from = Math.max(range.from, partFrom);
    const length = Math.min(end, partEnd) - from;
    if (length > 0) yield { part, offset: from - partFrom, length };
    partFrom = partEnd;
  }
}

function readSlice(
  objects: Objects,
  { prefix }: StoredManifest,
  { part, offset, length }: Slice,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  return readObject(objects, { key: `${prefix}${part.name}`, offset, length }, signal);
}
