import type { DuckDBConnection } from '@duckdb/node-api';
import type { Session } from './session.ts';
import { literal } from './sql-text.ts';

/** The backend process of one connection to an attached PostgreSQL. */
interface ServerProcess {
  readonly database: string;
  readonly pid: number;
}

/** A connection and what a query on it may read. */
export interface Querying {
  readonly session: Pick<Session, 'connect'>;
  readonly connection: DuckDBConnection;
  /** Attached PostgreSQL databases that the query reads. One that is down is no concern of other queries. */
  readonly postgres: readonly string[];
}

/**
 * Runs work in one transaction of the connection. Aborting the signal interrupts DuckDB's query and sends a cancel request
 * to attached PostgreSQL servers, because DuckDB does not notice interrupts while it waits for a server's first row.
 *
 * @param alsoStop further action that ends the work; may be called repeatedly
 * @throws the work's error, or the signal's reason if that came first
 */
export async function inTransaction<Answer>(
  { session, connection, postgres }: Querying,
  signal: AbortSignal,
  work: () => Promise<Answer>,
  alsoStop?: () => void,
): Promise<Answer> {
  let processes: readonly ServerProcess[] = [];
  let cancelling: Promise<void> | undefined;

  async function begin(): Promise<Answer> {
    await connection.run('BEGIN TRANSACTION READ ONLY');
    processes = await findProcesses(connection, postgres);
    signal.throwIfAborted();
    return work();
  }
  function stop(): void {
    alsoStop?.();
    if (processes.length === 0) return;
    cancelling ??= cancel(session, processes).finally(() => {
      cancelling = undefined;
    });
  }

  try {
    const answer = await interruptible(connection, signal, begin, stop);
    await connection.run('ROLLBACK');
    return answer;
  } catch (error) {
    // Errors do not matter: closing the connection ends the transaction too.
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    await cancelling;
  }
}

async function findProcesses(
  connection: DuckDBConnection,
  databases: readonly string[],
): Promise<readonly ServerProcess[]> {
  const processes: ServerProcess[] = [];
  for (const database of databases) {
    const result = await connection.runAndReadAll(onServer(database, 'SELECT pg_backend_pid()'));
    processes.push({ database, pid: Number(result.getRows()[0]?.[0]) });
  }
  return processes;
}

/** Sends cancel requests. If a server cannot be reached, the query itself fails and reports that. */
async function cancel(session: Querying['session'], processes: readonly ServerProcess[]): Promise<void> {
  const connection = await session.connect();
  try {
    for (const { database, pid } of processes) {
      await connection.run(onServer(database, `SELECT pg_cancel_backend(${pid})`)).catch(() => undefined);
    }
  } finally {
    connection.disconnectSync();
  }
}

function onServer(database: string, sql: string): string {
  return `SELECT * FROM postgres_query(${literal(database)}, ${literal(sql)})`;
}

/** Interval between interrupts, in milliseconds. */
const AGAIN_MS = 20;

/**
 * Runs a query. On abort, interrupts it repeatedly until it has ended: DuckDB drops an interrupt that arrives before the
 * query has started, and a query may first wait for a thread of the pool.
 *
 * @param alsoStop further action that ends the query; called with each interrupt
 * @returns the query's result
 * @throws the query's error, or the signal's reason if that came first
 */
export async function interruptible<Answer>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  query: () => Promise<Answer>,
  alsoStop?: () => void,
): Promise<Answer> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    connection.interrupt();
    alsoStop?.();
  };
  const abort = () => {
    stop();
    timer = setInterval(stop, AGAIN_MS);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await query();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    clearInterval(timer);
  }
}
