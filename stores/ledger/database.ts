import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { reliable } from './connections.ts';
import type { Tables } from './schema.ts';
import { ledgerTrouble } from './trouble.ts';

/** Milliseconds after which PostgreSQL ends a statement. Every statement here is served by an index. */
export const STATEMENT_MS_MAX = 10_000;
/** Milliseconds after which the driver gives a connection up that stays silent: longer than the server's own limit. */
const SILENCE_MS_MAX = 15_000;
/** Milliseconds that making a connection may take: several round trips, on the slowest link that is of use. */
const CONNECT_MS_MAX = 20_000;
/** Milliseconds that a caller waits for a connection, new or returned by another caller. */
const WAIT_MS_MAX = 10_000;
/** Milliseconds that an unused connection is kept: longer than the pause between two looks of a health check. */
const IDLE_MS_MAX = 60_000;
/** Milliseconds of silence after which the system begins to probe whether the other end is still there. */
const PROBE_AFTER_MS = 10_000;

const INT8 = 20;

/** Runs queries with errors translated by {@link ledgerTrouble}. */
export interface Database {
  /** For one statement: it is a transaction by itself. */
  query<Result>(work: (db: Kysely<Tables>) => Promise<Result>): Promise<Result>;
  /** For several that belong together, at READ COMMITTED. */
  transaction<Result>(work: (db: Transaction<Tables>) => Promise<Result>): Promise<Result>;
  /** Waits for connections that are being made, at most {@link CONNECT_MS_MAX}. */
  close(): Promise<void>;
}

/** @param statementMsMax milliseconds a statement may take; 0: no limit, for migrations that wait for their lock. */
export function connect(url: string, connectionsMax: number, statementMsMax: number): Kysely<Tables> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    application_name: 'waybill',
    keepAlive: true,
    keepAliveInitialDelayMillis: PROBE_AFTER_MS,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    idleTimeoutMillis: IDLE_MS_MAX,
    statement_timeout: statementMsMax,
    query_timeout: statementMsMax === 0 ? undefined : SILENCE_MS_MAX,
    types: { getTypeParser: typeParser },
  });
  // An idle connection that the server ends is reported here and has already left the pool; without a listener the
  // process would die of it. The next query opens a new connection and says itself when it cannot.
  pool.on('error', () => undefined);
  // The pool takes its own listener away from a connection that is in use. One that ends then fails the statement under
  // way, or the next one, so nothing is lost here.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // Nobody waits for a migration's answer.
  const waitMs = statementMsMax === 0 ? CONNECT_MS_MAX : WAIT_MS_MAX;
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: reliable(pool, waitMs) }) });
}

/** 64-bit integers as numbers: counts of rows and bytes stay far below 2^53. */
function typeParser(id: number, format?: 'text' | 'binary') {
  return id === INT8 ? Number : pg.types.getTypeParser(id, format ?? 'text');
}

export function createDatabase(db: Kysely<Tables>): Database {
  async function translated<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw ledgerTrouble(error);
    }
  }
  return {
    query: (work) => translated(work(db)),
    transaction: (work) => translated(db.transaction().execute(work)),
    close: () => db.destroy(),
  };
}
