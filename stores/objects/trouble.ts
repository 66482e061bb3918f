import { S3Error } from 'minio';
import { WaybillError } from '../../contracts/failures.ts';

/** Codes of a store that has no room left. Source: MinIO, cmd/api-errors.go. */
const FULL = new Set(['XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded', 'QuotaExceeded', 'InsufficientStorage']);

/** Codes for a key, or an upload, that is not there. `NotFound` is the client's own for an answer without a body. */
const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);

/**
 * Turns what the store or its client threw into a failure that callers know; the original is kept as `cause`.
 *
 * - No room left: `objects_full`.
 * - TypeError, RangeError and the like are mistakes of ours and stay what they are.
 * - All else (no connection, no answer in time, 5xx, SlowDown, refused credentials, no bucket): `objects_unavailable`.
 */
export function objectsTrouble(error: unknown): unknown {
  if (error instanceof WaybillError || isMistake(error)) return error;
  if (FULL.has(codeOf(error))) return new WaybillError('objects_full', undefined, { cause: error });
  return new WaybillError('objects_unavailable', undefined, { cause: error });
}

/** Whether the store answered that there is no such key or upload. */
export function isMissing(error: unknown): boolean {
  return MISSING.has(codeOf(error));
}

/** Whether the store answered that the object ends before the range. */
export function isBeyondEnd(error: unknown): boolean {
  return codeOf(error) === 'InvalidRange';
}

/** Whether somebody else made the bucket first. */
export function isBucketTaken(error: unknown): boolean {
  return ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(codeOf(error));
}

/** @throws what {@link objectsTrouble} makes of the promise's error. */
export async function asked<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    throw objectsTrouble(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof S3Error ? String(error.code) : '';
}

function isMistake(error: unknown): boolean {
  // A connection that broke may also come as a TypeError, but then has a code.
  const mistake = error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
  return mistake && !('code' in error);
}
