import { createHmac, hkdfSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Column, ColumnType, Dataset } from '../../config/dataset.ts';
import { FILE_FORMATS, type FileFormat, type FileOrder, isStatisticsFormat } from '../../contracts/order.ts';
import { createWarehouse } from './duckdb.ts';
import { explainDataset } from './explain.ts';
import {
  column,
  dataset,
  EVERYTHING,
  never,
  OPTIONS,
  openReader,
  order,
  readAll,
  scratchDirectory,
} from './warehouse-fixture.ts';

const KEY = Buffer.alloc(32, 'k');
const scratch = scratchDirectory(afterAll);
const open = async (anonymizeKey: Buffer | undefined, startupSql = 'SELECT 1') => {
  const warehouse = await createWarehouse({ ...OPTIONS, startupSql, tempDirectory: scratch, anonymizeKey });
  afterAll(() => warehouse.close());
  return warehouse;
};
const warehouse = await open(KEY);
const reader = await openReader();

const anonymized = (name: string, anonymizedFrom: ColumnType): Column => ({ ...column(name, 'text'), anonymizedFrom });
const PEOPLE = dataset({
  sql: `SELECT * FROM (VALUES ('acme', 1, 'Ann Ångström', 41), ('acme', 2, NULL, NULL), ('acme', 3, 'Ann Ångström', 42),
    ('acme', 4, 'O''Neil, "Bo"', 41), ('other', 5, 'Ann Ångström', 41)) t(tenant, id, person, badge)`,
  key: ['person'],
  columns: [column('id', 'integer'), anonymized('person', 'text'), anonymized('badge', 'integer')],
});
const SECRETS = ['Ann', 'ngstr', 'Neil', 'acme'];

/** Another implementation of what docs/catalog.md says. */
function hashOf(tenant: string, value: string, key = KEY): string {
  const info = `waybill anonymized columns, version 1|${tenant}`;
  return createHmac('sha256', Buffer.from(hkdfSync('sha256', key, '', info, 32)))
    .update(value)
    .digest('hex');
}

const WHOLE: FileOrder = { ...order(), window: null };
const bytesOf = async (set: Dataset, wanted: FileOrder, before?: Buffer) => {
  const part = {
    ...EVERYTHING,
    ...(before && {
      before: (async function* () {
        yield before;
      })(),
    }),
  };
  const chunks: Buffer[] = [];
  for await (const chunk of warehouse.read(set, wanted, part, never).chunks) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
};

