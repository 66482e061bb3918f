import { S3Error } from 'minio';
import { WaybillError } from '../../contracts/failures.ts';

/** Codes of a store without free space. Source: MinIO, cmd/api-errors.go. */
const FULL = new Set(['XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded', 'QuotaExceeded', 'InsufficientStorage']);

/** Codes for a missing key or upload. `NotFound` is the client's own, for a response without a body. */
const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);

/**
 * Translates an error of the store or its client into a failure; the original is its `cause`.
 *
 * - No space left: `objects_full`.
 * - TypeError, RangeError and SyntaxError are bugs and stay as they are.
 * - Everything else (no connection, timeout, 5xx, SlowDown, refused credentials, no bucket): `objects_unavailable`.
 */
export function toFailure(error: unknown): unknown {
  if (error instanceof WaybillError || isBug(error)) return error;
  if (FULL.has(codeOf(error))) return new WaybillError('objects_full', undefined, { cause: error });
  return new WaybillError('objects_unavailable', undefined, { cause: error });
}

/** Whether the key or upload does not exist. */
export function isMissing(error: unknown): boolean {
  return MISSING.has(codeOf(error));
}

/** Whether the range begins beyond the end of the object. */
export function isBeyondEnd(error: unknown): boolean {
  return codeOf(error) === 'InvalidRange';
}

/** Whether the other side closed the connection. */
export function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

/** Whether the bucket exists already. */
export function isBucketTaken(error: unknown): boolean {
  return ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(codeOf(error));
}

/** @throws the promise's error, translated by {@link toFailure} */
export async function translateErrors<Result>(result: Promise<Result>): Promise<Result> {
  try {
    return await result;
  } catch (error) {
    throw toFailure(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof S3Error ? String(error.code) : '';
}

function isBug(error: unknown): boolean {
  // A broken connection may also be a TypeError, but one with a code.
  const bug = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
  return bug && !('code' in error);
}
