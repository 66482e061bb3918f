import type { Client } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../config/dataset.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import { at, column, dataset, EVERYTHING, never, order, readAll } from '../stores/warehouse/warehouse-fixture.ts';
import { attachTables, type Exporting } from './postgres-tables.ts';

const HOSTILE = `O'Neil\\' OR true; -- $1 "x" \\`;

/** Amounts of many sizes, some of a tenant whose name is hostile, and some that are no numbers. */
const TABLES = `
  CREATE TYPE mood AS ENUM ('glad', 'it''s');
  CREATE TABLE amounts (id integer, tenant text, created timestamptz, modified timestamp, day date, mood mood,
    code uuid, facts jsonb, list int[], bare numeric, wide numeric(60, 20), cents numeric(10, 2), "Odd ""name" numeric,
    double double precision, grid int[][]);
  INSERT INTO amounts
    SELECT i, CASE i % 3 WHEN 0 THEN 'acme' WHEN 1 THEN 'other' ELSE ${quoted(HOSTILE)} END,
      timestamptz '2020-01-01 00:00:00.000001+00' + i * interval '1 hour',
      CASE WHEN i % 4 = 0 THEN timestamp '2020-01-01' + i * interval '1 hour' + interval '10 days' END,
      date '2020-01-01' + i / 24, CASE i % 2 WHEN 0 THEN 'glad' ELSE 'it''s' END::mood,
      ('00000000-0000-0000-0000-' || lpad((i % 3)::text, 12, '0'))::uuid, '{"a": 1.10}', '{1,2}',
      CASE i % 7
        WHEN 0 THEN NULL
        WHEN 1 THEN ('-0.' || repeat('0', 120) || i || '0')::numeric
        WHEN 2 THEN (repeat('9', 130) || '.' || repeat('1', 60) || '00')::numeric
        WHEN 3 THEN 1.10
        WHEN 4 THEN 0.000
        WHEN 5 THEN 1e-40 * i
        ELSE 12345678901234567890123 * i END,
      CASE WHEN i % 5 > 0 THEN (-1) ^ i * 1234567890123456789012345678901234567.12345 * i END, i / 100.0, i * 1e20 + 0.10,
      i / 8.0, NULL
    FROM generate_series(1, 3000) i;
  CREATE VIEW seen_amounts AS SELECT id, tenant, bare * 2 AS twice FROM amounts;
  CREATE TABLE odd (tenant text, created timestamptz, bare numeric, cents numeric(10, 2));
  INSERT INTO odd VALUES ('nan', '2020-01-01', 'NaN', 0), ('infinite', '2020-01-01', '-Infinity', 0), ('cents', '2020-01-01', 1, 'NaN'),
    ('late', '2020-01-01', 1.50, 1), ('late', '2020-02-01', 'NaN', 'NaN');
`;

let client: Client;
let warehouse: Warehouse;
let exported: Exporting;

beforeAll(async () => {
  ({ client, warehouse, exported } = await attachTables(TABLES));
});

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const AMOUNTS = dataset({
  sql: 'SELECT * FROM wh.amounts',
  columns: [
    column('id', 'integer'),
    column('bare', 'decimal'),
    column('wide', 'decimal'),
    column('cents', 'decimal'),
    column('Odd "name', 'text'),
    column('double', 'double'),
    column('mood', 'text'),
    column('facts', 'json'),
    column('list', 'json'),
  ],
});
const TIMED = { createdColumn: 'created', modifiedColumn: 'modified' } as const;

/** @returns each row's digits as PostgreSQL writes them, as this SQL of a text */
async function inPostgres(text: string, condition: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ line: string }>(`SELECT ${text} AS line FROM amounts WHERE ${condition}`);
  return rows.map(({ line }) => line).sort();
}

const CSV = `concat_ws(',', id, coalesce(bare::text, ''), coalesce(wide::text, ''), cents::text)`;
const CSV_COLUMNS = ['id', 'bare', 'wide', 'cents'];

