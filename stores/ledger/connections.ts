import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';

/**
 * A pool as Kysely uses it.
 *
 * - It drops a connection as soon as its state is unknown or the server gives it up.
 * - A caller waits for a connection no longer than `waitMs` milliseconds. The connection goes on being made, so that on a
 *   slow link a later caller finds it.
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
      // Nobody waits for it any more; the next caller tries anew and hears of it.
      () => undefined,
    );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function watched(client: PostgresPoolClient & Pick<pg.PoolClient, 'end'>): PostgresPoolClient {
  // At once and not when it is released, because a rollback would wait for the same silent server. The pool removes a
  // client that has ended.
  function fail(error: unknown): never {
    if (endsConnection(error)) void client.end();
    throw error;
  }
  function query<Row>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  function query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  function query<Row>(asked: string | PostgresCursor<Row>, parameters: readonly unknown[] = []) {
    return typeof asked === 'string' ? client.query<Row>(asked, parameters).catch(fail) : client.query<Row>(asked);
  }
  return { query, release: (destroy) => client.release(destroy) };
}

/** SQLSTATEs by which a server says that this connection ends, or that it serves no writes any more. */
const PARTING = /^(08...|57P..|25006|25P03|25P04)$/;

/**
 * Whether a connection is not to be used again after this error: PostgreSQL did not send it, so the state of the
 * statement is unknown, or it says that the connection ends. A server that refuses writes (25006) has become a replica;
 * a new connection finds the one that took over.
 */
function endsConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || PARTING.test(error.code ?? '');
}
