import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, it } from 'vitest';
import { workbook } from '../activities/workbook.ts';
import { WaybillError } from '../contracts/failures.ts';
import { pythonWith } from '../stack/python.ts';
import {
  column,
  dataset,
  EVERYTHING,
  never,
  order,
  planFile,
  scratchDirectory,
  useWarehouse,
} from '../stores/warehouse/warehouse-fixture.ts';
import { XLSX_ROWS_MAX, xlsx } from '../streams/xlsx.ts';

/** Prints, of each sheet, rows of `[type, value]`, by two readers that share no code. */
const READER = `
import datetime, json, sys
import openpyxl, python_calamine
def shown(v):
    return v.isoformat() if isinstance(v, (datetime.date, datetime.time)) else v
book = openpyxl.load_workbook(sys.argv[1])
cells = {s.title: [[(c.data_type, shown(c.value), c.number_format) for c in row] for row in s.iter_rows()] for s in book}
other = python_calamine.CalamineWorkbook.from_path(sys.argv[1])
rust = {n: [[shown(v) for v in row] for row in other.get_sheet_by_name(n).to_python()] for n in other.sheet_names}
json.dump({'cells': cells, 'rust': rust}, sys.stdout)
`;

interface Read {
  readonly cells: Readonly<
    Record<string, readonly (readonly (readonly [type: string, value: unknown, format: string])[])[]>
  >;
  readonly rust: Readonly<Record<string, readonly (readonly unknown[])[]>>;
}

let python: string;
beforeAll(async () => {
  python = await pythonWith(['openpyxl==3.1.5', 'python-calamine==0.4.0']);
});

const { warehouse } = await useWarehouse(`
  CREATE TABLE many AS SELECT 'acme' AS tenant, i AS id FROM range(${XLSX_ROWS_MAX + 1}) t(i)
`);

type Fields = Parameters<typeof order>[0];

async function written(set: ReturnType<typeof dataset>, fields: Fields = {}): Promise<Read> {
  const wanted = { ...order({ format: 'xlsx', ...fields }), window: null };
  const content = warehouse.read(set, wanted, EVERYTHING, never);
  const file = join(scratchDirectory(), 'file.xlsx');
  const chunks: Buffer[] = [];
  const book = workbook(set, wanted, EVERYTHING.snapshotAt, content.chunks);
  for await (const chunk of xlsx(book, never)) chunks.push(Buffer.from(chunk));
  await content.sum;
  await writeFile(file, Buffer.concat(chunks));
  const { stdout } = await execa(python, ['-c', READER, file]);
  return JSON.parse(stdout) as Read;
}

/** One column with these values of SQL. */
function values(type: Parameters<typeof column>[1], sql: readonly string[]) {
  const rows = sql.map((value, at) => `SELECT ${at} AS place, ${value} AS v`).join(' UNION ALL ');
  return dataset({ sql: `SELECT 'acme' AS tenant, v FROM (${rows}) ORDER BY place`, columns: [column('v', type)] });
}

async function cellsOf(type: Parameters<typeof column>[1], sql: readonly string[], fields: Fields = {}) {
  const { cells, rust } = await written(values(type, sql), fields);
  const [, ...found] = cells.Data ?? [];
  const [, ...others] = rust.Data ?? [];
  return { cells: found.map(([cell]) => cell?.slice(0, 2)), others: others.map(([value]) => value) };
}

