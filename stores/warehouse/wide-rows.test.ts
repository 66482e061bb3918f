import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileFormat, FileOrder } from '../../contracts/order.ts';
import {
  column,
  dataset,
  EVERYTHING,
  never,
  order,
  peakOf,
  scratchDirectory,
  useWarehouse,
} from './warehouse-fixture.ts';

const directory = scratchDirectory(afterAll);
const FILE = join(directory, 'wide.duckdb');
const ROWS = 30_000;
const COLUMNS = Array.from({ length: 200 }, (_, at) => column(`c${at}`, 'text'));

beforeAll(async () => {
  const instance = await DuckDBInstance.create(FILE);
  const texts = COLUMNS.map(({ name }, at) => `md5((i + ${at})::VARCHAR) AS ${name}`);
  const connection = await instance.connect();
  await connection.run(`CREATE TABLE wide AS SELECT 'acme' AS tenant, ${texts.join(', ')} FROM range(${ROWS}) t(i)`);
  connection.disconnectSync();
  instance.closeSync();
}, 60_000);

const { planFile, read } = await useWarehouse();

it.each<FileFormat>(['csv', 'jsonl', 'tab', 'rows-json'])(
  'wide rows as %s are all there, in their order',
  async (format) => {
    const rowsOf = async (sql: string) => {
      const set = dataset({ sql, columns: [column('id', 'integer'), column('text', 'text')] });
      const asked = order({ format, window: null });
      const [part] = (await planFile(set, asked, 1000)).parts;
      expect(part?.wideBytes).toBeGreaterThan(1280);
      return read(set, asked, { ...EVERYTHING, wideBytes: part?.wideBytes });
    };
    const sql = "SELECT 'acme' AS tenant, i AS id, repeat(md5(i::VARCHAR), 40) AS text FROM range(12000) t(i)";
    for (const [asked, expected] of [
      [sql, (place: number) => place],
      [`${sql} ORDER BY id DESC`, (place: number) => 11_999 - place],
    ] as const) {
      const { text, rows } = await rowsOf(asked);
      const ids = [...text.matchAll(/(\d+)[",\t]+(?:text":")?[0-9a-f]{1280}/g)].map(([, id]) => Number(id));
      expect(rows).toBe(12_000);
      expect(ids).toEqual(Array.from({ length: 12_000 }, (_, place) => expected(place)));
    }
  },
);

describe('rows of UNION ALL', async () => {
  const ROWS_EACH = 1_000_000;
  const { warehouse, read: readRows } = await useWarehouse(
    `CREATE TABLE many AS SELECT 'acme' AS tenant, i AS id FROM range(${ROWS_EACH}) t(i)`,
  );
  const set = (id: string) =>
    dataset({
      sql: `SELECT * FROM many UNION ALL SELECT tenant, ${id} AS id FROM many`,
      columns: [column('id', 'integer')],
    });
  const asked = order({ window: null });

  it('are written as they are read, also those of the second query', async () => {
    const id = `CASE WHEN id = ${ROWS_EACH - 1} THEN error('no') ELSE id + ${ROWS_EACH} END::BIGINT`;
    let last = '';
    const reading = async () => {
      for await (const chunk of warehouse.read(set(id), asked, EVERYTHING, never).chunks)
        last = Buffer.from(chunk).subarray(-40).toString();
    };
    await expect(reading()).rejects.toThrow();
    expect(Number(last.trim().split('\n').at(-2))).toBeGreaterThan(ROWS_EACH);
  });

  it('keep their order', async () => {
    const { text } = await readRows(set(`id + ${ROWS_EACH}`), asked);
    const ids = text.trimEnd().split('\n').slice(1).map(Number);
    expect(ids).toHaveLength(2 * ROWS_EACH);
    expect(ids.findIndex((found, place) => found !== place)).toBe(-1);
  });
});

describe('a plan', () => {
  const widths = async (columns: string, fields: Partial<FileOrder> = {}) => {
    const sql = `SELECT 'acme' AS tenant, TIMESTAMP '2020-01-01' + to_hours(i) AS created, ${columns}`;
    const set = dataset({ sql, createdColumn: 'created', columns: [column('text', 'text')] });
    const { parts } = await planFile(set, order({ window: null, ...fields }), 1_000_000);
    return parts.map(({ rows, wideBytes }) => ({ rows, isWide: wideBytes !== undefined }));
  };
  const WIDE = 'repeat(md5(i::VARCHAR), 40) AS text';

  it('says that rows are wide, of each part with many of them', async () => {
    expect(await widths(`${WIDE} FROM range(25000) t(i)`)).toEqual([{ rows: 25_000, isWide: true }]);
    const parts = await widths(`${WIDE} FROM range(25000) t(i)`, { rowsPerFile: 12_000 });
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.map(({ isWide }) => isWide)).toEqual(parts.map(({ rows }) => rows >= 10_000));
  });

  it.each([
    ['narrow rows', 'md5(i::VARCHAR) AS text FROM range(25000) t(i)', {}],
    ['few rows', `${WIDE} FROM range(9999) t(i)`, {}],
    ['columns of a format that is not text', `${WIDE} FROM range(25000) t(i)`, { format: 'sav' }],
  ] as const)('does not of %s', async (_, columns, fields) => {
    expect((await widths(columns, fields)).map(({ isWide }) => isWide)).toEqual([false]);
  });
});

it.each<FileFormat>(['csv', 'jsonl'])(
  'two files of wide rows as %s are written in little memory',
  async (format) => {
    const wide = dataset({ sql: 'SELECT * FROM w.wide', columns: COLUMNS });
    const options = { startupSql: `ATTACH '${FILE}' AS w (READ_ONLY)`, memory: '512MB', tempDirectory: directory };
    const script = `
      await Promise.all([1, 2].map(async () => {
        const content = warehouse.read(...asked, signal);
        for await (const _ of content.chunks);
        const { rows } = await content.sum;
        if (rows !== ${ROWS}) throw new Error(rows + ' rows were read');
      }));`;
    const asked = [wide, order({ format, window: null }), { ...EVERYTHING, wideBytes: 7000 }];
    const peak = await peakOf(options, asked, script);
    expect(peak).toBeLessThan(900_000_000);
  },
  120_000,
);
