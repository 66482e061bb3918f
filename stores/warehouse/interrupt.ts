import type { DuckDBConnection } from '@duckdb/node-api';

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
