import { setTimeout as delay } from 'node:timers/promises';
import { BROKEN_OFF, CliFailure, EXIT } from '../failure.ts';

/** Consecutive failed attempts before the download fails. */
const ATTEMPTS_MAX = 30;
/** Consecutive responses without a new byte before the file counts as damaged. */
const EMPTY_RESPONSES_MAX = 5;

/** Sends the request for a file; throws a temporary `CliFailure` if a later attempt may succeed. */
export type RequestFile = (headers: Readonly<Record<string, string>>) => Promise<Response>;

export interface ReceiveOptions {
  readonly request: RequestFile;
  /** First byte to request. */
  readonly offset: number;
  /** Size of the file; `null`: the server builds it per request, so only the first response counts. */
  readonly bytesTotal: number | null;
  /** Whether the server answers range requests. */
  readonly ranges: boolean;
  /** Milliseconds between two attempts. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}

/**
 * Yields the bytes of a file from `offset` to the end. After a broken connection it requests the rest; if the server sends
 * the whole file again, it drops the bytes it already has.
 *
 * @throws CliFailure `broken_off` if the connection breaks and the file cannot be requested again
 */
export async function* receive(options: ReceiveOptions): AsyncGenerator<Uint8Array> {
  const { bytesTotal, ranges, retryMs, signal } = options;
  let at = options.offset;
  let attempts = 0;
  let emptyResponses = 0;
  let etag: string | null = null;
  while (bytesTotal === null || at < bytesTotal) {
    const headers = {
      // Compressed in transit, the response would have no Content-Length.
      'accept-encoding': 'identity',
      ...(ranges && at > 0 ? { range: `bytes=${at}-`, ...(etag === null ? {} : { 'if-range': etag }) } : {}),
    };
    const response = await requested(options, headers);
    if (response !== 'unreachable') emptyResponses += 1;
    if (typeof response !== 'string') {
      etag ??= strongTag(response);
      let skip = response.status === 206 ? 0 : at;
      for await (const chunk of chunksOf(response, options)) {
        const fresh = chunk.subarray(skip);
        skip -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        at += fresh.length;
        attempts = 0;
        emptyResponses = 0;
        yield fresh;
      }
      if (bytesTotal === null || at >= bytesTotal) return;
    }
    signal.throwIfAborted();
    attempts += 1;
    if (emptyResponses >= EMPTY_RESPONSES_MAX) throw damaged();
    if (attempts > ATTEMPTS_MAX) throw new CliFailure(EXIT.unreachable, 'The connection was lost too often.');
    await delay(retryMs, undefined, { signal });
  }
}

function damaged(): CliFailure {
  return new CliFailure(EXIT.failed, 'The file breaks off at the same byte every time: it may be damaged.', {
    code: 'object_damaged',
    lines: ['Order the export again, and contact the operator of Waybill.'],
  });
}

/** `If-Range` takes strong tags only. Source: RFC 9110 section 13.1.5. */
function strongTag({ headers }: Response): string | null {
  const etag = headers.get('etag');
  return etag?.startsWith('W/') ? null : etag;
}

async function requested(
  { request, bytesTotal }: ReceiveOptions,
  headers: Readonly<Record<string, string>>,
): Promise<Response | 'broken off' | 'unreachable'> {
  try {
    return await request(headers);
  } catch (error) {
    if (bytesTotal === null || !(error instanceof CliFailure && error.temporary)) throw error;
    return error.code === BROKEN_OFF ? 'broken off' : 'unreachable';
  }
}

/** Ends where the connection breaks, which `fetch` reports with errors of any kind. */
async function* chunksOf({ body }: Response, { bytesTotal, signal }: ReceiveOptions): AsyncGenerator<Uint8Array> {
  try {
    if (body !== null) yield* body;
  } catch (cause) {
    signal.throwIfAborted();
    if (bytesTotal !== null) return;
    throw new CliFailure(EXIT.unreachable, 'The connection broke off before the file was complete.', {
      ...{ code: BROKEN_OFF, temporary: true, cause },
      lines: ['Nothing was saved. Try again.'],
    });
  }
}
