import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { WaybillError } from '../../contracts/failures.ts';
import { reliable } from './connections.ts';
import * as first from './migrations/0001_first.ts';
import type { Tables } from './tables.ts';

/** Milliseconds after which PostgreSQL ends a statement. Every statement here is served by an index. */
const STATEMENT_MS_MAX = 10_000;
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

/** Runs queries with errors translated by {@link toFailure}. */
export interface Database {
  /** For one statement: it is a transaction by itself. */
  query<Result>(work: (db: Kysely<Tables>) => Promise<Result>): Promise<Result>;
  /** For several that belong together, at READ COMMITTED. */
  transaction<Result>(work: (db: Transaction<Tables>) => Promise<Result>): Promise<Result>;
  /** Waits for connections that are being made, at most {@link CONNECT_MS_MAX}. */
  close(): Promise<void>;
}

/** @param statementMsMax milliseconds a statement may take; 0: no limit, for migrations that wait for their lock. */
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
  // An idle connection that the server ends is reported here and has already left the pool; without a listener the
  // process would die of it. The next query opens a new connection and says itself when it cannot.
  pool.on('error', () => undefined);
  // The pool takes its own listener away from a connection that is in use. One that ends then fails the statement under
  // way, or the next one, so nothing is lost here.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // Nobody waits for a migration's answer.
  const waitMs = statementMsMax === 0 ? CONNECT_MS_MAX : WAIT_MS_MAX;
  return new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: reliable(pool, waitMs) }),
    // Columns are snake_case in PostgreSQL and in `sql` templates; the members of jsonb values stay as they are.
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  });
}

/** 64-bit integers as numbers: counts of rows and bytes stay far below 2^53. */
function typeParser(id: number, format?: 'text' | 'binary') {
  return id === INT8 ? Number : pg.types.getTypeParser(id, format ?? 'text');
}

export function createDatabase(url: string, connectionsMax: number): Database {
  const db = connect(url, connectionsMax, STATEMENT_MS_MAX);
  async function translated<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      throw toFailure(error);
    }
  }
  return {
    query: (work) => translated(work(db)),
    transaction: (work) => translated(db.transaction().execute(work)),
    close: () => db.destroy(),
  };
}

/**
 * Brings the schema up to date: all or nothing, in one transaction, under PostgreSQL's advisory lock, so that whoever
 * comes second waits and then finds nothing to do. On a connection of its own without statement timeout, because waiting
 * for the lock is a statement.
 */
export async function migrate(url: string): Promise<void> {
  const db = connect(url, 1, 0);
  const migrator = new Migrator({
    db,
    // One that was released is never changed; a change is a new one.
    provider: { getMigrations: () => Promise.resolve({ '0001_first': first }) },
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
  });
  try {
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
  } catch (error) {
    throw toFailure(error);
  } finally {
    await db.destroy();
  }
}

/**
 * Turns what the database or its driver threw into a failure that callers know. The original is kept as `cause`.
 *
 * - SQLSTATE class 22 (data exception: a NUL character, a number out of range): `invalid_field`, a retry would not help.
 * - TypeError, RangeError and the like are mistakes of ours and stay what they are.
 * - All else (no connection, no such database, refused, timed out, not migrated yet): `ledger_unavailable`.
 *
 * Source: PostgreSQL manual, appendix A, error codes.
 */
function toFailure(error: unknown): unknown {
  if (error instanceof WaybillError || isMistake(error)) return error;
  if (error instanceof pg.DatabaseError && error.code?.startsWith('22')) {
    return new WaybillError('invalid_field', 'A value holds characters or numbers that cannot be stored. Change it.', {
      cause: error,
    });
  }
  return new WaybillError('ledger_unavailable', undefined, { cause: error });
}

function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
}

/** Whether an insert was refused because the key is there already (SQLSTATE 23505). */
export function isTaken(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505';
}

/** PostgreSQL's `text` and `jsonb` cannot hold NUL or half a surrogate pair; U+FFFD stands for them. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
