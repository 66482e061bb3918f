import type { DuckDBConnection } from '@duckdb/node-api';
import type { Session } from './session.ts';
import { literal } from './sql-text.ts';

/** The server process that works for one connection in one attached PostgreSQL. */
interface ServerProcess {
  readonly database: string;
  readonly pid: number;
}

/**
 * Does work in one transaction of the connection, which an abort of the signal ends: DuckDB's query by interrupts, and
 * what a PostgreSQL server still computes for it by a cancel request, because DuckDB waits for a server's first row
 * without looking up.
 *
 * @param alsoStop what else has to happen for the work to end; may be called often
 * @throws the work's error, or the signal's reason where that came first
 */
export async function inTransaction<Answer>(
  session: Session,
  connection: DuckDBConnection,
  signal: AbortSignal,
  work: () => Promise<Answer>,
  alsoStop?: () => void,
): Promise<Answer> {
  let processes: readonly ServerProcess[] = [];
  let cancelling: Promise<void> | undefined;

  async function begin(): Promise<Answer> {
    await connection.run('BEGIN TRANSACTION READ ONLY');
    processes = await findProcesses(connection, session.postgresDatabases);
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
    // Whether this succeeds does not matter: the connection is about to be closed, which ends the transaction too.
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

/** Asks the servers to cancel. One that cannot be asked has lost the query too, whose own error then tells. */
async function cancel(session: Session, processes: readonly ServerProcess[]): Promise<void> {
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

/** Milliseconds between two interrupts. */
const AGAIN_MS = 20;

/**
 * Runs a query that an abort of the signal interrupts, again and again until it has ended: an interrupt that comes
 * before the query has begun is forgotten by DuckDB, and a query may wait for a thread of the pool before it begins.
 *
 * @param alsoStop what else has to happen for the query to end; called with each interrupt
 * @returns the query's answer, once it has ended
 * @throws the query's error, or the signal's reason where that came first
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
