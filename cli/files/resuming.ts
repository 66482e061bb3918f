import { setTimeout as delay } from 'node:timers/promises';
import { BROKEN_OFF, CliFailure, EXIT } from '../failure.ts';

/** A count of tries in a row that may bring nothing. */
const TRIES_MAX = 30;
/** A count of answers in a row that may break off before they brought a byte. */
const EMPTY_ANSWERS_MAX = 5;

export interface ResumingOptions {
  /** First byte wanted. */
  readonly offset: number;
  /** Size of the whole. */
  readonly bytesTotal: number;
  /** Milliseconds between a loss and the next try. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}

/** Begins to read at an offset; throws a passing `CliFailure` when a later try may do better. */
export type OpenAt = (offset: number) => Promise<AsyncIterable<Uint8Array>>;

/** The bytes from `offset` to the end, although connections drop: each time it goes on where the last one ended. */
export async function* resuming(open: OpenAt, options: ResumingOptions): AsyncGenerator<Uint8Array> {
  const { bytesTotal, retryMs, signal } = options;
  let at = options.offset;
  let tries = 0;
  let emptyAnswers = 0;
  while (at < bytesTotal) {
    const source = await opened(open, at);
    if (source !== 'away') emptyAnswers += 1;
    if (typeof source !== 'string') {
      const chunks = source[Symbol.asyncIterator]();
      try {
        for (let chunk = await nextOf(chunks, signal); chunk !== undefined; chunk = await nextOf(chunks, signal)) {
          at += chunk.length;
          tries = 0;
          emptyAnswers = 0;
          yield chunk;
        }
      } finally {
        await chunks.return?.();
      }
      if (at >= bytesTotal) return;
    }
    signal.throwIfAborted();
    tries += 1;
    if (emptyAnswers >= EMPTY_ANSWERS_MAX) throw damaged();
    if (tries > TRIES_MAX) throw new CliFailure(EXIT.unreachable, 'The connection was lost too often.');
    await delay(retryMs, undefined, { signal });
  }
}

function damaged(): CliFailure {
  return new CliFailure(EXIT.failed, 'Waybill breaks the file off at the same place each time: it may be damaged.', {
    code: 'object_damaged',
    lines: ['Resubmit the export, and tell the operator.'],
  });
}

/** @returns `broken off` when it was reached but did not answer, `away` when it could not be reached. */
async function opened(open: OpenAt, offset: number): Promise<AsyncIterable<Uint8Array> | 'broken off' | 'away'> {
  try {
    return await open(offset);
  } catch (error) {
    if (!(error instanceof CliFailure && error.passing)) throw error;
    return error.code === BROKEN_OFF ? 'broken off' : 'away';
  }
}

/** @returns `undefined` at the end, and where the connection breaks: `fetch` says that with an error of any kind. */
async function nextOf(chunks: AsyncIterator<Uint8Array>, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await chunks.next();
    return done === true ? undefined : value;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
