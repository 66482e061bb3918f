import type { DuckDBConnection } from '@duckdb/node-api';

/** Milliseconds between two interrupts. */
const AGAIN_MS = 20;

/**
 * Interrupts a connection until its query has ended: an interrupt that comes before the query has begun is forgotten
 * by DuckDB, and a query may wait for a thread of the pool before it begins.
 *
 * @returns ends the interrupting
 */
function interruptUntilEnded(connection: DuckDBConnection): () => void {
  connection.interrupt();
  const timer = setInterval(() => connection.interrupt(), AGAIN_MS);
  return () => clearInterval(timer);
}

/**
 * Runs a query that an abort of the signal interrupts.
 *
 * @param onAbort what else has to happen for the query to end
 * @returns the query's answer, once it has ended
 * @throws the query's error, or the signal's reason where that came first
 */
export async function interruptible<Answer>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  query: () => Promise<Answer>,
  onAbort?: () => void,
): Promise<Answer> {
  signal.throwIfAborted();
  let endInterrupts: (() => void) | undefined;
  const abort = () => {
    endInterrupts = interruptUntilEnded(connection);
    onAbort?.();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await query();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    endInterrupts?.();
  }
}
