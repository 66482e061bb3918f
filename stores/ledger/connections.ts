import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type pg from 'pg';
import { endsConnection } from './trouble.ts';

/** A pool as Kysely uses it, which drops a connection as soon as its state is unknown or the server gives it up. */
export function reliable(pool: pg.Pool): PostgresPool {
  return {
    options: pool.options,
    connect: async () => watched(await pool.connect()),
    end: () => pool.end(),
  };
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
