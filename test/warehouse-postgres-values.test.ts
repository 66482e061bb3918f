import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ColumnType } from '../config/dataset.ts';
import type { FileOrder } from '../contracts/order.ts';
import { getExtension } from '../stack/extensions.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import {
  at,
  column,
  dataset,
  EVERYTHING,
  never,
  OPTIONS,
  order,
  readAll,
} from '../stores/warehouse/warehouse-fixture.ts';
import { closeAtEnd } from './cleanup.ts';
import { attachPostgres, startPostgres } from './postgres-server.ts';

const LONG = '1234567890123456789012345678901234567890.1230';

/** Tenants by what their rows hold: numbers, NaN and infinities in one column each, and times at the ends. */
const TABLES = `
  CREATE TABLE numbers (tenant text, created timestamptz DEFAULT '2020-01-01 00:00:00+00', modified timestamptz,
    bare numeric, exact numeric(10, 2), wide numeric(60, 4), double double precision, list double precision[],
    facts jsonb, text json, day date, at timestamptz, times timestamp[]);
  INSERT INTO numbers (tenant, bare, exact, wide, double) VALUES
    ('plain', 0, 0, ${LONG}, 1e300), ('plain', -1.5, 99999999.99, -0.5, 'NaN'), ('plain', NULL, NULL, NULL, '-Infinity'),
    ('bare-nan', 'NaN', 0, 0, 0), ('bare-infinite', 'Infinity', 0, 0, 0), ('bare-negative', '-Infinity', 0, 0, 0),
    ('exact-nan', 0, 'NaN', 0, 0);
  INSERT INTO numbers (tenant, exact, created, modified) VALUES
    ('late', 1, '2020-01-01', NULL), ('late', 'NaN', '2020-02-01', NULL), ('late', 'NaN', '2020-01-01', '2020-02-01');
  INSERT INTO numbers (tenant, list, facts, text, day, at, times) VALUES
    ('odd', '{1.5,NaN,-Infinity}', '{"a": 1.10, "b": 12345678901234567890.123}', '{"a":\n 1.10}', 'infinity', '-infinity',
      '{2020-01-02 03:04:05.1,NULL}'),
    ('odd', '{}', 'null', 'null', '0044-03-15 BC', '0044-03-15 00:00:00+00 BC', '{}'),
    ('odd', NULL, NULL, NULL, '5874897-12-31', '12000-01-01 00:00:00+00', NULL);
  CREATE TABLE whole (tenant text, exact numeric(10, 2));
  INSERT INTO whole VALUES ('plain', 1.5);
  CREATE TYPE money_of AS (amount numeric(10, 2), currency text);
  CREATE TABLE nested (tenant text, amounts numeric(10, 2)[], price money_of);
  INSERT INTO nested VALUES ('plain', '{1.5,2}', '(3.25,"Infinity Ltd")'), ('bare-nan', '{1.5,NaN}', NULL), ('bare-nan', NULL, '(NaN,EUR)'),
    ('exact-nan', '{{1,2},{3,NaN}}', NULL);
  CREATE TABLE bare_lists (tenant text, amounts numeric[]);
  INSERT INTO bare_lists VALUES ('plain', '{1.5}'), ('bare-infinite', '{1,-Infinity}');
  CREATE VIEW texts AS SELECT tenant, bare::text AS bare, wide::text AS wide FROM numbers;
  CREATE TABLE cases ("Name" text, name text, other text, tenant text);
  INSERT INTO cases VALUES ('upper', 'lower', 'other', 'plain');
  CREATE SCHEMA apart;
  CREATE TABLE apart.told_apart ("Lower" text, lower text);
  CREATE VIEW told_apart AS SELECT "Name" AS upper, name AS lower, tenant FROM cases;
`;

let warehouse: Warehouse;

beforeAll(async () => {
  const report = () => undefined;
  const extension = await getExtension('postgres_scanner', { environment: process.env, report, signal: never });
  const server = await startPostgres();
  const url = new URL(await server.createDatabase());
  const client = new Client({ connectionString: url.href });
  await client.connect();
  await client.query(TABLES);
  await client.end();
  warehouse = await createWarehouse({
    ...OPTIONS,
    tempDirectory: tmpdir(),
    startupSql: `${attachPostgres(url, extension)} CREATE VIEW seen AS SELECT * FROM wh.numbers;
      CREATE VIEW doubled AS SELECT tenant, bare * 2 AS v FROM wh.numbers;`,
  });
  closeAtEnd(() => warehouse.close());
});

