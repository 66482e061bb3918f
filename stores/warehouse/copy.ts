import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { type Fifo, openFifo } from './fifo.ts';
import { interruptible } from './interrupt.ts';
import type { PartContent } from './warehouse.ts';

/** What a COPY needs. */
export interface CopyOptions {
  /** Opens a connection that belongs to this COPY. */
  readonly connect: () => Promise<DuckDBConnection>;
  /** Prepares `COPY … TO path` with its values bound. */
  readonly prepare: (connection: DuckDBConnection, path: string) => Promise<DuckDBPreparedStatement>;
  /** Told of the query as it begins; settles when DuckDB is done with it. */
  readonly track: (query: Promise<unknown>) => void;
  /** Turns an error of DuckDB into one that callers know. */
  readonly trouble: (error: unknown) => unknown;
  /** Bytes before the first row. */
  readonly head: Uint8Array;
  /** Directory that DuckDB may write to. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** Ends the query of a consumer who stopped early. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** Streams what a COPY writes. Nothing begins before the first chunk is asked for. */
export function copyContent(options: CopyOptions): PartContent {
  const rows = Promise.withResolvers<number>();
  // A consumer learns of the same error from the chunks and need not look here.
  rows.promise.catch(() => undefined);

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const stop = new AbortController();
    const signal = AbortSignal.any([options.signal, stop.signal]);
    try {
      rows.resolve(yield* copyChunks({ ...options, signal }, stop));
    } catch (error) {
      const failure = options.signal.aborted ? options.signal.reason : options.trouble(error);
      rows.reject(failure);
      throw failure;
    } finally {
      rows.reject(new StoppedError('The content was not read to its end.'));
    }
  }
  return { chunks: chunks(), rows: rows.promise };
}

/** @returns a count of rows. */
async function* copyChunks(options: CopyOptions, stop: AbortController): AsyncGenerator<Uint8Array, number> {
  const { signal } = options;
  signal.throwIfAborted();
  const fifo = await openFifo(options.directory);
  const copy = runCopy(options, fifo);
  options.track(copy);
  // Handled below; it may fail while the consumer holds a chunk.
  copy.catch(() => undefined);
  try {
    if (options.head.length > 0) yield options.head;
    for (;;) {
      const bytes = await fifo.next();
      signal.throwIfAborted();
      if (!bytes) break;
      yield bytes;
    }
    return await copy;
  } finally {
    stop.abort(new StoppedError('The content was not read to its end.'));
    await copy.catch(() => undefined);
    fifo.close();
  }
}

/**
 * Runs the COPY until it has ended. The FIFO is finished only then, so the content never ends before the outcome is
 * known. When the signal aborts, the content is thrown away: a writer in a full pipe, or in the opening of one, is not
 * seen by an interrupt.
 */
async function runCopy(options: CopyOptions, fifo: Fifo): Promise<number> {
  let connection: DuckDBConnection | undefined;
  try {
    connection = await options.connect();
    const statement = await options.prepare(connection, fifo.path);
    try {
      const result = await interruptible(connection, options.signal, () => statement.run(), fifo.drain);
      return result.rowsChanged;
    } finally {
      statement.destroySync();
    }
  } finally {
    connection?.disconnectSync();
    if (options.signal.aborted) fifo.close();
    else fifo.finish();
  }
}
