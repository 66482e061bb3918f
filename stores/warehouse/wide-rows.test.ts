import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FileFormat } from '../../contracts/order.ts';
import { column, dataset, EVERYTHING, order, peakOf, scratchDirectory, useWarehouse } from './warehouse-fixture.ts';

const directory = scratchDirectory(afterAll);
const FILE = join(directory, 'wide.duckdb');
const ROWS = 30_000;
const COLUMNS = Array.from({ length: 200 }, (_, at) => column(`c${at}`, 'text'));
const MANY = { ...EVERYTHING, rows: ROWS };

beforeAll(async () => {
  const instance = await DuckDBInstance.create(FILE);
  const texts = COLUMNS.map(({ name }, at) => `md5((i + ${at})::VARCHAR) AS ${name}`);
  const connection = await instance.connect();
  await connection.run(`CREATE TABLE wide AS SELECT 'acme' AS tenant, ${texts.join(', ')} FROM range(${ROWS}) t(i)`);
  connection.disconnectSync();
  instance.closeSync();
}, 60_000);

const { read } = await useWarehouse();

it.each<FileFormat>(['csv', 'jsonl', 'tab', 'rows-json'])(
  'wide rows as %s are all there, in their order',
  async (format) => {
    const rowsOf = (sql: string) =>
      read(
        dataset({ sql, columns: [column('id', 'integer'), column('text', 'text')] }),
        order({ format, window: null }),
        MANY,
      );
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
    const peak = await peakOf(options, [wide, order({ format, window: null }), MANY], script);
    expect(peak).toBeLessThan(900_000_000);
  },
  120_000,
);
