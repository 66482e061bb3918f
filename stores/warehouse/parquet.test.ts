import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../../config/dataset.ts';
import type { FileOrder } from '../../contracts/order.ts';
import {
  BIG,
  BIG_TABLE,
  column,
  dataset,
  EVERYTHING,
  never,
  openReader,
  order,
  useWarehouse,
} from './warehouse-fixture.ts';

const { planFile, scratch, warehouse } = await useWarehouse(BIG_TABLE);
const reader = await openReader();

const PARQUET: FileOrder = order({ format: 'parquet' });

async function store(
  set: Parameters<typeof warehouse.read>[0],
): Promise<{ readonly path: string; readonly rows: number }> {
  const { wideBytes } = (await planFile(set, PARQUET, 1000)).parts[0] ?? {};
  const content = warehouse.read(set, PARQUET, { ...EVERYTHING, wideBytes }, never);
  const chunks: Buffer[] = [];
  for await (const chunk of content.chunks) chunks.push(Buffer.from(chunk));
  const path = join(scratch, 'read.parquet');
  writeFileSync(path, Buffer.concat(chunks));
  return { path, rows: (await content.sum).rows };
}

describe('Parquet', () => {
  it.each<[ColumnType, string, string, string | null]>([
    ['boolean', 'true', 'BOOLEAN', 'true'],
    ['integer', '7::TINYINT', 'TINYINT', '7'],
    ['integer', '9223372036854775807', 'BIGINT', '9223372036854775807'],
    ['integer', '18446744073709551615::UBIGINT', 'UBIGINT', '18446744073709551615'],
    ['integer', `${2n ** 127n - 1n}::HUGEINT`, 'VARCHAR', String(2n ** 127n - 1n)],
    ['decimal', '1.10::DECIMAL(10,2)', 'DECIMAL(10,2)', '1.10'],
    ['decimal', '0.50::DECIMAL(2,2)', 'DECIMAL(2,2)', '.50'],
    ['decimal', `${2n ** 127n - 1n}::HUGEINT`, 'VARCHAR', String(2n ** 127n - 1n)],
    ['double', '0.1::FLOAT', 'DOUBLE', '0.1'],
    ['double', "'-inf'::DOUBLE", 'DOUBLE', '-inf'],
    ['text', "''", 'VARCHAR', ''],
    ['text', 'NULL::VARCHAR', 'VARCHAR', null],
    ['date', "DATE '0099-01-02'", 'DATE', '0099-01-02'],
    ['time', "TIME '23:59:59.000001'", 'TIME', '23:59:59.000001'],
    ['time', "'23:59:59.5+02'::TIMETZ", 'VARCHAR', '23:59:59.5+02'],
    [
      'timestamp',
      "TIMESTAMP '1969-12-31 23:59:59.999999'",
      'TIMESTAMP WITH TIME ZONE',
      '1969-12-31 23:59:59.999999+00',
    ],
    ['timestamp', "TIMESTAMPTZ '2020-06-01 00:00:00+02'", 'TIMESTAMP WITH TIME ZONE', '2020-05-31 22:00:00+00'],
    ['timestamp', "TIMESTAMP 'infinity'", 'TIMESTAMP WITH TIME ZONE', 'infinity'],
    ['uuid', "'5C3B1D3E-0000-0000-0000-000000000001'", 'UUID', '5c3b1d3e-0000-0000-0000-000000000001'],
    ['json', "{'a': [1], 'b': 'inf'::DOUBLE}", 'JSON', '{"a":[1],"b":null}'],
    ['json', `'{"k": 1.50}'::JSON`, 'JSON', '{"k": 1.50}'],
    ['json', 'NULL::INTEGER[]', 'JSON', null],
    ['binary', "'\\x00\\xFF'::BLOB", 'BLOB', '\\x00\\xFF'],
  ])('has a %s of %s as %s', async (type, sql, stored, text) => {
    const set = dataset({ sql: `SELECT 'acme' AS tenant, ${sql} AS v`, columns: [column('v', type)] });
    const { path, rows } = await store(set);
    const read = await reader.runAndReadAll('SELECT typeof(v), v::VARCHAR FROM read_parquet($path)', { path });
    expect([read.getRows(), rows]).toEqual([[[stored, text]], 1]);
  });

  it('of no rows has its columns', async () => {
    const set = dataset({ sql: "SELECT 'acme' AS tenant, 1 AS v WHERE false", columns: [column('v', 'integer')] });
    const { path, rows } = await store(set);
    const read = await reader.runAndReadAll('SELECT v FROM read_parquet($path)', { path });
    expect([read.columnNames(), read.currentRowCount, rows]).toEqual([['v'], 0, 0]);
  });

  it('of UNION ALL has the types of its columns, and each row once', async () => {
    const rows = (from: number) =>
      `SELECT 'acme' AS tenant, i + ${from} AS id, (i / 4)::DECIMAL(9, 2) AS d, uuid() AS u FROM range(150000) t(i)`;
    const columns = [column('id', 'integer'), column('d', 'decimal'), column('u', 'uuid')];
    const { path } = await store(dataset({ sql: `${rows(0)} UNION ALL ${rows(150_000)}`, columns }));
    const types = await reader.runAndReadAll(
      'SELECT typeof(id), typeof(d), typeof(u) FROM read_parquet($path) LIMIT 1',
      {
        path,
      },
    );
    expect(types.getRows()).toEqual([['BIGINT', 'DECIMAL(9,2)', 'UUID']]);
    const read = await reader.runAndReadAll(
      'SELECT count(*), count(DISTINCT id), min(id), max(id) FROM read_parquet($path)',
      {
        path,
      },
    );
    expect(read.getRows()).toEqual([[300_000n, 300_000n, 0n, 299_999n]]);
  });

  it.each([
    ['many columns', Array.from({ length: 60 }, (_, i) => `md5((i + ${i})::VARCHAR) AS c${i}`).join(', ')],
    ['long texts', 'repeat(md5(i::VARCHAR), 100) AS c0'],
    ['a column named like ours', "repeat(md5(i::VARCHAR), 100) AS c0, 'x' AS bytes"],
  ])(
    'of rows that are wide by %s has small row groups, and all rows in the order that the SQL asks for',
    async (_, columns) => {
      const names = [...columns.matchAll(/AS (\w+)/g)].map(([, name = '']) => column(name, 'text'));
      const sql = `SELECT 'acme' AS tenant, i AS id, ${columns} FROM range(30000) t(i) ORDER BY id DESC`;
      const { path, rows } = await store(dataset({ sql, columns: [column('id', 'integer'), ...names] }));
      const groups = await reader.runAndReadAll(
        'SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata($path)',
        { path },
      );
      expect(Math.max(...groups.getRows().map((row) => Number(row[1])))).toBeLessThanOrEqual(20_480);
      const read = await reader.runAndReadAll('SELECT id FROM read_parquet($path)', { path });
      expect(read.getRows().map(([id]) => Number(id))).toEqual(Array.from({ length: 30_000 }, (_, i) => 29_999 - i));
      expect(rows).toBe(30_000);
    },
  );

  it('of many wide rows keeps the order that the SQL asks for, which several threads sort', async () => {
    const wide = "SELECT 'acme' AS tenant, i AS id, repeat(md5(i::VARCHAR), 6) AS text FROM range(300000) t(i)";
    const columns = [column('id', 'integer'), column('text', 'text')];
    const sorted = {
      [`SELECT * FROM (${wide}) ORDER BY id DESC`]: 300_000,
      [`${wide} ORDER BY id DESC LIMIT 200000`]: 200_000,
    };
    for (const [sql, count] of Object.entries(sorted)) {
      const { path, rows } = await store(dataset({ sql, columns }));
      const read = await reader.runAndReadAll('SELECT id FROM read_parquet($path)', { path });
      expect(read.getRows().filter(([id], place) => Number(id) !== 299_999 - place)).toEqual([]);
      const groups = await reader.runAndReadAll('SELECT max(row_group_num_rows) FROM parquet_metadata($path)', {
        path,
      });
      expect(Number(groups.getRows()[0]?.[0])).toBeLessThan(100_000);
      expect(rows).toBe(count);
    }
  });

  it('of wide rows that are in no order has each of them once', async () => {
    const sql = "SELECT 'acme' AS tenant, i AS id, repeat(md5(i::VARCHAR), 100) AS text FROM range(30000) t(i)";
    const { path, rows } = await store(dataset({ sql, columns: [column('id', 'integer'), column('text', 'text')] }));
    const read = await reader.runAndReadAll('SELECT count(*), count(DISTINCT id), sum(id) FROM read_parquet($path)', {
      path,
    });
    expect([...(read.getRows()[0] ?? []).map(Number), rows]).toEqual([30_000, 30_000, (30_000 * 29_999) / 2, 30_000]);
  });

  it('of narrow rows has row groups of the usual size, in the order of the source', async () => {
    const sql = "SELECT 'acme' AS tenant, i AS id FROM range(200000) t(i)";
    const { path } = await store(dataset({ sql, columns: [column('id', 'integer')] }));
    const read = await reader.runAndReadAll('SELECT id FROM read_parquet($path)', { path });
    expect(read.getRows().every(([id], place) => Number(id) === place)).toBe(true);
    const groups = await reader.runAndReadAll('SELECT max(row_group_num_rows) FROM parquet_metadata($path)', { path });
    expect(Number(groups.getRows()[0]?.[0])).toBeGreaterThanOrEqual(100_000);
  });

  it('is one part, however many rows there are', async () => {
    const plan = await planFile(BIG, PARQUET, 1000);
    expect(plan.parts).toMatchObject([{ index: 0, slice: { from: null, to: null }, rows: plan.rows }]);
    expect((await planFile(BIG, order(), 1000)).parts.length).toBeGreaterThan(1);
    const { path, rows } = await store(BIG);
    const read = await reader.runAndReadAll('SELECT count(DISTINCT id) FROM read_parquet($path)', { path });
    expect([Number(read.getRows()[0]?.[0]), rows]).toEqual([plan.rows, plan.rows]);
  });
});
