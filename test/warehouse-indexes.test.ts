import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../config/dataset.ts';
import type { FileOrder } from '../contracts/order.ts';
import { getExtension } from '../stack/extensions.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';
import { explainDataset } from '../stores/warehouse/explain.ts';
import type { WarehouseOptions } from '../stores/warehouse/session.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import {
  at,
  column,
  dataset,
  never,
  OPTIONS,
  order,
  planFile,
  readAll,
} from '../stores/warehouse/warehouse-fixture.ts';
import { closeAtEnd } from './cleanup.ts';
import { attachPostgres, startPostgres } from './postgres-server.ts';

const ROWS = 4_000_000;
const TENANTS = 100;
const ROWS_OF_TENANT = ROWS / TENANTS;
/** The plan and the COPY. */
const PASSES = 2;

/** One row a second from 2020 on; a third was modified a day later. Its collation is not that of the C locale. */
const TABLE = `
  CREATE TYPE account AS ENUM (${Array.from({ length: TENANTS }, (_, i) => `'tenant-${i}'`).join(', ')});
  CREATE UNLOGGED TABLE things (id integer, name text COLLATE "und-x-icu", number integer, code uuid, account account,
    created timestamptz, modified timestamp);
  INSERT INTO things
    SELECT i, 'tenant-' || n, n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, ('tenant-' || n)::account,
      timestamptz '2020-01-01 00:00:00+00' + i * interval '1 second',
      CASE WHEN i % 3 = 0 THEN timestamp '2020-01-02 00:00:00' + i * interval '1 second' END
    FROM (SELECT i, i % ${TENANTS} AS n FROM generate_series(1, ${ROWS}) i) AS numbered;
  CREATE INDEX ON things (name, created);
  CREATE INDEX ON things (name, modified);
  CREATE INDEX ON things (number);
  CREATE INDEX ON things (code);
  CREATE INDEX ON things (account);
  VACUUM ANALYZE things;
`;

let client: Client;
let options: WarehouseOptions;
let warehouse: Warehouse;

beforeAll(async () => {
  const report = () => undefined;
  const extension = await getExtension('postgres_scanner', { environment: process.env, report, signal: never });
  const server = await startPostgres();
  const url = new URL(await server.createDatabase());
  client = new Client({ connectionString: url.href });
  await client.connect();
  closeAtEnd(() => client.end());
  for (const statement of TABLE.split(';\n')) await client.query(statement);
  options = {
    ...OPTIONS,
    tempDirectory: tmpdir(),
    startupSql: `${attachPostgres(url, extension)} CREATE VIEW seen AS SELECT * FROM wh.things;`,
  };
  warehouse = await createWarehouse(options);
  closeAtEnd(() => warehouse.close());
});

/** @returns how many rows the server has read so far, from the table or from its indexes */
async function rowsTouched(): Promise<number> {
  const { rows } = await client.query<{ touched: string }>(
    `SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'things') AS touched
     FROM pg_stat_user_tables WHERE relname = 'things'`,
  );
  return Number(rows[0]?.touched);
}

/** Plans and reads an export of a tenant. @returns a count of its rows */
async function exportRows(set: Dataset, wanted: FileOrder): Promise<number> {
  const plan = await planFile(warehouse, set, wanted, ROWS, never);
  const part = { slice: { from: null, to: null }, first: true, snapshotAt: plan.snapshotAt };
  const { rows } = await readAll(warehouse.read(set, wanted, part, never));
  expect(plan.rows).toBe(rows);
  return rows;
}

/** Runs work. @returns how many rows the server read for it, once there are at least so many */
async function touchedBy(work: () => Promise<number>): Promise<number> {
  const before = await rowsTouched();
  const rows = await work();
  const touched = () => rowsTouched().then((now) => now - before);
  // A server process reports what it has read after ten idle seconds at the latest.
  await expect.poll(touched).toBeGreaterThanOrEqual(PASSES * rows);
  return touched();
}

describe('an export of one tenant of a hundred', () => {
  const things = (fields: Partial<Dataset>) =>
    dataset({ sql: 'SELECT * FROM wh.things', columns: [column('id', 'integer')], ...fields });

  it.each([
    { tenantColumn: 'name', tenant: 'tenant-7' },
    { tenantColumn: 'number', tenant: '7' },
    { tenantColumn: 'code', tenant: '00000000-0000-0000-0000-000000000007' },
    { tenantColumn: 'account', tenant: 'tenant-7' },
  ])('by its $tenantColumn reads its rows only', async ({ tenantColumn, tenant }) => {
    const touched = await touchedBy(async () => {
      const rows = await exportRows(things({ tenantColumn }), order({ tenant }));
      expect(rows).toBe(ROWS_OF_TENANT);
      return rows;
    });
    expect(touched).toBeLessThanOrEqual(PASSES * ROWS_OF_TENANT * 1.1);
  });

  it('in a window of two days reads about the rows in it, by either time or both, also through a view', async () => {
    const window = { from: at('2020-01-10'), to: at('2020-01-12'), bounds: 'half-open' } as const;
    const both = { createdColumn: 'created', modifiedColumn: 'modified' };
    const sets = [{ createdColumn: 'created' }, { modifiedColumn: 'modified' }, both, { ...both, sql: 'FROM seen' }];
    let rows = 0;
    const touched = await touchedBy(async () => {
      for (const set of sets) {
        const counted = await exportRows(
          things({ tenantColumn: 'name', ...set }),
          order({ tenant: 'tenant-7', window }),
        );
        expect(counted).toBeGreaterThan(500);
        expect(counted).toBeLessThan(3000);
        rows += counted;
      }
      return rows;
    });
    // A row whose creation and last change are both in the window is read once for each.
    expect(touched).toBeLessThanOrEqual(2 * PASSES * rows);
  });

  it('can be explained: the index that serves it is in the plan of PostgreSQL', async () => {
    const set = things({ tenantColumn: 'name', createdColumn: 'created', sql: 'FROM seen' });
    const window = { from: at('2020-01-10'), to: at('2020-01-12'), bounds: 'half-open' } as const;
    const { duckdb, postgres } = await explainDataset(options, set, order({ tenant: 'tenant-7', window }), never);
    expect(duckdb).toContain('POSTGRES_SCAN');
    expect(postgres).toHaveLength(1);
    expect(postgres[0]?.sql).toMatch(/^SELECT .* FROM "public"\."things" WHERE .*'tenant-7'/);
    expect(postgres[0]?.sql).not.toContain('LIMIT');
    expect(postgres[0]?.plan).toMatch(/Index Cond: .*name.*created/s);
  });
});
