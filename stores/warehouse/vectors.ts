import type { DuckDBConnection, DuckDBDataChunk, DuckDBPreparedStatement } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { RowSum } from '../../contracts/plan.ts';
import type { Chunk, ColumnChunk, Table } from '../../formats/table.ts';
import { free } from '../../streams/blocks.ts';
import { createChunkMemory } from './chunk-memory.ts';
import type { Session } from './session.ts';
import { createTextReader, forEachNull } from './text-vector.ts';
import { inTransaction } from './transaction.ts';
import type { DescribedTable, VectorContent } from './warehouse.ts';

/** The queries of one part, on a connection that is in a transaction. */
export interface VectorQueries {
  readonly table: DescribedTable;
  /** Of columns as the table's variables have them: DOUBLE or VARCHAR. */
  readonly select: DuckDBPreparedStatement;
  /** @returns the sum of the rows that the SELECT, which has ended, has read */
  sum(): Promise<RowSum>;
  /** Called last, whatever happened. */
  end(): void;
}

export interface VectorOptions {
  readonly session: Session;
  /** Attached PostgreSQL databases that the queries read. */
  readonly postgres: readonly string[];
  readonly open: (connection: DuckDBConnection) => Promise<VectorQueries>;
  /** Called with the running query, which settles once DuckDB is done with it. */
  readonly track: (query: Promise<unknown>) => void;
  /** Translates an error of DuckDB into a failure. */
  readonly toFailure: (error: unknown) => unknown;
  /** @returns the failure of a source that has other rows than were counted */
  readonly changed: (counted: number, read: number) => Error;
  readonly signal: AbortSignal;
}

/** Stops the query if the consumer stops early. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** Reads chunks, each of which is valid until the next call. */
type ReadChunk = () => Promise<Chunk | undefined>;

/** Streams the vectors of a SELECT, in one transaction with the queries that describe them. */
export function vectorContent(options: VectorOptions): VectorContent {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const table = Promise.withResolvers<DescribedTable>();
  const reader = Promise.withResolvers<ReadChunk>();
  /** Settles when the consumer has all chunks, or wants no more. */
  const consumed = Promise.withResolvers<void>();
  const sum = Promise.withResolvers<RowSum>();
  // Whoever waits for one of them gets the error; nobody needs to wait for all.
  for (const { promise } of [table, reader, consumed, sum]) promise.catch(() => undefined);
  signal.addEventListener('abort', () => consumed.reject(signal.reason), { once: true });

  const work = async (connection: DuckDBConnection): Promise<RowSum> => {
    const queries = await options.open(connection);
    try {
      table.resolve(queries.table);
      const { read, settle } = await streamChunks(queries, options.changed);
      try {
        reader.resolve(read);
        await consumed.promise;
      } finally {
        await settle();
      }
      const { rowsHash } = await queries.sum();
      return { rows: queries.table.rows, rowsHash };
    } finally {
      queries.end();
    }
  };
  const run = (async () => {
    let connection: DuckDBConnection | undefined;
    try {
      signal.throwIfAborted();
      const opened = await options.session.connect();
      connection = opened;
      const { session, postgres } = options;
      sum.resolve(await inTransaction({ session, connection, postgres }, signal, () => work(opened)));
    } catch (error) {
      const failure = signal.aborted ? signal.reason : options.toFailure(error);
      for (const { reject } of [table, reader, sum]) reject(failure);
    } finally {
      connection?.disconnectSync();
    }
  })();
  options.track(run);

  async function end(): Promise<void> {
    stop.abort(new StoppedError('The content was not read to the end.'));
    await run;
  }
  async function* chunks(): AsyncGenerator<Chunk> {
    let isRead = false;
    try {
      const read = await reader.promise;
      for (;;) {
        const chunk = await read();
        signal.throwIfAborted();
        if (!chunk) break;
        yield chunk;
      }
      isRead = true;
      consumed.resolve();
    } catch (error) {
      isRead = true;
      consumed.reject(error);
    } finally {
      if (isRead) await run;
      else await end();
    }
    // The content never ends before the outcome is known.
    await sum.promise;
  }
  return { table: table.promise, chunks: chunks(), sum: sum.promise, [Symbol.asyncDispose]: end };
}

/**
 * DuckDB computes the next chunk while the consumer uses the one before.
 *
 * @returns `settle` waits until no chunk is being computed
 */
async function streamChunks(
  { table, select }: VectorQueries,
  changed: VectorOptions['changed'],
): Promise<{ readonly read: ReadChunk; readonly settle: () => Promise<void> }> {
  const result = await select.stream();
  const toChunk = createChunkReader(table);
  let rows = 0;
  let pending = fetch();
  // Used below; it may fail while the consumer holds a chunk.
  function fetch(): Promise<DuckDBDataChunk | null> {
    const fetched = result.fetchChunk();
    fetched.catch(() => undefined);
    return fetched;
  }
  return {
    async read() {
      const chunk = await pending;
      if (!chunk || chunk.rowCount === 0) {
        if (rows !== table.rows) throw changed(table.rows, rows);
        return undefined;
      }
      pending = fetch();
      rows += chunk.rowCount;
      if (rows > table.rows) throw changed(table.rows, rows);
      return toChunk(chunk);
    },
    settle: async () => {
      await pending.catch(() => undefined);
    },
  };
}

/** @returns the reader of chunks; it overwrites or releases what its last call returned */
function createChunkReader({ variables }: Table): (chunk: DuckDBDataChunk) => Chunk {
  const readers = variables.map(({ type }) => (type.kind === 'text' ? createTextReader() : createNumberReader()));
  const collect = createChunkMemory(variables);
  return (chunk) => {
    const rows = chunk.rowCount;
    const columns = readers.map((read, at): ColumnChunk => read(duckdb.data_chunk_get_vector(chunk.chunk, at), rows));
    // Frees the texts now, the rest with other chunks.
    duckdb.data_chunk_reset(chunk.chunk);
    collect();
    return { rows, columns };
  };
}

function createNumberReader(): (vector: duckdb.Vector, rows: number) => Float64Array {
  let data: Uint8Array = new Uint8Array();
  return (vector, rows) => {
    free(data);
    // A copy of DuckDB's memory.
    data = duckdb.vector_get_data(vector, rows * Float64Array.BYTES_PER_ELEMENT);
    const numbers = new Float64Array(data.buffer, data.byteOffset, rows);
    forEachNull(vector, rows, (row) => {
      numbers[row] = Number.NaN;
    });
    return numbers;
  };
}
