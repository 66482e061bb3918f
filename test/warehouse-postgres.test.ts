import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extensionDirectory, getExtension } from '../stack/extensions.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import {
  column,
  dataset,
  EVERYTHING,
  never,
  OPTIONS,
  order,
  planFile,
  readAll,
} from '../stores/warehouse/warehouse-fixture.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

const POSTGRES_OPTIONS = { ...OPTIONS, extensionDirectory: extensionDirectory(process.env), tempDirectory: tmpdir() };
const THINGS = dataset({
  sql: 'SELECT * FROM wh.public.things WHERE id <> $except',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  parameters: [{ name: 'except', type: 'integer', required: true, title: null }],
  columns: [
    column('id', 'integer'),
    column('name', 'text'),
    column('created', 'timestamp'),
    column('amount', 'decimal'),
    column('facts', 'json'),
    column('code', 'uuid'),
    column('list', 'json'),
    column('bytes', 'binary'),
  ],
});
const parameters = { except: -1 };

let server: PostgresServer;
let url: URL;
let warehouse: Warehouse;
let stopped = false;

/** Options of a warehouse that reads a database as `wh`. */
function attaching({ hostname, port, username, password, pathname }: URL) {
  const startupSql = `
    INSTALL postgres; LOAD postgres;
    CREATE SECRET (TYPE postgres, HOST '${hostname}', PORT ${port}, USER '${username}',
      PASSWORD '${password}', DATABASE '${pathname.slice(1)}');
    ATTACH '' AS wh (TYPE postgres, READ_ONLY);`;
  return { ...POSTGRES_OPTIONS, startupSql };
}

beforeAll(async () => {
  await getExtension('postgres_scanner', {
    environment: process.env,
    report: () => undefined,
    signal: new AbortController().signal,
  });
  server = await startPostgres();
  url = new URL(await server.createDatabase());
  const client = new Client({ connectionString: url.href });
  await client.connect();
  await client.query(`
    CREATE TABLE things (id bigint, tenant text, name text, created timestamptz, modified timestamp, amount numeric(20, 4),
      facts jsonb, code uuid, list int[], bytes bytea);
    INSERT INTO things SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'other' END, 'name ' || i,
      timestamptz '2020-01-01 00:00:00.000001+00' + i * interval '1 second', NULL, i / 100.0, '{"a": [1, null]}',
      '5c3b1d3e-0000-0000-0000-000000000001', '{1,2}', '\\xAA' FROM generate_series(1, 20000) i;
    UPDATE things SET modified = created AT TIME ZONE 'UTC' + interval '1 day' WHERE id % 3 = 0;
  `);
  await client.query(`CREATE VIEW slow AS SELECT 'acme'::text AS tenant, 1 AS id, pg_sleep(60)::text AS name`);
  await client.end();
  warehouse = await createWarehouse(attaching(url));
});
afterAll(async () => {
  await warehouse.close();
  if (!stopped) await server.stop();
});

/** @returns a count of the server's queries that sleep. */
async function sleeping(): Promise<number> {
  const client = new Client({ connectionString: url.href });
  await client.connect();
  const { rowCount } = await client.query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  await client.end();
  return rowCount ?? 0;
}

