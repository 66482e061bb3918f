import type { ManifestFile, ManifestPart } from '../../contracts/manifest.ts';
import { BLOCK_BYTES, checkedBlocks } from '../../streams/checked.ts';
import type { StoredRun } from './manifests.ts';
import { type Objects, presentObject, readObject } from './objects.ts';

/** Bytes of a file, counted from its first one. */
interface FileRange {
  readonly from: number;
  readonly length: number;
}

/**
 * Streams a byte range of a file, across its parts. The hash of a part that is read completely is checked before its last
 * block is yielded, so that a damaged file never ends normally. A yielded block is valid only until the next one is
 * requested.
 *
 * @throws WaybillError `object_damaged`, `objects_unavailable`; `gone` if a part is missing, for example during deletion
 */
export async function* readStored(
  objects: Objects,
  stored: StoredRun,
  file: ManifestFile,
  range: FileRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const block = new Uint8Array(Math.min(BLOCK_BYTES, range.length));
  for (const slice of slicesOf(file, range)) {
    const { part, length } = slice;
    const sha256 = length === part.bytes ? part.sha256 : null;
    yield* checkedBlocks(readSlice(objects, stored, slice, signal), { length, sha256 }, block);
  }
}

/** Like {@link readStored}, but without hash checks and in the store's chunks: age authenticates each chunk itself. */
export async function* readUnchecked(
  objects: Objects,
  stored: StoredRun,
  file: ManifestFile,
  range: FileRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const slice of slicesOf(file, range)) yield* readSlice(objects, stored, slice, signal);
}

/** The bytes of one part that a range covers. */
interface Slice {
  readonly part: ManifestPart;
  readonly offset: number;
  readonly length: number;
}

function readSlice(
  objects: Objects,
  { prefix }: StoredRun,
  { part, offset, length }: Slice,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  return readObject(objects, { key: `${prefix}${part.name}`, offset, length }, signal);
}

function* slicesOf({ parts }: ManifestFile, range: FileRange): Generator<Slice> {
  const end = range.from + range.length;
  let partFrom = 0;
  for (const part of parts) {
    const partEnd = partFrom + part.bytes;
    const from = Math.max(range.from, partFrom);
    const length = Math.min(end, partEnd) - from;
    if (length > 0) yield { part, offset: from - partFrom, length };
    partFrom = partEnd;
  }
}

/**
 * The same in the store's chunks, whose memory the reader owns; chunks that share memory are adjacent. Without hash checks:
 * the reader has another way to notice damage.
 *
 * @throws WaybillError `gone`, `objects_unavailable`; `object_damaged` if a part is shorter than it should be
 */
export async function* readStoredChunks(
  objects: Pick<Objects, 'read'>,
  { prefix }: StoredRun,
  file: ManifestFile,
  range: FileRange,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const { part, offset, length } of slicesOf(file, range)) {
    yield* presentObject(objects, { key: `${prefix}${part.name}`, offset, length }, signal);
  }
}
