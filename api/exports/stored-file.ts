import { createHash } from 'node:crypto';
import { WaybillError } from '../../contracts/failures.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import type { ByteRange } from './range.ts';
import type { ManifestFile } from './stored-manifest.ts';

/**
 * Streams the parts of a file in order, or a range of their bytes across the parts' borders. A part that is read whole
 * is checked against its hash before its last chunk is let go, so that a damaged file never ends well.
 *
 * @param hashes whether to check them; what unseals the file does not need it, age verifies every chunk
 * @throws WaybillError `object_damaged`, `objects_unavailable`; `gone` when a part is not there, as while it is deleted
 */
export async function* readStoredFile(
  objects: Objects,
  { manifest, prefix }: ManifestFile,
  range: ByteRange,
  signal: AbortSignal,
  hashes: boolean,
): AsyncGenerator<Uint8Array> {
  const end = range.from + range.length;
  let partFrom = 0;
  for (const part of manifest.parts) {
    const partEnd = partFrom + part.bytes;
    const from = Math.max(range.from, partFrom);
    const length = Math.min(end, partEnd) - from;
    if (length > 0) {
      const source = objects.read(`${prefix}${part.name}`, { offset: from - partFrom, length }, signal);
      yield* hashes && length === part.bytes ? checked(source, part.bytes, part.sha256) : counted(source, length);
    }
    partFrom = partEnd;
  }
}

async function* counted(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  try {
    for await (const chunk of source) {
      left -= chunk.byteLength;
      if (left < 0) throw new WaybillError('object_damaged');
      yield chunk;
    }
  } catch (error) {
    if (error instanceof WaybillError && error.code === 'not_found')
      throw new WaybillError('gone', undefined, { cause: error });
    throw error;
  }
  if (left !== 0) throw new WaybillError('object_damaged');
}

async function* checked(source: AsyncIterable<Uint8Array>, bytes: number, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | undefined;
  for await (const chunk of counted(source, bytes)) {
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (hash.digest('hex') !== sha256) throw new WaybillError('object_damaged');
  if (held) yield held;
}