describe('an anonymized column', () => {
  it('has keyed hashes: of equal values equal ones, NULL for NULL, others for another tenant', async () => {
    const rows = async (tenant: string) => {
      const { text } = await readAll(warehouse.read(PEOPLE, { ...WHOLE, tenant }, EVERYTHING, never));
      return text.trim().split('\n').slice(1);
    };
    const hash = (value: string) => hashOf('acme', value);
    expect(await rows('acme')).toEqual([
      `1,${hash('Ann Ångström')},${hash('41')}`,
      '2,,',
      `3,${hash('Ann Ångström')},${hash('42')}`,
      `4,${hash('O\'Neil, "Bo"')},${hash('41')}`,
    ]);
    expect(await rows('other')).toEqual([`5,${hashOf('other', 'Ann Ångström')},${hashOf('other', '41')}`]);
    expect(hashOf('other', '41')).not.toBe(hash('41'));
  });

  it.each(FILE_FORMATS.filter((format) => !isStatisticsFormat(format)))(
    'is never in clear in %s, nor among its keys and those that are gone',
    async (format) => {
      const keys: FileOrder = { ...WHOLE, format, rows: 'keys', columns: ['person'] };
      const before = await bytesOf(PEOPLE, { ...keys, format: 'parquet' });
      const none = { ...PEOPLE, sql: `${PEOPLE.sql} WHERE id <> 4` };
      const contents = [
        await bytesOf(PEOPLE, { ...WHOLE, format }),
        await bytesOf(PEOPLE, keys),
        await bytesOf(none, { ...keys, rows: 'gone' }, before),
      ];
      const texts = await Promise.all(contents.map((content) => textOf(content, format)));
      for (const text of texts) for (const secret of SECRETS) expect(text).not.toContain(secret);
      expect(texts.every((text) => text.includes(hashOf('acme', 'O\'Neil, "Bo"')))).toBe(true);
      expect(texts[2]).not.toContain(hashOf('acme', 'Ann Ångström'));
    },
  );

  it('of any type is hashed as the text that CSV would hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.record({ type: fc.constant('integer' as const), sql: fc.integer().map(String) }),
          fc.record({ type: fc.constant('boolean' as const), sql: fc.boolean().map(String) }),
          fc.record({
            type: fc.constant('text' as const),
            sql: fc
              .string({ unit: 'grapheme' })
              .filter((text) => !text.includes('\0'))
              .map((text) => `'${text.replaceAll("'", "''")}'`),
          }),
          fc.record({
            type: fc.constant('timestamp' as const),
            sql: fc.integer({ min: 0, max: 2 ** 31 }).map((seconds) => `make_timestamp(${seconds} * 1000000::BIGINT)`),
          }),
        ),
        async ({ type, sql }) => {
          const of = (one: Column) => dataset({ sql: `SELECT 'acme' AS tenant, ${sql} AS v`, columns: [one] });
          const read = async (set: Dataset) => {
            const { text } = await readAll(warehouse.read(set, { ...WHOLE, format: 'json' }, EVERYTHING, never));
            return String((JSON.parse(text) as { v: unknown }[])[0]?.v);
          };
          expect(await read(of(anonymized('v', type)))).toBe(hashOf('acme', await read(of(column('v', type)))));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('changes the sums of rows with the key only, so that a single row’s sum does not tell its value', async () => {
    const [mine, others] = [warehouse, await open(Buffer.alloc(32, 'o'))];
    const plan = async (from: typeof mine) => (await from.plan([{ dataset: PEOPLE, order: WHOLE }], 100, never))[0];
    const [one, same, other] = [await plan(mine), await plan(mine), await plan(others)];
    expect(one?.parts[0]?.rowsHash).toBe(same?.parts[0]?.rowsHash);
    expect(one?.parts[0]?.rowsHash).not.toBe(other?.parts[0]?.rowsHash);
    expect(one?.columns).toMatchObject([{ name: 'id' }, { type: 'text', anonymized: true }, { anonymized: true }]);
    expect(one?.columns[0]).not.toHaveProperty('anonymized');
  });

  it('cannot be read without a key, and the check at start says so', async () => {
    const keyless = await open(undefined);
    await expect(keyless.check([PEOPLE])).rejects.toThrow(
      /THINGS: column person is to be anonymized, and WAYBILL_ANONYMIZE_KEY is not set; column badge/,
    );
    await expect(keyless.plan([{ dataset: PEOPLE, order: WHOLE }], 100, never)).rejects.toMatchObject({
      code: 'dataset_broken',
    });
  });

  it('leaves no trace of the key in plans and errors', async () => {
    const options = { ...OPTIONS, tempDirectory: scratch, anonymizeKey: KEY };
    const { duckdb } = await explainDataset(options, PEOPLE, WHOLE, never);
    expect(duckdb).toContain('waybill_anonymize');
    const broken = { ...PEOPLE, sql: `${PEOPLE.sql} WHERE error('never') IS NULL` };
    const failure: unknown = await bytesOf(broken, WHOLE).catch((error: unknown) => error);
    const told = `${duckdb}${String(failure)}${failure instanceof Error ? String(failure.cause) : ''}`;
    for (const form of [KEY.toString(), KEY.toString('hex'), KEY.toString('base64')]) expect(told).not.toContain(form);
  });
});

async function textOf(content: Buffer, format: FileFormat): Promise<string> {
  if (format !== 'parquet') return content.toString();
  const path = join(scratch, `read-${Math.random()}.parquet`);
  writeFileSync(path, content);
  const rows = await reader.runAndReadAll(`SELECT * FROM read_parquet('${path}')`);
  return `${content.toString('latin1')}${JSON.stringify(rows.getRowsJson())}`;
}
