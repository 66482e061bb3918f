import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dataset, never, openTestWarehouse, order } from './warehouse-fixture.ts';

const { warehouse, scratch, close } = await openTestWarehouse(`
  CREATE TABLE big AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'other' END AS tenant,
    TIMESTAMP '2020-01-01' + to_seconds(i // 10) AS created,
    CASE WHEN i % 3 = 0 THEN TIMESTAMP '2020-02-01' + to_seconds(i // 10) END AS modified, 'name; of ' || i AS name
    FROM range(200000) t(i);
`);
afterAll(close);

describe('the lock-down', () => {
  const inside = join(scratch.path, 'inside.duckdb');
  it.each([
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')",
    'SELECT * FROM (SELECT * FROM "POSTGRES_attach"(\'host=127.0.0.1\'))',
    "SELECT * FROM query('SELECT 1')",
    "SET memory_limit = '1TB'",
    "SELECT 1 AS tenant; SET memory_limit = '1TB'",
    'SELECT 1) AS source, (SELECT 2',
    `ATTACH '${inside}' AS inside`,
    `COPY (SELECT 1) TO '${inside}'`,
    'INSTALL httpfs',
    "LOAD '/tmp/x.duckdb_extension'",
    'CREATE TABLE more (x INTEGER)',
    'DROP TABLE big',
    "SELECT getenv('HOME') AS tenant",
  ])('refuses a dataset of %s', async (sql) => {
    const set = dataset({ sql, columns: [] });
    await expect(warehouse.check([set])).rejects.toMatchObject({ code: 'dataset_broken' });
    await expect(warehouse.plan(set, order(), 10, never)).rejects.toMatchObject({ code: 'dataset_broken' });
    expect(existsSync(inside)).toBe(false);
  });
});
