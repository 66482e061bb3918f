import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import type { RowSum } from '../../contracts/plan.ts';
import type { Fifo } from './fifo.ts';
import type { Session } from './session.ts';
import { inTransaction } from './transaction.ts';
import type { PartContent } from './warehouse.ts';

/** The queries of one part, on a connection that is in a transaction. */
export interface PartQueries {
  /** Prepares `COPY … TO path` with its values bound. */
  prepare(path: string): Promise<DuckDBPreparedStatement>;
  /** @returns the sum of the rows that the COPY, which has ended, has read */
  sum(): Promise<RowSum>;
  /** Called last, whatever happened. */
  end(): void;
}

/** What a COPY needs. */
export interface CopyOptions {
  readonly session: Session;
  /** Attached PostgreSQL databases that the queries read. */
  readonly postgres: readonly string[];
  readonly open: (connection: DuckDBConnection) => Promise<PartQueries>;
  /** Called with the running query, which settles once DuckDB is done with it. */
  readonly track: (query: Promise<unknown>) => void;
  /** Translates an error of DuckDB into a failure. */
  readonly toFailure: (error: unknown) => unknown;
  /** Bytes before the first row. */
  readonly head: Uint8Array;
  readonly signal: AbortSignal;
}

/** Stops the query if the consumer stops early. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** Streams the output of a COPY, which starts when the first chunk is requested. */
export function copyContent(options: CopyOptions): PartContent {
  const sum = Promise.withResolvers<RowSum>();
  // The chunks report the same error, so the consumer may ignore this one.
  sum.promise.catch(() => undefined);

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const stop = new AbortController();
    const signal = AbortSignal.any([options.signal, stop.signal]);
    try {
      sum.resolve(yield* copyChunks({ ...options, signal }, stop));
    } catch (error) {
      const failure = options.signal.aborted ? options.signal.reason : options.toFailure(error);
      sum.reject(failure);
      throw failure;
    } finally {
      sum.reject(new StoppedError('The content was not read to the end.'));
    }
  }
  return { chunks: chunks(), sum: sum.promise };
}

async function* copyChunks(options: CopyOptions, stop: AbortController): AsyncGenerator<Uint8Array, RowSum> {
  const { signal } = options;
  signal.throwIfAborted();
  const fifo = await options.session.fifos.open();
  const copy = runCopy(options, fifo);
  options.track(copy);
  // Handled below; the COPY may fail while the consumer holds a chunk.
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
    stop.abort(new StoppedError('The content was not read to the end.'));
    await copy.catch(() => undefined);
    fifo.close();
  }
}

/**
 * Runs the COPY and then sums its rows in the same transaction. In this order a replaced source is detected even without
 * transactions, as with a Parquet file, because the sum covers what the COPY read or newer rows. The FIFO is finished only
 * afterwards, so the content never ends before the outcome is known. On abort the content is discarded, because an
 * interrupt does not reach a writer that blocks on a full pipe or on opening it.
 */
async function runCopy({ session, postgres, open, signal }: CopyOptions, fifo: Fifo): Promise<RowSum> {
  const copy = async (connection: DuckDBConnection) => {
    const queries = await open(connection);
    try {
      const rows = await runOnce(await queries.prepare(fifo.path), signal);
      signal.throwIfAborted();
      const { rowsHash } = await queries.sum();
      return { rows, rowsHash };
    } finally {
      queries.end();
    }
  };
  let connection: DuckDBConnection | undefined;
  try {
    const opened = await session.connect();
    connection = opened;
    return await inTransaction({ session, connection: opened, postgres }, signal, () => copy(opened), fifo.drain);
  } finally {
    connection?.disconnectSync();
    if (signal.aborted) fifo.close();
    else fifo.finish();
  }
}

/** @returns the number of rows. */
async function runOnce(statement: DuckDBPreparedStatement, signal: AbortSignal): Promise<number> {
  try {
    signal.throwIfAborted();
    return (await statement.run()).rowsChanged;
  } finally {
    statement.destroySync();
  }
}