describe('a numeric of more than 38 digits, or of any number, as a decimal', () => {
  it.each([
    ['acme', null],
    ['a hostile one', HOSTILE],
    ['nobody', `nobody' OR '1'='1`],
    ['with NUL', 'ac\0me'],
  ])('has in CSV the digits of PostgreSQL, for the tenant %s', async (name, key) => {
    const tenant = key ?? name;
    const lines = await exported(AMOUNTS, { tenant, format: 'csv', columns: CSV_COLUMNS });
    const condition = tenant.includes('\0') ? 'false' : `tenant = E${quoted(tenant.replaceAll('\\', '\\\\'))}`;
    expect(lines.toSorted()).toEqual(await inPostgres(CSV, condition));
    expect(lines).toHaveLength(tenant === 'acme' || tenant === HOSTILE ? 1000 : 0);
  });

  it('is a string of the same digits in JSONL, beside columns of other types', async () => {
    const lines = await exported(AMOUNTS, { tenant: 'acme' });
    const written = lines.map((line) => {
      const { id, bare, wide, cents, ...rest } = JSON.parse(line);
      expect(rest).toMatchObject({ double: id / 8, facts: { a: 1.1 }, list: [1, 2] });
      return `${[id, bare ?? '', wide ?? '', cents].join(',')},${rest['Odd "name']},${rest.mood}`;
    });
    const text = `${CSV} || ',' || "Odd ""name"::text || ',' || mood`;
    expect(written.toSorted()).toEqual(await inPostgres(text, `tenant = 'acme'`));
    expect(lines.find((line) => line.startsWith('{"id":30,'))).toContain(
      `"bare":"${'9'.repeat(130)}.${'1'.repeat(60)}00"`,
    );
  });

  it('is a number of the same digits in typed JSON', async () => {
    const set = { ...AMOUNTS, columns: AMOUNTS.columns.slice(0, 2) };
    const wanted = { ...order(), format: 'typed-json', window: null } as const;
    const { text } = await readAll(warehouse.read(set, wanted, EVERYTHING, never));
    expect(text).toContain(`{"id":30,"bare":${'9'.repeat(130)}.${'1'.repeat(60)}00}`);
  });

  it.each([{ createdColumn: 'created' }, TIMED, { createdColumn: 'day' }])(
    'has all rows of a window, in parts whose sums are planned: %o',
    async (times) => {
      const window = { from: at('2020-01-05T06:00:00Z'), to: at('2020-02-20T00:00:00.000001Z') };
      for (const bounds of ['half-open', 'inclusive'] as const) {
        const lines = await exported(
          { ...AMOUNTS, ...times },
          { tenant: HOSTILE, format: 'csv', columns: CSV_COLUMNS, window: { ...window, bounds } },
          100,
        );
        const end = bounds === 'inclusive' ? '<=' : '<';
        const inside = (name: string) =>
          `(${name} >= timestamptz '${window.from}' AND ${name} ${end} timestamptz '${window.to}')`;
        const time = times.createdColumn === 'day' ? `(day::timestamp AT TIME ZONE 'UTC')` : 'created';
        const modified = `(modified AT TIME ZONE 'UTC')`;
        const changed = `greatest(${time}, ${modified})`;
        const isWanted = !('modifiedColumn' in times)
          ? inside(time)
          : bounds === 'inclusive'
            ? `${inside(time)} OR ${inside(modified)}`
            : inside(changed);
        expect(lines.length).toBeGreaterThan(300);
        expect(lines.toSorted()).toEqual(await inPostgres(CSV, `id % 3 = 2 AND (${isWanted})`));
      }
    },
  );

  it('is exact under other names, with conditions and parameters of the SQL, and by other types of tenant column', async () => {
    const parameters = [{ name: 'beyond', type: 'integer', required: true, title: null }] as const;
    const sql = `SELECT a.mood AS owner, id, bare AS amount FROM wh.public.amounts a WHERE id > $beyond AND mood >= 'it''s' -- odd`;
    const set = dataset({
      sql,
      parameters,
      tenantColumn: 'owner',
      columns: [column('id', 'integer'), column('amount', 'decimal')],
    });
    const lines = await exported(set, { tenant: `it's`, format: 'csv', parameters: { beyond: 1000 } });
    expect(lines.toSorted()).toEqual(
      await inPostgres(`concat_ws(',', id, coalesce(bare::text, ''))`, 'id > 1000 AND id % 2 = 1'),
    );
    expect(await exported(set, { tenant: 'unknown', parameters: { beyond: 1000 } })).toEqual([]);
    for (const [tenantColumn, tenant, count] of [
      ['code', '00000000-0000-0000-0000-000000000001', 1000],
      ['id', '7', 1],
      ['id', '07', 0],
      ['cents', '0.07', 1],
    ] as const) {
      expect(await exported({ ...AMOUNTS, tenantColumn }, { tenant })).toHaveLength(count);
    }
  });

  it('of a view of PostgreSQL is exact', async () => {
    const set = dataset({
      sql: 'SELECT id, tenant, twice FROM wh.seen_amounts',
      columns: [column('id', 'integer'), column('twice', 'decimal')],
    });
    const lines = await exported(set, { tenant: 'acme', format: 'csv' });
    expect(lines.toSorted()).toEqual(
      await inPostgres(`concat_ws(',', id, coalesce((bare * 2)::text, ''))`, `tenant = 'acme'`),
    );
  });

  it('is a double where the catalog says so', async () => {
    const set = dataset({
      sql: AMOUNTS.sql,
      columns: [column('id', 'integer'), column('bare', 'double'), column('wide', 'decimal')],
    });
    const line = (await exported(set, { tenant: 'acme' })).find((one) => one.startsWith('{"id":3,'));
    expect(line).toContain('"bare":1.1,');
  });

  it.each([
    'SELECT tenant, id, bare + 0 AS bare FROM wh.amounts',
    'SELECT tenant, id, bare FROM wh.amounts WHERE bare > 0',
    'SELECT tenant, id, bare AS amount, bare FROM wh.amounts WHERE amount > 0',
    'SELECT tenant, id, bare FROM wh.amounts WHERE COLUMNS(*) IS NOT NULL',
    'SELECT tenant, id, bare FROM wh.amounts a WHERE a IS NOT NULL',
    'SELECT tenant, id, bare FROM wh.public.amounts WHERE wh.public.amounts.id > 0',
    'SELECT tenant, id, bare FROM wh.amounts ORDER BY id',
    'SELECT a.tenant, a.id, a.bare FROM wh.amounts a JOIN wh.odd ON true',
    'SELECT tenant, id, bare, grid FROM wh.amounts',
  ])('is refused, with advice, where the SQL does more than to select columns: %s', async (sql) => {
    const set = dataset({ sql, columns: [column('id', 'integer'), column('bare', 'decimal')] });
    await expect(exported(set, { tenant: 'acme' })).rejects.toMatchObject({
      code: 'dataset_broken',
      message: expect.stringContaining('select it as text in a PostgreSQL view'),
    });
  });

  it('is checked at the start', async () => {
    await warehouse.check([AMOUNTS, { ...AMOUNTS, ...TIMED }]);
  });
});

describe('NaN and infinity beside a numeric that is read as text', () => {
  const odd = (bare: 'decimal' | 'text', fields: Partial<Dataset> = {}) =>
    dataset({ sql: 'SELECT * FROM wh.odd', columns: [column('bare', bare), column('cents', 'decimal')], ...fields });

  it.each([
    ['nan', 'bare'],
    ['infinite', 'bare'],
    ['cents', 'cents'],
    ['late', 'bare, cents'],
  ])('are refused in a decimal: %s', async (tenant, names) => {
    await expect(exported(odd('decimal'), { tenant })).rejects.toMatchObject({
      code: 'dataset_broken',
      message: expect.stringContaining(`: ${names}: PostgreSQL holds NaN`),
    });
  });

  it('are no matter in a row out of the window, and stay as they are in a text', async () => {
    const window = { from: at('2020-01-01'), to: at('2020-01-02'), bounds: 'half-open' } as const;
    const dated = odd('decimal', { createdColumn: 'created' });
    expect(await exported(dated, { tenant: 'late', window })).toEqual(['{"bare":"1.50","cents":"1.00"}']);
    expect(await exported(odd('text'), { tenant: 'infinite' })).toEqual(['{"bare":"-Infinity","cents":"0.00"}']);
  });
});
