import { WaybillError } from '../../contracts/failures.ts';
import type { Connect } from './connection.ts';
import { isBeyondEnd, isMissing, isReset, toFailure } from './errors.ts';

interface Range {
  readonly offset: number;
  readonly length: number;
}

interface Origin {
  readonly connect: Connect;
  readonly bucket: string;
  readonly key: string;
}

/** Maximum number of times that one read is resumed. A read of hours may be resumed once for every pause of its reader. */
const RESUMES_MAX = 1000;

/**
 * Implements `Objects.read`. A store closes the connection of a reader that pauses, MinIO after 30 s; then the rest is
 * requested again, as long as every connection delivers something.
 */
export async function* download(
  { connect, bucket, key }: Origin,
  range: Range | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { offset, length } = range ?? { offset: 0, length: undefined };
  let bytes = 0;
  for (let resumes = 0; ; resumes += 1) {
    const before = bytes;
    try {
      signal.throwIfAborted();
      const client = connect(signal);
      if (length === 0) {
        // S3 has no empty ranges; the object must exist all the same.
        await client.statObject(bucket, key);
        return;
      }
      // The client treats a length of 0 as up to the end.
      const left = length === undefined ? 0 : length - bytes;
      const body = await client.getPartialObject(bucket, key, offset + bytes, left);
      for await (const chunk of body) {
        bytes += chunk.length;
        yield chunk;
      }
      break;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const isComplete = length !== undefined && bytes >= length;
      if (isReset(error) && bytes > before && !isComplete && resumes < RESUMES_MAX) continue;
      if (isMissing(error)) throw new WaybillError('not_found', 'There is no such file.', { cause: error });
      if (isBeyondEnd(error)) throw tooShort(error);
      throw toFailure(error);
    }
  }
  // A body cut short of its announced length fails above; this one was announced short.
  if (length !== undefined && bytes !== length) throw tooShort();
}

function tooShort(cause?: unknown): WaybillError {
  return new WaybillError('object_damaged', 'A stored file is shorter than it should be.', { cause });
}