describe('a warehouse in PostgreSQL', () => {
  it('is checked, planned in exact parts and read', async () => {
    await warehouse.check([THINGS]);
    const plan = await planFile(warehouse, THINGS, order({ parameters }), 3000, never);
    expect(plan.rows).toBe(10_000);
    expect(plan.parts.length).toBeGreaterThan(2);
    const texts: string[] = [];
    for (const part of plan.parts) {
      const { text, rows } = await readAll(
        warehouse.read(
          THINGS,
          order({ parameters, format: 'jsonl' }),
          { ...part, first: part.index === 0, snapshotAt: plan.snapshotAt },
          never,
        ),
      );
      expect(rows).toBe(part.rows);
      texts.push(text);
    }
    const things = texts
      .join('')
      .trimEnd()
      .split('\n')
      .map((line): { id: number } => JSON.parse(line));
    expect(new Set(things.map(({ id }) => id)).size).toBe(10_000);
    expect(things.find(({ id }) => id === 2)).toEqual({
      id: 2,
      name: 'name 2',
      created: '2020-01-01T00:00:02.000001Z',
      amount: '0.0200',
      facts: { a: [1, null] },
      code: '5c3b1d3e-0000-0000-0000-000000000001',
      list: [1, 2],
      bytes: 'qg==',
    });
  });

  it.each(['read', 'plan'] as const)(
    'stops a %s that the server is still computing',
    async (what) => {
      const slow = dataset({
        sql: 'SELECT * FROM wh.public.slow WHERE name IS NOT NULL',
        columns: [column('id', 'integer'), column('name', 'text')],
      });
      const abort = new AbortController();
      const asked =
        what === 'plan'
          ? planFile(warehouse, slow, order(), 10, abort.signal)
          : readAll(warehouse.read(slow, order(), EVERYTHING, abort.signal));
      const reason = new Error('enough');
      const settled = expect(asked).rejects.toBe(reason);
      await expect.poll(() => sleeping(), { timeout: 10_000 }).toBe(1);
      abort.abort(reason);
      await settled;
      expect(await sleeping()).toBe(0);
    },
    30_000,
  );

  it('is not written to, and no other server is reached', async () => {
    const elsewhere = `host=${url.hostname} port=${url.port} user=${url.username} password=${url.password} dbname=${url.pathname.slice(1)}`;
    for (const sql of [
      `SELECT * FROM postgres_scan('${elsewhere}', 'public', 'things')`,
      `SELECT * FROM postgres_attach('${elsewhere}')`,
      `ATTACH '${elsewhere}' AS elsewhere (TYPE postgres)`,
      "SELECT 'acme' AS tenant FROM postgres_query('wh', 'CREATE TABLE more (x int)')",
      "CALL postgres_execute('wh', 'CREATE TABLE more (x int)')",
      'DELETE FROM wh.public.things',
    ]) {
      const error = await warehouse
        .check([dataset({ sql, columns: [column('tenant', 'text')] })])
        .then(String, (failure: unknown) => failure);
      expect(error, sql).toMatchObject({ code: 'dataset_broken' });
      for (const part of [url.port, url.hostname, url.pathname.slice(1)]) expect(String(error)).not.toContain(part);
    }
    expect((await readAll(warehouse.read(THINGS, order({ parameters }), EVERYTHING, never))).rows).toBe(10_000);
  });

  it('that reads backslashes as escapes is refused', async () => {
    const escaping = new URL(await server.createDatabase());
    const client = new Client({ connectionString: escaping.href });
    await client.connect();
    await client.query(`ALTER DATABASE "${escaping.pathname.slice(1)}" SET standard_conforming_strings = off`);
    await client.end();
    await expect(createWarehouse(attaching(escaping))).rejects.toMatchObject({
      code: 'warehouse_misconfigured',
      message: expect.stringContaining('PostgreSQL of wh reads backslashes in texts as escapes.'),
    });
  });

  it('that is gone is unavailable, by a message that names no host and no password; other datasets go on', async () => {
    await server.stop();
    stopped = true;
    const secrets = new RegExp(`${url.port}|${url.hostname}|${url.pathname.slice(1)}`);
    for (const asked of [
      () => planFile(warehouse, THINGS, order({ parameters }), 3000, never),
      () => readAll(warehouse.read(THINGS, order({ parameters }), EVERYTHING, never)),
    ]) {
      const error: unknown = await asked().catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: 'warehouse_unavailable' });
      expect(String(error)).not.toMatch(secrets);
    }
    const local = dataset({ sql: "SELECT 'acme' AS tenant, 1 AS id", columns: [column('id', 'integer')] });
    expect((await planFile(warehouse, local, order(), 10, never)).rows).toBe(1);
    expect((await readAll(warehouse.read(local, order(), EVERYTHING, never))).rows).toBe(1);
    const inline = `LOAD postgres; ATTACH 'host=${url.hostname} port=${url.port} password=hunter22 dbname=x' AS wh (TYPE postgres)`;
    const error: unknown = await createWarehouse({ ...POSTGRES_OPTIONS, startupSql: inline }).catch(
      (failure: unknown) => failure,
    );
    expect(error).toMatchObject({ code: 'warehouse_unavailable' });
    expect(String(error)).toContain('statement 2 of 2');
    expect(String(error)).not.toMatch(secrets);
    expect(String((error as Error).cause)).not.toContain('hunter22');
  });
});
