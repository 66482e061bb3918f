import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import type { PostgresRelation } from './attached.ts';
import { plainColumns } from './plain-select.ts';

const TABLE: PostgresRelation = {
  database: 'wh',
  schema: 'public',
  isDefaultSchema: true,
  name: 'Sales',
  columns: ['id', 'Account', 'amount', 'price'],
  numeric: ['amount'],
  nestedNumeric: [],
  hasWideNumeric: true,
  ambiguous: [],
};

/** @returns the columns and whether they are movable; `undefined` for SQL that is not plain */
async function columnsOf(sql: string, table = TABLE) {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const answer = await connection.runAndReadAll('SELECT json_serialize_sql($sql::VARCHAR)', { sql });
  connection.closeSync();
  const plain = plainColumns(JSON.parse(String(answer.getRows()[0]?.[0])).statements[0], table);
  return plain && { alias: plain.alias, movable: plain.isMovable, columns: Object.fromEntries(plain.columns) };
}

const ALL = { id: 'id', account: 'Account', amount: 'amount', price: 'price' };

describe('a SELECT of columns of one table', () => {
  it.each([
    ['FROM wh.sales', { alias: 'sales', movable: true, columns: ALL }],
    ['SELECT s.* FROM wh.public.sales AS s', { alias: 's', movable: true, columns: ALL }],
    [
      `SELECT account AS Tenant, sales.AMOUNT FROM wh.sales WHERE id <> $x AND tenant > 'a'`,
      { alias: 'sales', movable: true, columns: { tenant: 'Account', amount: 'amount' } },
    ],
    ['SELECT id AS amount, * FROM wh.sales', { alias: 'sales', movable: true, columns: { ...ALL, amount: 'id' } }],
    ['SELECT price.id, id AS n FROM wh.sales', { alias: 'sales', movable: false, columns: { id: undefined, n: 'id' } }],
    ['SELECT sales AS s FROM wh.sales', { alias: 'sales', movable: false, columns: { s: undefined } }],
    ['SELECT wh.sales.id FROM wh.sales', { alias: 'sales', movable: false, columns: { id: 'id' } }],
    ['SELECT id FROM wh.sales WHERE ctid > 1', { alias: 'sales', movable: false, columns: { id: 'id' } }],
    ['SELECT id FROM wh.sales WHERE COLUMNS(*) > 1', { alias: 'sales', movable: false, columns: { id: 'id' } }],
  ])('names its columns: %s', async (sql, expected) => {
    expect(await columnsOf(sql)).toEqual(expected);
  });

  it.each([
    'SELECT id + 1 AS id FROM wh.sales',
    'SELECT * REPLACE (1 AS id) FROM wh.sales',
    'SELECT * RENAME (account AS tenant) FROM wh.sales',
    'SELECT * FROM wh.sales WHERE amount > 0',
    'SELECT amount AS total FROM wh.sales WHERE Total > 0',
    'SELECT * FROM wh.sales AS s(a, b)',
    'SELECT * FROM wh.sales LIMIT 1',
    'SELECT DISTINCT id FROM wh.sales',
    'WITH other AS (SELECT 1) SELECT id FROM wh.sales',
    'SELECT * FROM wh.sales, wh.sales AS again',
    'SELECT * FROM sales',
    'SELECT * FROM wh.apart.sales',
    'SELECT * FROM wh.others',
  ])('is nothing else: %s', async (sql) => {
    expect(await columnsOf(sql)).toBeUndefined();
  });

  it('is found without its schema only where PostgreSQL looks', async () => {
    const apart = { ...TABLE, schema: 'apart', isDefaultSchema: false };
    expect(await columnsOf('FROM wh.sales', apart)).toBeUndefined();
    expect(await columnsOf('FROM wh.apart.sales', apart)).toMatchObject({ columns: ALL });
  });
});
