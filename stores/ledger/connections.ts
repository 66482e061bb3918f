import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';

/**
 * Adapts a pool to Kysely and makes it robust against broken connections.
 *
 * - A connection is closed as soon as its state is unknown or the server ends it.
 * - A caller waits at most `waitMs` milliseconds for a connection. After that the attempt continues in the background, so
 *   on a slow link a later caller can use it.
 */
export function reliable(pool: pg.Pool, waitMs: number): PostgresPool {
  return {
    options: pool.options,
    connect: async () => watched(await within(pool, waitMs)),
    end: () => pool.end(),
  };
}

async function within(pool: pg.Pool, ms: number): Promise<pg.PoolClient> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No connection within ${ms} ms`)), ms);
  const connecting = pool.connect();
  try {
    return await Promise.race([connecting, late]);
  } catch (error) {
    connecting.then(
      (client) => client.release(),
      // The caller has already got its error; the next caller makes its own attempt.
      () => undefined,
    );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function watched(client: PostgresPoolClient & Pick<pg.PoolClient, 'end'>): PostgresPoolClient {
  // Ends the client now rather than on release, because a rollback would wait for the same silent server. The pool
  // removes clients that have ended.
  function fail(error: unknown): never {
    if (endsConnection(error)) void client.end();
    throw error;
  }
  function query<Row>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  function query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  function query<Row>(statement: string | PostgresCursor<Row>, parameters: readonly unknown[] = []) {
    return typeof statement === 'string'
      ? client.query<Row>(statement, parameters).catch(fail)
      : client.query<Row>(statement);
  }
  return { query, release: (destroy) => client.release(destroy) };
}

/** SQLSTATEs that mean that the server ends this connection or has become read-only. */
const CONNECTION_LOST = /^(08...|57P..|25006|25P03|25P04)$/;

/**
 * Whether a connection must be closed after this error: either the error did not come from PostgreSQL, so the state of the
 * statement is unknown, or PostgreSQL ends the connection. A server that refuses writes (25006) has become a replica; a
 * new connection reaches the new primary.
 */
function endsConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || CONNECTION_LOST.test(error.code ?? '');
}