function numbers(columns: Readonly<Record<string, ColumnType>>, sql = 'SELECT * FROM wh.numbers') {
  return dataset({ sql, columns: Object.entries(columns).map(([name, type]) => column(name, type)) });
}

async function linesOf(set: ReturnType<typeof numbers>, tenant: string, fields: Partial<FileOrder> = {}) {
  const wanted = { ...order({ format: 'jsonl' }), window: null, tenant, ...fields };
  const { text } = await readAll(warehouse.read(set, wanted, EVERYTHING, never));
  return text.split('\n').slice(0, -1);
}

describe('a numeric of PostgreSQL', () => {
  const ALL = { bare: 'double', exact: 'decimal', wide: 'double', double: 'double' } as const;

  it('is exported where it holds numbers; in double precision, NaN and infinity are null', async () => {
    expect(await linesOf(numbers(ALL), 'plain')).toEqual([
      '{"bare":0.0,"exact":"0.00","wide":1.234567890123457e39,"double":1e300}',
      '{"bare":-1.5,"exact":"99999999.99","wide":-0.5,"double":null}',
      '{"bare":null,"exact":null,"wide":null,"double":null}',
    ]);
  });

  it.each([
    ['bare-nan', 'bare'],
    ['bare-infinite', 'bare'],
    ['bare-negative', 'bare'],
    ['exact-nan', 'exact'],
  ])('of %s is refused, not exported as 0, through a view of DuckDB too', async (tenant, name) => {
    for (const table of ['wh.public.numbers', 'seen', '"SEEN" AS s']) {
      const read = linesOf(numbers(ALL, `SELECT * FROM ${table}`), tenant);
      await expect(read).rejects.toMatchObject({
        code: 'dataset_broken',
        message: expect.stringContaining(`: ${name}:`),
      });
    }
  });

  it.each([
    ['computed', 'bare-nan', 'SELECT tenant, (bare * 2)::VARCHAR AS v FROM wh.numbers'],
    ['replaced', 'exact-nan', 'SELECT * REPLACE (exact + 1 AS exact), exact::VARCHAR AS v FROM wh.numbers'],
    ['cast', 'exact-nan', 'SELECT tenant, exact::VARCHAR AS v FROM wh.numbers'],
    ['summed', 'exact-nan', 'SELECT tenant, sum(exact)::VARCHAR AS v FROM wh.numbers GROUP BY tenant'],
    ['compared', 'exact-nan', 'SELECT tenant, text AS v FROM wh.numbers WHERE exact * 2 < 1'],
    ['joined', 'bare-nan', 'SELECT n.tenant, n.bare::VARCHAR AS v FROM wh.cases c LEFT JOIN wh.numbers n ON true'],
    ['in the first rows', 'bare-nan', 'SELECT tenant, bare::VARCHAR AS v FROM (FROM wh.numbers LIMIT 100)'],
    ['in a view that computes', 'bare-nan', 'SELECT tenant, v::VARCHAR AS v FROM doubled'],
    ['in such a view, selected as it is', 'bare-nan', 'SELECT * FROM doubled'],
    ['in an array', 'bare-nan', 'SELECT tenant, amounts AS v FROM wh.nested'],
    ['in an array of arrays', 'exact-nan', 'SELECT tenant, amounts AS v FROM wh.nested'],
    ['in an array of any numbers', 'bare-infinite', 'SELECT tenant, amounts AS v FROM wh.bare_lists'],
    ['in a composite value', 'bare-nan', 'SELECT tenant, price AS v FROM wh.nested'],
  ])('that is NaN is refused when it is %s', async (_, tenant, sql) => {
    const type = /VARCHAR|text AS v/.test(sql) ? 'text' : /\* FROM/.test(sql) ? 'double' : 'json';
    await expect(linesOf(numbers({ v: type }, sql), tenant)).rejects.toMatchObject({
      code: 'dataset_broken',
      message: expect.stringMatching(/(?:numbers|nested|bare_lists)\.\w+.*: PostgreSQL holds NaN/),
    });
  });

  it('is exported when it is computed, or in an array, and all are numbers', async () => {
    expect(await linesOf(numbers({ v: 'decimal' }, 'SELECT tenant, exact * 2 AS v FROM wh.whole'), 'plain')).toEqual([
      '{"v":"3.00"}',
    ]);
    const nested = numbers({ amounts: 'json', price: 'json' }, 'SELECT * FROM wh.nested');
    expect(await linesOf(nested, 'plain')).toEqual([
      '{"amounts":[1.5,2.0],"price":{"amount":3.25,"currency":"Infinity Ltd"}}',
    ]);
  });

  it('is no matter in a column that is not exported, nor in a row out of the window', async () => {
    const columns = Object.keys(ALL).filter((name) => name !== 'exact');
    expect(await linesOf(numbers(ALL), 'exact-nan', { columns })).toHaveLength(1);
    const windowed = { ...numbers(ALL), createdColumn: 'created', modifiedColumn: 'modified' };
    const window = (from: string, to: string) => ({
      window: { from: at(from), to: at(to), bounds: 'inclusive' as const },
    });
    const january = await linesOf({ ...windowed, modifiedColumn: null }, 'late', {
      ...window('2020-01-01', '2020-01-02'),
      columns: ['bare'],
    });
    expect(january).toHaveLength(2);
    await expect(linesOf(windowed, 'late', window('2020-01-15', '2020-02-02'))).rejects.toMatchObject({
      code: 'dataset_broken',
    });
    await expect(linesOf(windowed, 'late', window('2020-01-01', '2020-01-02'))).rejects.toMatchObject({
      code: 'dataset_broken',
    });
  });

  it('of more than 38 digits is exact as a text of a view, and what is no number there is refused', async () => {
    const texts = numbers({ bare: 'decimal', wide: 'decimal' }, 'SELECT * FROM wh.texts');
    expect((await linesOf(texts, 'plain'))[0]).toBe(`{"bare":"0","wide":"${LONG}"}`);
    expect((await linesOf(texts, 'plain', { format: 'typed-json' }))[1]).toBe(`\t{"bare":0,"wide":${LONG}},`);
    expect((await linesOf(texts, 'plain', { format: 'csv' }))[1]).toBe(`0,${LONG}`);
    await expect(linesOf(texts, 'bare-nan')).rejects.toMatchObject({ code: 'dataset_broken' });
  });

  it('of more than 38 digits is exact as a decimal, and refused with advice through a view of DuckDB', async () => {
    expect((await linesOf(numbers({ wide: 'decimal' }), 'plain'))[0]).toBe(`{"wide":"${LONG}"}`);
    const read = linesOf(numbers({ wide: 'decimal' }, 'SELECT * FROM seen'), 'plain');
    await expect(read).rejects.toMatchObject({
      code: 'dataset_broken',
      message: expect.stringContaining('select it as text in a PostgreSQL view'),
    });
  });
});

