import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Cell, createTreeWriter, type DeliveredEntity, dayAt, splitFile } from '../chain/chain-fixture.ts';
import { fourDays, scratch, user } from '../chain/four-days-fixture.ts';
import { compose, query } from './run-fixture.ts';

const TYPES = {
  ...{ id: 'integer', flag: 'boolean', amount: 'decimal', ratio: 'double', on_day: 'date', at_time: 'time' },
  ...{ moment: 'timestamp', token: 'uuid', body: 'json', bytes: 'binary', text: 'text' },
};
const FULL: readonly Cell[] = [
  ...['9223372036854775807', 'true', '-12345678901234567890.123456', '0.1', '2026-01-31', '23:59:59.999999'],
  ...['2026-01-31T23:59:59.999999Z', '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11', '{"a":[1.10,null]}', 'AAEC', ''],
];
const NULLS: readonly Cell[] = FULL.map((_, place) => (place === 0 ? '1' : null));

function deliver(rows: readonly (readonly Cell[])[], more: Partial<DeliveredEntity> = {}): string {
  const root = scratch();
  createTreeWriter(root).deliver(dayAt(0), [user(null, 24, { columns: TYPES, rows, deleted: [], ...more })]);
  return root;
}

describe('types', () => {
  test('are those of the manifest, with every value exact', async () => {
    const root = deliver([FULL, NULLS]);
    const file = join(scratch(), 'user.parquet');
    expect(await compose(root, '-o', file)).toMatchObject({ code: 0, errors: expect.not.stringContaining('as text') });
    const types = await query(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '${file}')`);
    expect(Object.fromEntries(types as [string, string][])).toEqual({
      ...{ id: 'BIGINT', flag: 'BOOLEAN', amount: 'DECIMAL(38,6)', ratio: 'DOUBLE', on_day: 'DATE', at_time: 'TIME' },
      ...{ moment: 'TIMESTAMP WITH TIME ZONE', token: 'UUID', body: 'JSON', bytes: 'BLOB', text: 'VARCHAR' },
    });
    const [row, none] = await query(
      `SELECT COLUMNS(*)::VARCHAR FROM (SELECT * REPLACE (timezone('UTC', moment) AS moment) FROM '${file}') ORDER BY id DESC`,
    );
    expect(row).toEqual([
      ...['9223372036854775807', 'true', '-12345678901234567890.123456', '0.1', '2026-01-31', '23:59:59.999999'],
      ...['2026-01-31 23:59:59.999999', '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11', '{"a":[1.10,null]}'],
      ...['\\x00\\x01\\x02', ''],
    ]);
    expect(none).toEqual(NULLS);
  });

  test.each<[string, Cell]>([
    ['id', '9223372036854775808'],
    ['id', '1.5'],
    ['amount', `${'9'.repeat(38)}.5`],
    ['amount', 'NaN'],
    ['on_day', '+012026-01-01'],
    ['at_time', '12:00:00.1234567'],
    ['moment', '2026-01-31T23:59:59.999999999Z'],
    ['bytes', 'AAE'],
    ['body', '{'],
  ])('a column %s that holds %s is text, and the output says so', async (column, value) => {
    const place = Object.keys(TYPES).indexOf(column);
    const root = deliver([FULL, NULLS.map((cell, at) => (at === place ? value : cell))]);
    const file = join(scratch(), 'all.duckdb');
    const { code, errors } = await compose(root, '-o', file);
    expect([code, errors]).toEqual([0, expect.stringMatching(new RegExp(`cannot hold every value: ${column}$`, 'm'))]);
    const found = await query(`SELECT ${column} FROM "user" ORDER BY length(${column}::VARCHAR)`, file);
    expect(found).toContainEqual([value]);
  });
});

describe('outputs', () => {
  test('are the same from files that a push has split', async () => {
    const { root, writer, at } = fourDays();
    const rows = [2, 3, 4, 5].map((id) => [String(id), `line\nof ${id}`]);
    writer.deliver(dayAt(4), [user(96, 120, { rows, deleted: ['3', '4', '1'] })]);
    const [whole, joined] = [join(scratch(), 'user.csv'), join(scratch(), 'user.csv')];
    expect((await compose(root, '-o', whole, '--entity', 'user')).code).toBe(0);
    for (const file of ['user.csv', 'user.deleted.csv']) await splitFile(at(`05/user/${file}`), 2);
    expect((await compose(root, '-o', joined, '--entity', 'user')).code).toBe(0);
    const read = (file: string) => query(`SELECT * FROM '${file}' ORDER BY id`);
    expect(await read(joined)).toEqual([
      ['2', 'line\nof 2'],
      ['5', 'line\nof 5'],
    ]);
    expect(await read(joined)).toEqual(await read(whole));
  });

  test('a database has all entities, a directory a file of each', async () => {
    const { root } = fourDays();
    const target = scratch();
    const database = join(target, 'all.duckdb');
    expect((await compose(root, '-o', database)).output).toMatch(/ENTITY +ROWS +FILE\nevent +1 .*\nuser +1 /);
    expect(await query('SELECT * FROM event UNION ALL SELECT * FROM user', database)).toHaveLength(2);
    for (const format of ['csv', 'parquet']) {
      expect((await compose(root, '-o', `${target}/state/`, '--format', format)).code).toBe(0);
    }
    expect(readdirSync(join(target, 'state')).sort()).toEqual(
      ['event', 'user'].flatMap((name) => [`${name}.csv`, `${name}.parquet`]),
    );
    expect(readFileSync(join(target, 'state/user.csv'), 'utf8')).toBe('id,text\n1,a\n');
    expect((await compose(root, '-o', `${target}/state`)).code).toBe(2);
    const json = await compose(root, '-o', `${target}/state`, '--force', '--json');
    expect(JSON.parse(json.output)).toMatchObject({
      ...{ tenant: 'acme', through: '2026-01-04' },
      entities: [
        { entity: 'event', rows: 1 },
        { entity: 'user', rows: 1, columns: 2, textColumns: [] },
      ],
    });
    expect(readdirSync(join(target, 'state')).some((name) => name.startsWith('.waybill'))).toBe(false);
  });

  test.each<[readonly string[], number, string]>([
    [['-o', 'x.csv'], 2, 'holds one entity'],
    [['-o', 'x.txt'], 2, 'does not say its format'],
    [['-o', 'nowhere/x.duckdb'], 2, 'There is no directory'],
    [['-o', 'x.csv', '--entity', 'nobody'], 1, 'There is no entity "nobody" here.'],
    [['-o', 'x.csv', '--format', 'parquet', '--entity', 'user'], 2, 'does not say its format'],
  ])('%j is refused', async (args, code, text) => {
    const { root } = fourDays();
    const given = args.map((arg) => (arg.includes('x.') ? join(scratch(), arg) : arg));
    expect(await compose(root, ...given)).toMatchObject({ code, errors: expect.stringContaining(text) });
  });
});

describe('files', () => {
  test('a broken chain is composed only with --no-verify', async () => {
    const { root, at } = fourDays();
    rmSync(at('02'), { recursive: true });
    const file = join(scratch(), 'user.csv');
    const refused = await compose(root, '-o', file, '--entity', 'user');
    expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining('user lacks what changed') });
    expect((await compose(root, '-o', file, '--entity', 'user', '--no-verify')).code).toBe(0);
    rmSync(at('03/user/user.csv'));
    const failed = await compose(root, '-o', file, '--entity', 'user', '--no-verify', '--force');
    expect(failed).toMatchObject({ code: 1, errors: expect.stringContaining('user.csv') });
    expect(readFileSync(file, 'utf8'), 'the file of before stays').toBe('id,text\n1,a\n');
  });

  test('changes without a complete load, or without a key, are refused', async () => {
    const { root, at } = fourDays();
    rmSync(at('01'), { recursive: true });
    const file = join(scratch(), 'user.csv');
    expect(await compose(root, '-o', file, '--entity', 'user')).toMatchObject({
      code: 1,
      errors: expect.stringContaining('user has no complete load here, only changes.'),
    });
  });

  test('a manifest without a key has that of its deleted keys', async () => {
    const { root, at } = fourDays();
    for (const day of readdirSync(at('.'))) {
      const path = at(`${day}/manifest.json`);
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/"key": \[[^\]]*\],/g, ''));
    }
    const file = join(scratch(), 'user.csv');
    expect(await compose(root, '-o', file, '--entity', 'user', '--no-verify')).toMatchObject({ code: 0 });
  });

  test('a path with characters of patterns, a long value and line feeds', async () => {
    const long = `${'é"\r\n,'.repeat(1_000_000)}`;
    const root = join(scratch(), "it's [1] *?");
    mkdirSync(root);
    createTreeWriter(root).deliver(dayAt(0), [
      user(null, 24, {
        rows: [
          ['1', long],
          ['3', null],
        ],
      }),
    ]);
    const target = join(scratch(), 'o"[u]t*');
    expect(await compose(root, '-o', `${target}/`, '--format', 'parquet')).toMatchObject({ code: 0 });
    const moved = join(scratch(), 'user.parquet');
    renameSync(join(target, 'user.parquet'), moved);
    expect(await query(`SELECT id, md5(text) FROM '${moved}' ORDER BY id`)).toEqual([
      ['1', createHash('md5').update(long).digest('hex')],
      ['3', null],
    ]);
  });

  test('columns may be renamed, added and moved between days', async () => {
    const root = scratch();
    const writer = createTreeWriter(root);
    writer.deliver(dayAt(0), [
      user(null, 24, {
        columns: { id: 'integer', a: 'text', b: 'text' },
        rows: [
          ['1', 'a', 'b'],
          ['3', 'x', 'y'],
        ],
      }),
    ]);
    writer.deliver(dayAt(1), [
      user(24, 48, { columns: { id: 'integer', b: 'text', c: 'text' }, rows: [['1', 'bb', '']] }),
    ]);
    const file = join(scratch(), 'user.csv');
    await compose(root, '-o', file);
    expect(readFileSync(file, 'utf8').trim().split('\n').sort()).toEqual(['1,bb,""', '3,y,', 'id,b,c']);
  });
});
