import { afterAll, describe, expect, it } from 'vitest';
import { column, dataset, openTestWarehouse } from './warehouse-fixture.ts';

const { warehouse, close } = await openTestWarehouse(`
  CREATE TABLE times (id INTEGER, tenant VARCHAR, created TIMESTAMP, modified TIMESTAMPTZ, day DATE);
  INSERT INTO times
    SELECT row_number() OVER (), 'acme', c.t::TIMESTAMP, m.t::TIMESTAMP AT TIME ZONE 'UTC', c.t::DATE
    FROM (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-01 00:00:00.000002'),
      ('2020-01-03 00:00:00.000000'), ('2020-01-03 00:00:00.000001')) c(t),
      (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-03 00:00:00.000000'),
      ('2020-01-03 00:00:00.000001')) m(t);
  CREATE TABLE big AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'other' END AS tenant,
    TIMESTAMP '2020-01-01' + to_seconds(i // 10) AS created,
    CASE WHEN i % 3 = 0 THEN TIMESTAMP '2020-02-01' + to_seconds(i // 10) END AS modified, 'name; of ' || i AS name
    FROM range(200000) t(i);
`);
afterAll(close);

const TIMES = dataset({
  sql: 'SELECT * FROM times -- all of them',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer')],
});
const BIG = dataset({
  sql: 'SELECT * FROM big;',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer'), column('name', 'text'), column('created', 'timestamp')],
});

describe('a check', () => {
  it('names each dataset and column that does not fit', async () => {
    const sets = [
      BIG,
      dataset({ name: 'A', sql: 'SELECT 1 AS id', columns: [column('id', 'timestamp'), column('gone', 'text')] }),
      dataset({ name: 'B', sql: "SELECT 'x' AS tenant, 'y' AS at", createdColumn: 'at', columns: [] }),
      dataset({ name: 'C', sql: 'SELECT * FROM nowhere', columns: [] }),
      dataset({ name: 'D', sql: 'SELECT $x AS tenant', columns: [] }),
      dataset({ name: 'E', sql: "SELECT 'x' AS tenant; SELECT 'y' AS tenant", columns: [] }),
    ];
    const error = await warehouse.check(sets).then(String, String);
    expect(error).toContain(
      'Dataset A: the tenant column tenant is not in what the SQL selects; column id is INTEGER, which cannot be written as timestamp; column gone is not',
    );
    expect(error).toContain('Dataset B: the created column at is VARCHAR');
    expect(error).toMatch(/Dataset C: .*nowhere does not exist/);
    expect(error).toContain('Dataset E: the SQL should be one SELECT, not several statements');
    expect(error).toContain('Dataset D: the SQL uses $x');
    expect(error).not.toContain('THINGS');
  });

  it('passes what fits', async () => {
    await warehouse.check([BIG, TIMES]);
    await warehouse.ping();
  });
});
