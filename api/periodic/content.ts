import { WaybillError } from '../../contracts/failures.ts';
import type { ManifestFile } from '../../contracts/manifest.ts';
import { type FileType, type PeriodicFormat, periodicFormat } from '../../contracts/periodic.ts';
import { type Objects, readObject } from '../../stores/objects/objects.ts';
import { unseal } from '../../streams/age/payload.ts';
import { BLOCK_BYTES, checkedBlocks } from '../../streams/checked.ts';
import type { StoredGeneration } from './stored-generation.ts';

/** What files are sent as. */
export interface Form {
  readonly fileType: FileType;
  /** Whether values in JSON have the types of the data model. Says nothing for CSV. */
  readonly typed: boolean;
  /** The private key that opens the file, which is secret; `null`: it is sent as it is stored, an age file. */
  readonly key: string | null;
}

/** Format that is stored of what is asked for. */
export function storedFormat({ fileType, typed }: Form): PeriodicFormat {
  return periodicFormat(fileType, typed);
}

/** Name of the file as a download; sealed, also what tells its two kinds of JSON apart. */
export function contentName({ name, file }: ManifestFile, { fileType, key }: Form): string {
  return key === null ? file : `${name}.${fileType}`;
}

export function contentType({ fileType, key }: Form): string {
  if (key === null) return 'application/octet-stream';
  return fileType === 'csv' ? 'text/csv; charset=utf-8' : 'application/json';
}

/** @returns a count of bytes */
export function contentLength({ bytes, contentBytes }: ManifestFile, { key }: Form): number {
  return key === null ? bytes : contentBytes;
}

/**
 * Streams one file: out of the store, checked against the manifest, and opened. The end comes only when all of it is as
 * it was written. A yielded chunk is valid only until the next one is asked for.
 *
 * @throws WaybillError `object_damaged`, `objects_unavailable`; `gone` when the object is not there
 */
export function openContent(
  objects: Objects,
  generation: StoredGeneration,
  file: ManifestFile,
  form: Form,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stored = readStored(objects, generation, file, signal);
  return form.key === null ? stored : opened(stored, form.key);
}

async function* readStored(
  objects: Objects,
  { prefix }: StoredGeneration,
  { parts }: ManifestFile,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const { name, bytes: length, sha256 } of parts) {
    const source = readObject(objects, { key: `${prefix}${name}`, offset: 0, length }, signal);
    yield* checkedBlocks(source, { length, sha256 }, new Uint8Array(Math.min(BLOCK_BYTES, length)));
  }
}

/** The key is proven before: a header that it does not open is not the one that was written. */
async function* opened(stored: AsyncIterable<Uint8Array>, key: string): AsyncGenerator<Uint8Array> {
  try {
    yield* unseal(stored, key);
  } catch (error) {
    if (!(error instanceof WaybillError && error.code === 'wrong_key')) throw error;
    throw new WaybillError('object_damaged', undefined, { cause: error });
  }
}
