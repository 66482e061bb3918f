import { WaybillError } from '../../contracts/failures.ts';
import type { Connect } from './connection.ts';
import { isBeyondEnd, isMissing, toFailure } from './errors.ts';

interface Range {
  readonly offset: number;
  readonly length: number;
}

interface Origin {
  readonly connect: Connect;
  readonly bucket: string;
  readonly key: string;
}

/** Implements `Objects.read`. */
export async function* download(
  { connect, bucket, key }: Origin,
  range: Range | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    signal.throwIfAborted();
    const client = connect(signal);
    if (range?.length === 0) {
      // S3 has no empty ranges; the object must exist all the same.
      await client.statObject(bucket, key);
      return;
    }
    // The client treats a length of 0 as up to the end.
    const body = await client.getPartialObject(bucket, key, range?.offset ?? 0, range?.length ?? 0);
    for await (const chunk of body) {
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (isMissing(error)) throw new WaybillError('not_found', 'There is no such file.', { cause: error });
    if (isBeyondEnd(error)) throw tooShort(error);
    throw toFailure(error);
  }
  // A body cut short of its announced length fails above; this one was announced short.
  if (range !== undefined && bytes !== range.length) throw tooShort();
}

function tooShort(cause?: unknown): WaybillError {
  return new WaybillError('object_damaged', 'A stored file is shorter than it should be.', { cause });
}
