import { WaybillError } from '../../contracts/failures.ts';
import { manifestKey } from '../../contracts/keys.ts';
import { free } from '../../streams/blocks.ts';

/** Size and hash of an object as it was written. */
export interface WrittenObject {
  readonly bytes: number;
  /** Lower-case hex SHA-256. */
  readonly sha256: string;
}

/** Texts that are stored with an object, by name. */
export type Metadata = Readonly<Record<string, string>>;

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface WriteOptions {
  /** Media type stored with the object. */
  readonly contentType: string;
  readonly signal: AbortSignal;
  /** Called once a multipart upload has begun, before its first part; never for an object that fits one request. */
  readonly onUpload?: (uploadId: string) => void;
  /** Called with the number of bytes acknowledged so far. */
  readonly onProgress?: (bytesStored: number) => void;
}

/**
 * The object store: one bucket of any S3-compatible service. Uses only what all of them have: path-style Put, Get
 * with Range, Head, Delete, ListObjectsV2, multipart.
 *
 * Errors: `WaybillError` with `objects_unavailable` or `objects_full` (a retry may help), `object_damaged`, `not_found`
 * for a missing key where the method says so. Messages contain no host and no key.
 */
export interface Objects {
  /** Creates the bucket if it is missing. */
  prepare(): Promise<void>;

  /**
   * Writes a stream as one object in bounded memory; the object appears whole or not at all. If the source or the store
   * fails, or the signal aborts, the multipart upload is aborted before this rejects with that error. A chunk of the source
   * must stay valid only until the next one is requested.
   *
   * If the connection breaks during the last request, the object may exist although this rejects; if the abort fails too,
   * the upload is left to {@link abortUploadsOf}.
   */
  write(key: string, source: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<WrittenObject>;

  /**
   * Writes a small object in one request. Replaces.
   *
   * @param metadata the user's, in ASCII; names are `[a-z-]+`
   */
  put(key: string, body: Uint8Array, contentType: string, metadata?: Metadata): Promise<void>;

  /** @returns a small object, or `undefined` if it does not exist */
  get(key: string): Promise<Uint8Array | undefined>;

  /**
   * Streams an object, or `length` bytes from `offset`. Ending the iteration or aborting closes the connection. The
   * reader owns the memory of the chunks; chunks that share memory are adjacent.
   *
   * @throws WaybillError `not_found` at the first pull if there is no object; `object_damaged` if the object ends before the
   *   range does; `objects_unavailable` if the connection breaks
   */
  read(
    key: string,
    range: { readonly offset: number; readonly length: number } | undefined,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;

  /** @returns size, time and metadata, that of {@link put} among it, or `undefined` if it does not exist */
  head(key: string): Promise<(ObjectInfo & { readonly metadata: Metadata }) | undefined>;

  /** Every object whose key begins with the prefix, in key order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;

  /** Removes objects; missing ones are not an error. */
  remove(keys: readonly string[]): Promise<void>;

  /**
   * Aborts every multipart upload whose key begins with the prefix, as far as the store lists them: after a restart,
   * MinIO lists them only by exact key, and drops them itself after a day. So also call {@link abortUploadsOf} where the keys
   * are known.
   *
   * @returns the number of aborted uploads
   */
  abortUploads(prefix: string): Promise<number>;

  /** Aborts every multipart upload of exactly these keys, however old. @returns the number of aborted uploads */
  abortUploadsOf(keys: readonly string[]): Promise<number>;

  /** Resolves if the store can be reached. @throws WaybillError `objects_unavailable` */
  ping(): Promise<void>;
}

/** Maximum number of objects that one call removes. */
const REMOVED_AT_ONCE = 1000;

/**
 * Removes everything below a prefix: first the manifest, so that no reader sees a partial export, then uploads and objects.
 *
 * @returns the number of removed objects, without the manifest
 */
export async function removeBelow(
  objects: Pick<Objects, 'list' | 'remove' | 'abortUploads'>,
  prefix: string,
): Promise<number> {
  await objects.remove([manifestKey(prefix)]);
  await objects.abortUploads(prefix);
  let removed = 0;
  let batch: string[] = [];
  const flush = async () => {
    await objects.remove(batch);
    removed += batch.length;
    batch = [];
  };
  for await (const { key } of objects.list(prefix)) {
    batch.push(key);
    if (batch.length === REMOVED_AT_ONCE) await flush();
  }
  if (batch.length > 0) await flush();
  return removed;
}

/** Some bytes of an object. */
export interface ObjectSlice {
  readonly key: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Streams a slice of an object that must exist, and checks its length.
 *
 * @throws WaybillError `object_damaged` if the object is shorter, `gone` if it does not exist, `objects_unavailable`
 */
export async function* presentObject(
  objects: Pick<Objects, 'read'>,
  { key, offset, length }: ObjectSlice,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let left = length;
  try {
    for await (const chunk of objects.read(key, { offset, length }, signal)) {
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

/** Like {@link presentObject}, but frees each chunk once the next one is requested. */
export async function* readObject(
  objects: Pick<Objects, 'read'>,
  slice: ObjectSlice,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let before: Uint8Array | undefined;
  for await (const chunk of presentObject(objects, slice, signal)) {
    if (before && before.buffer !== chunk.buffer) free(before);
    before = chunk;
    yield chunk;
  }
}