describe('a workbook, as openpyxl reads it', () => {
  it('has numbers, booleans and texts of their types', async () => {
    const types = {
      boolean: ['true', 'NULL', 'false'],
      double: ['1.5::DOUBLE', "'nan'::DOUBLE", '1e300::DOUBLE', '-0.1::DOUBLE'],
    } as const;
    expect((await cellsOf('boolean', types.boolean)).cells).toEqual([
      ['b', true],
      ['n', null],
      ['b', false],
    ]);
    expect((await cellsOf('double', types.double)).cells).toEqual([
      ['n', 1.5],
      ['s', 'nan'],
      ['n', 1e300],
      ['n', -0.1],
    ]);
  });

  it('keeps each digit: numbers of more than 15 are texts', async () => {
    const integers = [
      '7::HUGEINT',
      '-999999999999999',
      '1000000000000001',
      '-9007199254740993',
      '12345678901234567890',
    ];
    expect((await cellsOf('integer', integers)).cells).toEqual([
      ['n', 7],
      ['n', -999999999999999],
      ['s', '1000000000000001'],
      ['s', '-9007199254740993'],
      ['s', '12345678901234567890'],
    ]);
    const decimals = [
      '12.5::DECIMAL(38, 20)',
      '0.00000000000000000001',
      '0.123456789012345',
      '0.1234567890123456',
      '0',
    ];
    expect((await cellsOf('decimal', decimals)).cells).toEqual([
      ['n', 12.5],
      ['n', 1e-20],
      ['n', 0.123456789012345],
      ['s', '0.12345678901234560000'],
      ['n', 0],
    ]);
  });

  it('has dates and timestamps that Excel counts, and others as text', async () => {
    const dates = [
      "DATE '2026-03-29'",
      "DATE '1900-03-01'",
      "DATE '1900-02-28'",
      "DATE '9999-12-31'",
      "DATE '10000-01-01'",
      "'infinity'::DATE",
    ];
    expect((await cellsOf('date', dates)).cells).toEqual([
      ['d', '2026-03-29T00:00:00'],
      ['d', '1900-03-01T00:00:00'],
      ['s', '1900-02-28'],
      ['d', '9999-12-31T00:00:00'],
      ['s', '+010000-01-01'],
      ['s', 'infinity'],
    ]);
    const times = ["TIMESTAMPTZ '2026-03-29 01:30:00.5+00'", "TIMESTAMPTZ '1800-01-01 00:00:00+00'", 'NULL'];
    expect((await cellsOf('timestamp', times)).cells).toEqual([
      ['d', '2026-03-29T01:30:00.500000'],
      ['s', '1800-01-01T00:00:00.000000Z'],
      ['n', null],
    ]);
    expect((await cellsOf('timestamp', times, { timeZone: 'Europe/Berlin' })).cells).toEqual([
      ['d', '2026-03-29T03:30:00.500000'],
      ['s', '1800-01-01T00:53:28.000000+00:53:28'],
      ['n', null],
    ]);
  });

  it('has texts as they are, which no program runs', async () => {
    const texts = [
      '=1+1',
      '+1',
      '@x',
      "it's",
      ' <a> & "b" ',
      'line\nbreak\ttab',
      '007',
      '',
      '🙂 é',
      '1e5',
      'TRUE',
      '2020-01-01',
    ];
    const { cells, others } = await cellsOf(
      'text',
      texts.map((text) => `'${text.replaceAll("'", "''")}'`),
    );
    // Empty texts are not told from empty cells.
    expect(cells.map((cell) => cell?.[1] ?? '')).toEqual(texts);
    expect(new Set(cells.map((cell) => cell?.[0]))).not.toContain('f');
    expect(cells.filter((cell) => cell?.[0] !== 's').length).toBeLessThanOrEqual(1);
    expect(others).toEqual(texts);
  });

  it('has characters that XML lacks, escaped as Excel escapes them', async () => {
    const { cells } = await cellsOf('text', ["'a' || chr(1) || chr(13) || 'b'", "'_x0041_'", "'_x'", "'a' || chr(0)"]);
    const decoded = cells.map((cell) =>
      String(cell?.[1]).replace(/_x([0-9A-F]{4})_/g, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      ),
    );
    expect(decoded).toEqual(['a\u0001\rb', '_x0041_', '_x', 'a\0']);
  });

  it('has a second sheet that describes the columns', async () => {
    const set = dataset({
      sql: "SELECT 'acme' AS tenant, 1 AS id, TIMESTAMP '2020-01-01' AS made, '{\"a\":[1.10]}'::JSON AS tree",
      columns: [
        { ...column('id', 'integer', 'Number & <more>'), label: 'What it is' },
        column('made', 'timestamp'),
        column('tree', 'json'),
      ],
    });
    const { cells, rust } = await written(set, { timeZone: 'Asia/Tokyo', columns: ['made', 'tree', 'id'] });
    expect(rust.Columns).toEqual([
      ['Column', 'Name', 'Type', 'Description', 'Time zone'],
      ['made', 'made', 'timestamp', '', 'Asia/Tokyo'],
      ['tree', 'tree', 'json', '', ''],
      ['Number & <more>', 'id', 'integer', 'What it is', ''],
    ]);
    expect(rust.Data?.[0]).toEqual(['made', 'tree', 'Number & <more>']);
    expect(cells.Data?.[1]?.map(([type, value]) => [type, value])).toEqual([
      ['d', '2020-01-01T09:00:00'],
      ['s', '{"a":[1.10]}'],
      ['n', 1],
    ]);
    expect(cells.Data?.[1]?.[0]?.[2]).toBe('yyyy\\-mm\\-dd\\ hh:mm:ss.000');
  });

  it('may have no rows', async () => {
    const set = dataset({ sql: "SELECT 'other' AS tenant, 1 AS id", columns: [column('id', 'integer')] });
    expect((await written(set)).rust.Data).toEqual([['id']]);
  });
});

describe('what does not fit is refused', () => {
  const many = dataset({ sql: 'SELECT * FROM many', columns: [column('id', 'integer')] });
  const plan = (fields: Fields) =>
    planFile(warehouse, many, { ...order({ format: 'xlsx', ...fields }), window: null }, 10, never);

  it('more rows than a sheet has', async () => {
    const failure = await plan({}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WaybillError);
    expect(failure).toMatchObject({
      code: 'xlsx_too_large',
      message:
        'THINGS has 1,048,576 rows, and a sheet of Excel holds 1,048,575. Order PARQUET or CSV, several files, or choose a shorter window or a filter.',
    });
    await expect(plan({ rowsPerFile: 'auto' }), 'it has no times to divide it by').rejects.toMatchObject({
      code: 'xlsx_too_large',
      message: expect.stringContaining('1,048,576 rows that no time divides'),
    });
    const filter = [{ column: 'id', op: 'range', from: '1', to: null } as const];
    const planned = await plan({ filter });
    expect([planned.rows, planned.parts.length]).toEqual([XLSX_ROWS_MAX, 1]);
  });

  it.each([
    ["repeat('x', 32767)", true],
    ["repeat('x', 32768)", false],
    ["repeat('🙂', 16383) || 'x'", true],
    ["repeat('🙂', 16384)", false],
  ])('a text longer than a cell: %s', async (sql, fits) => {
    const reading = cellsOf('text', [sql]).then(({ cells }) => cells.length);
    if (fits) expect(await reading).toBe(1);
    else
      await expect(reading).rejects.toMatchObject({
        code: 'xlsx_too_large',
        message: expect.stringContaining('a value of v has more'),
      });
  });
});