it('lists, JSON and times of PostgreSQL are JSON and keep their digits', async () => {
  const set = numbers({ list: 'json', facts: 'json', text: 'json', day: 'date', at: 'timestamp', times: 'json' });
  const lines = await linesOf(set, 'odd');
  expect(lines).toEqual([
    '{"list":[1.5,null,null],"facts":{"a": 1.10, "b": 12345678901234567890.123},"text":{"a":  1.10},"day":"infinity","at":"-infinity","times":["2020-01-02T03:04:05.100000Z",null]}',
    '{"list":[],"facts":null,"text":null,"day":"-000043-03-15","at":"-000043-03-15T00:00:00.000000Z","times":[]}',
    '{"list":null,"facts":null,"text":null,"day":"+5874897-12-31","at":"+012000-01-01T00:00:00.000000Z","times":null}',
  ]);
});

describe('columns whose names differ only in case', () => {
  it.each(['name', 'Name'])('are refused: %s', async (name) => {
    const read = linesOf(numbers({ [name]: 'text' }, 'SELECT * FROM wh.cases'), 'plain');
    await expect(read).rejects.toMatchObject({
      code: 'dataset_broken',
      message: expect.stringContaining('differ only in case'),
    });
  });

  it('are refused under another name too', async () => {
    for (const sql of [
      'SELECT "Name" AS title, tenant FROM wh.cases',
      'SELECT tenant, name AS title FROM wh.public.cases',
    ]) {
      const read = linesOf(numbers({ title: 'text' }, sql), 'plain');
      await expect(read).rejects.toMatchObject({ code: 'dataset_broken' });
    }
  });

  it('leave the others, and are told apart by a view', async () => {
    expect(await linesOf(numbers({ other: 'text' }, 'SELECT * FROM wh.cases'), 'plain')).toEqual(['{"other":"other"}']);
    const view = numbers({ lower: 'text', upper: 'text' }, 'SELECT * FROM wh.told_apart');
    expect(await linesOf(view, 'plain')).toEqual(['{"lower":"lower","upper":"upper"}']);
  });
});
