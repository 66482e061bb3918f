import { WaybillError } from '../../contracts/failures.ts';
import type { FileType, GenerationFile, GenerationObject } from '../../contracts/generation.ts';
import { typedJson } from '../../formats/typed-json.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import { unseal } from '../../streams/age/payload.ts';
import { BLOCK_BYTES, checkedBlocks, readObject } from '../objects/read-object.ts';
import type { StoredGeneration } from './stored-generation.ts';

/** What a file is sent as. */
export interface Form {
  readonly fileType: FileType;
  /** Whether values in JSON have the types of the data model. Says nothing for CSV. */
  readonly typed: boolean;
  /** The private key that opens the file, which is secret; `null`: it is sent as it is stored, an age file. */
  readonly key: string | null;
}

/** Name of the file as a download. */
export function contentName({ file }: GenerationFile, { fileType, key }: Form): string {
  return `${file}.${fileType}${key === null ? '.age' : ''}`;
}

export function contentType({ fileType, key }: Form): string {
  if (key === null) return 'application/octet-stream';
  return fileType === 'csv' ? 'text/csv; charset=utf-8' : 'application/json';
}

/** @returns a count of bytes, or `undefined` where the length shows only at the end */
export function contentLength({ objects }: GenerationFile, form: Form): number | undefined {
  const object = objects[form.fileType];
  if (form.key === null) return object.bytes;
  return isTyped(form) ? undefined : object.contentBytes;
}

/** @returns a count of bytes that the file has at the most. Typed values are shorter, but for NaN, which becomes null. */
export function contentBytesMax(file: GenerationFile, form: Form): number {
  return contentLength(file, form) ?? file.objects[form.fileType].contentBytes * 2;
}

/**
 * Streams one file: out of the store, checked against the manifest, opened, and typed where that is wanted. The end
 * comes only when all of it is as it was written. A yielded chunk is valid only until the next one is asked for.
 *
 * @throws WaybillError `object_damaged`, `objects_unavailable`; `gone` when the object is not there
 */
export function openContent(
  objects: Objects,
  { prefix }: StoredGeneration,
  file: GenerationFile,
  form: Form,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stored = readChecked(objects, prefix, file.objects[form.fileType], signal);
  if (form.key === null) return stored;
  const content = opened(stored, form.key);
  return isTyped(form) ? typedJson(content, file.columns) : content;
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

function readChecked(
  objects: Objects,
  prefix: string,
  { name, bytes, sha256 }: GenerationObject,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const source = readObject(objects, { key: `${prefix}${name}`, offset: 0, length: bytes }, signal);
  return checkedBlocks(source, { length: bytes, sha256 }, new Uint8Array(Math.min(BLOCK_BYTES, bytes)));
}

function isTyped({ fileType, typed }: Form): boolean {
  return typed && fileType === 'json';
}
