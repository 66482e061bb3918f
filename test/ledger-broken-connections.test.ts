import { type Kysely, sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { WaybillError } from '../contracts/failures.ts';
import { createDatabase, type Database } from '../stores/ledger/database.ts';
import type { Tables } from '../stores/ledger/tables.ts';
import { type LedgerLink, openLink } from './ledger-link.ts';
import { addTenant, failsWith, useLedger } from './ledger-set-up.ts';

const { ledger, raw, url } = await useLedger();

let link: LedgerLink;
/** Has one connection at the most, so that a broken one that was kept is met by the next question. */
let database: Database;

beforeEach(async () => {
  link = await openLink(url);
  database = createDatabase(link.url, 1);
  return async () => {
    await database.close();
    await link.close();
  };
});

/** @returns the process id of the server's end of the connection */
async function backend(db: Kysely<Tables>): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
  return rows[0]?.pid ?? 0;
}

const UNAVAILABLE = failsWith('ledger_unavailable');

describe('what PostgreSQL says of a connection', () => {
  const raise = (code: string) => (db: Kysely<Tables>) =>
    sql.raw(`do $$ begin raise exception using errcode = '${code}', message = 'as if'; end $$`).execute(db);

  test.each([
    ['57P01', 'admin_shutdown'],
    ['57P02', 'crash_shutdown'],
    ['57P03', 'cannot_connect_now'],
    ['57P05', 'idle_session_timeout'],
    ['08000', 'connection_exception'],
    ['08003', 'connection_does_not_exist'],
    ['08006', 'connection_failure'],
    ['25006', 'read_only_sql_transaction'],
    ['25P03', 'idle_in_transaction_session_timeout'],
  ])('%s (%s): told as ledger_unavailable, and the connection is not used again', async (code) => {
    const first = await database.query(backend);
    await expect(database.query(raise(code))).rejects.toEqual(UNAVAILABLE);
    const second = await database.query(backend);
    expect(second).not.toBe(first);
    await expect(database.transaction(raise(code))).rejects.toEqual(UNAVAILABLE);
    expect(await database.query(backend)).not.toBe(second);
    expect(link.connections).toBe(3);
  });

  test.each([
    ['22003', 'invalid_field'],
    ['23505', 'ledger_unavailable'],
    ['57014', 'ledger_unavailable'],
  ] as const)('%s: told as %s, and the connection stays', async (code, told) => {
    const first = await database.query(backend);
    await expect(database.query(raise(code))).rejects.toEqual(failsWith(told));
    await expect(database.transaction(raise(code))).rejects.toEqual(failsWith(told));
    expect(await database.query(backend)).toBe(first);
  });
});

describe('a connection that breaks in the middle of a transaction', () => {
  const endSelf = (db: Kysely<Tables>) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(db);

  test('because the server ends it: the rollback fails as well, and the next transaction has another', async () => {
    await expect(database.transaction(endSelf)).rejects.toEqual(UNAVAILABLE);
    expect(await database.transaction(backend)).toBeGreaterThan(0);
  });

  test('and whose failure was caught: the transaction is not taken for done', async () => {
    const transaction = database.transaction(async (db) => {
      await endSelf(db).catch(() => undefined);
      return 'done';
    });
    await expect(transaction).rejects.toEqual(UNAVAILABLE);
    expect(await database.transaction(backend)).toBeGreaterThan(0);
  });

  test('and whose work fails for a reason of its own: unavailable, because nobody knows', async () => {
    const transaction = database.transaction(async (db) => {
      await endSelf(db).catch(() => undefined);
      throw new WaybillError('not_found');
    });
    await expect(transaction).rejects.toEqual(UNAVAILABLE);
  });

  test('because it is reset', async () => {
    const transaction = database.transaction(async (db) => {
      await backend(db);
      link.reset();
      await backend(db);
    });
    await expect(transaction).rejects.toEqual(UNAVAILABLE);
    expect(await database.transaction(backend)).toBeGreaterThan(0);
  });

  test('because the network goes silent: given up once, and the next question has another', async () => {
    await database.query(backend);
    const started = Date.now();
    const transaction = database.transaction(async (db) => {
      await backend(db);
      link.silence();
      await backend(db);
    });
    await expect(transaction).rejects.toEqual(UNAVAILABLE);
    // The driver waits 15 s for the statement. The rollback on the same connection must not wait again.
    expect(Date.now() - started).toBeLessThan(20_000);
    expect(await database.query(backend)).toBeGreaterThan(0);
  });

  test('while it begins: no later statement falls into the transaction', async () => {
    await database.query(backend);
    link.silence();
    await expect(database.transaction(backend)).rejects.toEqual(UNAVAILABLE);
    expect(await database.query(backend)).toBeGreaterThan(0);
    expect(link.connections).toBe(2);
  });
});

test('a server that serves no writes any more is left for one that does', async () => {
  const tenant = await addTenant(ledger);
  const rename = (title: string) => (db: Kysely<Tables>) =>
    db.updateTable('tenants').set({ title }).where('key', '=', tenant).execute();
  const readOnly = async (value: 'on' | 'off') => {
    const { rows } = await raw.query('select current_database() as name');
    const name = raw.escapeIdentifier(String(rows[0]?.name));
    await raw.query(`alter database ${name} set default_transaction_read_only = ${value}`);
  };
  await readOnly('on');
  await expect(database.query(rename('never'))).rejects.toEqual(UNAVAILABLE);
  await readOnly('off');
  await database.query(rename('written'));
  expect(await ledger.tenants.find(tenant)).toMatchObject({ title: 'written' });
});
