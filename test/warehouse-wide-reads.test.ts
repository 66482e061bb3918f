import type { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../config/dataset.ts';
import { explainDataset } from '../stores/warehouse/explain.ts';
import type { WarehouseOptions } from '../stores/warehouse/session.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import { at, column, dataset, never, order, planFile } from '../stores/warehouse/warehouse-fixture.ts';
import { attachTables, type Exporting } from './postgres-tables.ts';

const ROWS = 200_000;
const TENANTS = 100;
const TIMED = { createdColumn: 'created', modifiedColumn: 'modified' } as const;

/** A table whose indexes are worth it, and a view that takes long. */
const TABLES = `
  CREATE UNLOGGED TABLE large (id integer, name text COLLATE "und-x-icu", number integer, code uuid, created timestamptz, modified timestamp,
    amount numeric);
  INSERT INTO large
    SELECT i, 'tenant-' || n, n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
      timestamptz '2020-01-01 00:00:00+00' + i * interval '1 minute',
      CASE WHEN i % 3 = 0 THEN timestamp '2020-01-02' + i * interval '1 minute' END, i / 7.0
    FROM (SELECT i, i % ${TENANTS} AS n FROM generate_series(1, ${ROWS}) i) AS numbered;
  CREATE INDEX ON large (name, created);
  CREATE INDEX ON large (name, modified);
  CREATE INDEX ON large (number);
  CREATE INDEX ON large (code);
  VACUUM ANALYZE large;
  CREATE VIEW slow AS SELECT 'acme'::text AS tenant, 1.5::numeric AS bare, pg_sleep(60)::text AS name;
`;

let client: Client;
let options: WarehouseOptions;
let warehouse: Warehouse;
let exported: Exporting;

beforeAll(async () => {
  ({ client, options, warehouse, exported } = await attachTables(TABLES));
});

describe('an export with a numeric whose digits are read as text', () => {
  const large = (fields: Partial<Dataset>) =>
    dataset({
      sql: 'SELECT * FROM wh.large',
      tenantColumn: 'name',
      columns: [column('id', 'integer'), column('amount', 'decimal')],
      ...fields,
    });

  async function rowsTouched(): Promise<number> {
    const { rows } = await client.query<{ touched: string }>(
      `SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'large') AS touched
       FROM pg_stat_user_tables WHERE relname = 'large'`,
    );
    return Number(rows[0]?.touched);
  }

  /** @returns how many rows the server read for the work, once there are at least so many */
  async function touchedBy(rows: number, work: () => Promise<unknown>): Promise<number> {
    const before = await rowsTouched();
    await work();
    const touched = () => rowsTouched().then((now) => now - before);
    // A server process reports what it has read after ten idle seconds at the latest.
    await expect.poll(touched).toBeGreaterThanOrEqual(rows);
    return touched();
  }

  it('reads the rows of its tenant only: to plan, to look for NaN, and to write', async () => {
    const count = ROWS / TENANTS;
    const tenants = { name: 'tenant-7', number: '7', code: '00000000-0000-0000-0000-000000000007' };
    const least = 3 * count * Object.keys(tenants).length;
    const touched = await touchedBy(least, async () => {
      for (const [tenantColumn, tenant] of Object.entries(tenants)) {
        expect(await exported(large({ tenantColumn }), { tenant })).toHaveLength(count);
      }
    });
    expect(touched).toBeLessThanOrEqual(least * 1.1);
  });

  it('in a window is served by the index, which can be explained', async () => {
    const window = { from: at('2020-01-10'), to: at('2020-01-12'), bounds: 'half-open' } as const;
    const wanted = { ...order({ tenant: 'tenant-7' }), window };
    const touched = await touchedBy(100, () => exported(large(TIMED), wanted));
    expect(touched).toBeLessThanOrEqual(1000);
    const { duckdb, postgres } = await explainDataset(options, large(TIMED), wanted, never);
    expect(duckdb).toContain('POSTGRES_QUERY');
    expect(postgres).toHaveLength(2);
    for (const { sql, plan } of postgres) {
      expect(sql).toContain('"amount"::text');
      expect(plan).toMatch(/Index Cond: .*name.*(?:created|modified)/s);
    }
  });

  it('is planned in one snapshot with the datasets that DuckDB reads', async () => {
    const columns = [column('id', 'integer')];
    const plain = { dataset: large({ columns }), order: { ...order({ tenant: 'tenant-9' }), window: null } };
    const wide = { ...plain, dataset: large({}) };
    const counts = new Set<number>();
    let isPlanning = true;
    const inserting = (async () => {
      while (isPlanning) await client.query(`INSERT INTO large (id, name, amount) VALUES (0, 'tenant-9', 1.5)`);
    })();
    for (let round = 0; round < 10; round += 1) {
      const plans = await warehouse.plan([plain, wide, plain, wide], 1_000_000, never);
      const [rows = 0, ...others] = plans.map((plan) => plan.rows);
      expect(others).toEqual([rows, rows, rows]);
      counts.add(rows);
    }
    isPlanning = false;
    await inserting;
    expect(counts.size).toBeGreaterThan(1);
  });

  it('stops while PostgreSQL is still computing', async () => {
    const sleeping = async () =>
      (await client.query("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).rowCount;
    const slow = dataset({
      sql: 'SELECT * FROM wh.slow',
      columns: [column('bare', 'decimal'), column('name', 'text')],
    });
    const abort = new AbortController();
    const reason = new Error('enough');
    const settled = expect(planFile(warehouse, slow, order(), 10, abort.signal)).rejects.toBe(reason);
    await expect.poll(sleeping).toBe(1);
    abort.abort(reason);
    await settled;
    expect(await sleeping()).toBe(0);
  });
});
