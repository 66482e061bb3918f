import {
  CamelCasePlugin,
  Kysely,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type PostgresQueryResult,
  sql,
  type Transaction,
} from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { endsConnection, toFailure } from './errors.ts';
import * as first from './migrations/0001_first.ts';
import * as warehouseKey from './migrations/0002_warehouse_key.ts';
import * as signingKeys from './migrations/0003_signing_keys.ts';
import * as recurring from './migrations/0004_recurring.ts';
import * as sftp from './migrations/0005_sftp.ts';
import * as acknowledgement from './migrations/0006_acknowledgement.ts';
import * as destinations from './migrations/0007_destinations.ts';
import * as webhooks from './migrations/0008_webhooks.ts';
import * as requests from './migrations/0009_requests.ts';
import * as portalSessions from './migrations/0010_portal_sessions.ts';
import * as portalAccess from './migrations/0011_portal_access.ts';
import * as archives from './migrations/0012_archives.ts';
import * as runsByState from './migrations/0013_runs_by_state.ts';
import * as restoredArchives from './migrations/0014_restored_archives.ts';
import type { Tables } from './tables.ts';

/** Milliseconds after which PostgreSQL ends a statement. Every statement here is served by an index. */
const STATEMENT_MS_MAX = 10_000;
/** Milliseconds without an answer after which the driver drops a connection: longer than the server's own limit. */
const SILENCE_MS_MAX = 15_000;
/** Timeout for making a connection, in milliseconds: several round trips on a very slow link. */
const CONNECT_MS_MAX = 20_000;
/** How long a caller waits for a new or returned connection, in milliseconds. */
const WAIT_MS_MAX = 10_000;
/** How long an idle connection is kept, in milliseconds: longer than the interval of health checks. */
const IDLE_MS_MAX = 60_000;
/** Milliseconds of silence after which TCP keep-alive starts to probe the server. */
const PROBE_AFTER_MS = 10_000;

const INT8 = 20;

/** The time at which the transaction began. */
export const NOW = sql<Date>`now()`;

/** Runs queries with errors translated by {@link toFailure}. */
export interface Database {
  /** Runs a single statement, which is its own transaction. */
  query<Result>(work: (db: Kysely<Tables>) => Promise<Result>): Promise<Result>;
  /** Runs several statements in one transaction, at READ COMMITTED. */
  transaction<Result>(work: (db: Transaction<Tables>) => Promise<Result>): Promise<Result>;
  /** Waits at most {@link CONNECT_MS_MAX} for connections that are still being made. */
  close(): Promise<void>;
}

/** @param statementMsMax statement timeout in milliseconds; 0: none, for migrations that wait for their lock */
function connect(url: string, connectionsMax: number, statementMsMax: number): Kysely<Tables> {
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
  // Reports an idle connection that the server ended; it has already left the pool. Without a listener the process would
  // crash. The next query opens a new connection and reports its own errors.
  pool.on('error', () => undefined);
  // The pool removes its own listener from a connection in use. If such a connection ends, the current or the next
  // statement fails, so the error can be ignored here.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // No request waits for a migration.
  const waitMs = statementMsMax === 0 ? CONNECT_MS_MAX : WAIT_MS_MAX;
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: reliable(pool, waitMs) }),
    // Columns are snake_case in PostgreSQL and in `sql` templates; keys inside jsonb values are left alone.
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
}

/** 64-bit integers as numbers: counts of rows and bytes stay far below 2^53. */
function typeParser(id: number, format?: 'text' | 'binary') {
  return id === INT8 ? Number : pg.types.getTypeParser(id, format ?? 'text');
}

/**
 * Adapts a pool to Kysely and makes it robust against broken connections.
 *
 * - A connection is closed as soon as its state is unknown or the server ends it.
 * - A caller waits at most `waitMs` milliseconds for a connection. After that the attempt continues in the background, so
 *   on a slow link a later caller can use it.
 */
function reliable(pool: pg.Pool, waitMs: number): PostgresPool {
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
  function query<Row>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<Row>>;
  function query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>;
  function query<Row>(statement: string | PostgresCursor<Row>, parameters: readonly unknown[] = []) {
    return typeof statement === 'string'
      ? client.query<Row>(statement, parameters).catch(fail)
      : client.query<Row>(statement);
  }
  return { query, release: (destroy) => client.release(destroy) };
}

export function createDatabase(url: string, connectionsMax: number): Database {
  const db = connect(url, connectionsMax, STATEMENT_MS_MAX);
  async function translateErrors<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw toFailure(error);
    }
  }
  return {
    query: (work) => translateErrors(work(db)),
    transaction: (work) => translateErrors(db.transaction().execute(work)),
    close: () => db.destroy(),
  };
}

/**
 * Brings the schema up to date: all or nothing, in one transaction, under PostgreSQL's advisory lock. Of several
 * processes, the later ones wait and then find nothing to do. Uses its own connection without a statement timeout, because
 * waiting for the lock counts as a statement.
 */
export async function migrate(url: string): Promise<void> {
  const db = connect(url, 1, 0);
  const migrator = new Migrator({
    db,
    // Never change a released migration; add a new one.
    provider: {
      getMigrations: async () => ({
        '0001_first': first,
        '0002_warehouse_key': warehouseKey,
        '0003_signing_keys': signingKeys,
        '0004_recurring': recurring,
        '0005_sftp': sftp,
        '0006_acknowledgement': acknowledgement,
        '0007_destinations': destinations,
        '0008_webhooks': webhooks,
        '0009_requests': requests,
        '0010_portal_sessions': portalSessions,
        '0011_portal_access': portalAccess,
        '0012_archives': archives,
        '0013_runs_by_state': runsByState,
        '0014_restored_archives': restoredArchives,
      }),
    },
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
  });
  try {
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw toFailure(error);
  } finally {
    await db.destroy();
  }
}

/** PostgreSQL's `text` and `jsonb` cannot hold NUL or lone surrogates; both are replaced by U+FFFD. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
