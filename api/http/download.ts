import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { ApiEnv } from '../deps.ts';

/** Bytes `[from, from + length)` of a file. */
export interface ByteRange {
  readonly from: number;
  readonly length: number;
}

/**
 * Parses a `Range` header. Ignores multiple ranges, other units and malformed values, as RFC 9110 section 14.2 allows.
 *
 * @param size size of the file in bytes
 * @returns `undefined`: send the whole file; `unsatisfiable`: 416
 */
export function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? '');
  if (!match) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { from: size - length, length };
  }
  const from = Number(first);
  if (last !== '' && Number(last) < from) return undefined;
  if (from >= size) return 'unsatisfiable';
  const to = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return { from, length: to - from + 1 };
}

/** Identifies a version of a file. */
export interface Validators {
  /** Strong entity tag with its quotes. */
  readonly etag: string;
  /** In whole seconds, like HTTP dates. */
  readonly modifiedAt: Date;
}

type Header = (name: string) => string | undefined;

/**
 * Evaluates the conditions of a GET or HEAD in the order of RFC 9110 section 13.2.2.
 * @returns the status to answer with, or `undefined` to continue
 */
export function evaluatePreconditions(header: Header, { etag, modifiedAt }: Validators): 304 | 412 | undefined {
  const ifMatch = header('if-match');
  const ifUnmodifiedSince = readDate(header('if-unmodified-since'));
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, etag, 'strong')) return 412;
  } else if (ifUnmodifiedSince !== undefined && modifiedAt > ifUnmodifiedSince) return 412;

  const ifNoneMatch = header('if-none-match');
  const ifModifiedSince = readDate(header('if-modified-since'));
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, etag, 'weak')) return 304;
  } else if (ifModifiedSince !== undefined && modifiedAt <= ifModifiedSince) return 304;
  return undefined;
}

/** Whether `Range` applies: there is no `If-Range`, or it matches this version of the file. Source: RFC 9110 section 13.1.5. */
export function rangeApplies(header: Header, { etag, modifiedAt }: Validators): boolean {
  const ifRange = header('if-range')?.trim();
  if (ifRange === undefined) return true;
  if (/^(?:W\/)?"/.test(ifRange)) return ifRange === etag;
  return readDate(ifRange)?.getTime() === modifiedAt.getTime();
}

function matches(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => (comparison === 'weak' ? tag.replace(/^W\//, '') : tag) === etag);
}

function readDate(text: string | undefined): Date | undefined {
  const date = new Date(text ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Characters outside ASCII, and characters that would need escapes, which clients parse differently. */
const UNSAFE = /[^\x20-\x7e]|["\\%/]/g;

/** `Content-Disposition` of a download. Source: RFC 6266, RFC 8187. */
export function attachment(name: string): string {
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${name.replace(UNSAFE, '_')}"; filename*=UTF-8''${encoded}`;
}

function logFailure(c: Context<ApiEnv>, error: unknown): void {
  const logger = c.get('logger');
  if (c.req.raw.signal.aborted) logger.info({ err: error }, 'the client went away during a download');
  else if (error instanceof WaybillError && error.code === 'object_damaged') {
    logger.error({ err: error }, 'a stored file is damaged: a download was cut off');
  } else logger.error({ err: error }, 'a download was cut off');
}

/**
 * Converts a source to a response body that the client pulls. If the client disconnects, the source ends. If the source
 * fails, so does the body.
 *
 * Reads the first chunk before it returns, so that an early failure can still be a problem response.
 *
 * @param source each chunk, also of the body, is valid only until the next one is requested
 * @param gone aborted by this function if the client disconnects or the source fails
 */
export async function streamBody(
  c: Context<ApiEnv>,
  source: AsyncIterable<Uint8Array>,
  gone: AbortController,
): Promise<ReadableStream<Uint8Array>> {
  const iterator = source[Symbol.asyncIterator]();
  let next: IteratorResult<Uint8Array> | undefined = await iterator.next();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = next ?? (await iterator.next());
          next = undefined;
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          gone.abort();
          logFailure(c, error);
          controller.error(error);
        }
      },
      async cancel() {
        gone.abort();
        await iterator.return?.();
      },
    },
    // No read-ahead: the previous chunk is still in use.
    { highWaterMark: 0 },
  );
}
