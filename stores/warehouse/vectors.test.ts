import { DuckDBInstance, LIST, listValue, VARCHAR } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import fc from 'fast-check';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ColumnType } from '../../config/dataset.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { Chunk, ValueLabel } from '../../formats/table.ts';
import { createWarehouse } from './duckdb.ts';
import { createTextReader } from './text-vector.ts';
import type { VectorContent } from './warehouse.ts';
import {
  BIG,
  BIG_TABLE,
  column,
  dataset,
  EVERYTHING,
  never,
  OPTIONS,
  order,
  scratchDirectory,
  TIMES,
  TIMES_TABLE,
  useWarehouse,
} from './warehouse-fixture.ts';

const { read, warehouse } = await useWarehouse(TIMES_TABLE + BIG_TABLE);

const WHOLE: FileOrder = { ...order(), window: null };

/** Every value by column: numbers, or texts. */
async function readValues(content: VectorContent): Promise<(number | string)[][]> {
  const { variables } = await content.table;
  const values: (number | string)[][] = variables.map(() => []);
  for await (const chunk of content.chunks) addValues(chunk, values);
  return values;
}

function addValues({ rows, columns }: Chunk, values: (number | string)[][]): void {
  for (const [at, column] of columns.entries()) {
    for (let row = 0; row < rows; row += 1) {
      const value =
        column instanceof Float64Array
          ? Number(column[row])
          : Buffer.from(column.bytes.subarray(column.ends[row - 1] ?? 0, column.ends[row])).toString('utf8');
      values[at]?.push(value);
    }
  }
}

/** One column of values in SQL, as tenant `acme` has them. */
function columnOf(type: ColumnType, values: readonly string[], fields: { missing?: Record<string, string> } = {}) {
  const rows = values.map((value) => `('acme', ${value})`).join(', ');
  return dataset({
    sql: `SELECT * FROM (VALUES ${rows}) t(tenant, v)`,
    columns: [{ ...column('v', type), label: 'The value', ...fields }],
  });
}

describe('vectors', () => {
  it.each<[ColumnType, readonly string[], object, readonly (number | string)[], RegExp?]>([
    ['boolean', ['true', 'false', 'NULL'], { kind: 'boolean' }, [1, 0, Number.NaN]],
    ['integer', ['7', '-3', 'NULL'], { kind: 'integer', min: -3, max: 7 }, [7, -3, Number.NaN]],
    ['integer', ['NULL::TINYINT'], { kind: 'integer', min: 0, max: 0 }, [Number.NaN]],
    [
      'integer',
      ['9007199254740992::HUGEINT', '-9007199254740992'],
      { kind: 'integer', min: -9007199254740992, max: 9007199254740992 },
      [9007199254740992, -9007199254740992],
    ],
    [
      'integer',
      ['9007199254740993', '1', 'NULL'],
      { kind: 'text', bytes: 16 },
      ['9007199254740993', '1', ''],
      /^v: numbers beyond/,
    ],
    ['decimal', ['1.10::DECIMAL(10,2)', 'NULL'], { kind: 'number', decimals: 2 }, [1.1, Number.NaN]],
    ['decimal', ['-1234567890123.45::DECIMAL(38,2)'], { kind: 'number', decimals: 2 }, [-1234567890123.45]],
    [
      'decimal',
      ['12345678901234.56::DECIMAL(38,2)', '-1.00'],
      { kind: 'text', bytes: 17 },
      ['12345678901234.56', '-1.00'],
      /^v: numbers of more than 15 digits/,
    ],
    ['decimal', ['1e-30::DECIMAL(38,33)'], { kind: 'number', decimals: 33 }, [1e-30]],
    ['decimal', ["'-0.5'", "'123456.789'", 'NULL'], { kind: 'number', decimals: 3 }, [-0.5, 123456.789, Number.NaN]],
    [
      'decimal',
      ["'0.1234567890123456'"],
      { kind: 'text', bytes: 18, total: { values: 1, bytes: 18 } },
      ['0.1234567890123456'],
      /^v: numbers of more than 15 digits/,
    ],
    ['decimal', ['12::INTEGER'], { kind: 'integer', min: 12, max: 12 }, [12]],
    [
      'double',
      ["'NaN'::DOUBLE", "'-inf'", '0.1', 'NULL'],
      { kind: 'number', decimals: null },
      [Number.NaN, Number.NaN, 0.1, Number.NaN],
      /^v: 2 values are NaN or infinite/,
    ],
    ['double', ['0.1::FLOAT'], { kind: 'number', decimals: null }, [0.1]],
    [
      'text',
      ["'é'", "''", 'NULL', "'thirteen bytes'"],
      { kind: 'text', bytes: 14, total: { values: 2, bytes: 16 } },
      ['é', '', '', 'thirteen bytes'],
    ],
    ['text', ["'a '", "' '", "' b'"], { kind: 'text', bytes: 2, blankEnded: 2 }, ['a ', ' ', ' b']],
    ['text', ['12'], { kind: 'text', bytes: 2, total: { values: 1, bytes: 2 } }, ['12']],
    ['date', ["DATE '1960-01-01'", 'NULL'], { kind: 'date', range: [-3653, -3653] }, [-3653, Number.NaN]],
    [
      'date',
      ["DATE 'infinity'", "DATE '-infinity'", "DATE '5881580-07-10'", "DATE '0044-03-15 (BC)'"],
      { kind: 'date', range: [-735160, 2147483646] },
      [Number.NaN, Number.NaN, 2147483646, -735160],
      /^v: 2 values are infinite/,
    ],
    [
      'time',
      ["TIME '23:59:59.000001'", "'24:00:00'", 'NULL'],
      { kind: 'time', range: [86399.000001, 86400] },
      [86399.000001, 86400, Number.NaN],
    ],
    ['time', ["'00:00:00.000000001'::TIME_NS"], { kind: 'time' }, [1e-9]],
    ['time', ["'12:00:00+02'::TIMETZ"], { kind: 'text', bytes: 11 }, ['12:00:00+02']],
    [
      'timestamp',
      ["TIMESTAMP '1970-01-01 00:00:01.5'", "'0001-01-01'", 'NULL'],
      { kind: 'timestamp', range: [-62135596800, 1.5] },
      [1.5, -62135596800, Number.NaN],
    ],
    ['timestamp', ["TIMESTAMPTZ '1970-01-02 00:00:00+00'"], { kind: 'timestamp' }, [86400]],
    ['timestamp', ["DATE '1970-01-02'"], { kind: 'timestamp' }, [86400]],
    ['timestamp', ["'-infinity'::TIMESTAMP"], { kind: 'timestamp' }, [Number.NaN], /^v: 1 value is infinite/],
    ['timestamp', ["'1970-01-01 00:00:00.000001999'::TIMESTAMP_NS"], { kind: 'timestamp' }, [1e-6], /cut to it\.$/],
    [
      'uuid',
      ["UUID '5ed2b9a3-9c47-4e08-8f70-9f1b5f5a4b2a'", 'NULL'],
      { kind: 'text', bytes: 36 },
      ['5ed2b9a3-9c47-4e08-8f70-9f1b5f5a4b2a', ''],
    ],
    ['json', ["[{'a': 1}]"], { kind: 'text', bytes: 9 }, ['[{"a":1}]']],
    ['binary', ["'\\x00\\xFF'::BLOB"], { kind: 'text', bytes: 4 }, ['AP8=']],
  ])('reads %s %s', async (type, values, variable, expected, note) => {
    await using content = warehouse.vectors(columnOf(type, values), WHOLE, EVERYTHING, never);
    const table = await content.table;
    expect(table.variables).toMatchObject([
      { name: 'v', label: 'The value', type: variable, valueLabels: [], missing: [] },
    ]);
    expect(table.rows).toBe(values.length);
    expect(table.notes).toEqual(note ? [expect.stringMatching(note)] : []);
    expect(await readValues(content)).toEqual([expected]);
  });

  it.each<[ColumnType, Record<string, string>, readonly ValueLabel[]]>([
    [
      'integer',
      { '1': 'one', '2': 'two', other: 'no number' },
      [
        { value: 1, label: 'one' },
        { value: 2, label: 'two' },
      ],
    ],
    [
      'boolean',
      { true: 'yes', '0': 'no' },
      [
        { value: 0, label: 'no' },
        { value: 1, label: 'yes' },
      ],
    ],
    ['text', { a: 'A' }, [{ value: 'a', label: 'A' }]],
    ['date', { '1970-01-02': 'a day', never: 'no day' }, [{ value: 1, label: 'a day' }]],
    ['timestamp', { '1970-01-01T00:00:01.500000Z': 'a time' }, [{ value: 1.5, label: 'a time' }]],
    ['time', { '00:01:00.25': 'a time' }, [{ value: 60.25, label: 'a time' }]],
  ])('labels values of %s', async (type, valueLabels, expected) => {
    const values: Partial<Record<ColumnType, string>> = {
      ...{ integer: '1', boolean: 'true', text: "'a'", date: "DATE '2020-01-01'" },
      ...{ time: "TIME '00:00:00'", timestamp: "TIMESTAMP '2020-01-01'" },
    };
    const value = values[type] ?? '';
    const labelled = columnOf(type, [value]);
    const columns = labelled.columns.map((one) => ({ ...one, valueLabels }));
    await using content = warehouse.vectors({ ...labelled, columns }, WHOLE, EVERYTHING, never);
    const [variable] = (await content.table).variables;
    expect(variable?.valueLabels).toHaveLength(expected.length);
    expect(variable?.valueLabels).toEqual(expect.arrayContaining([...expected]));
  });

  it('notes labels of what is no value, and of a value that has two', async () => {
    const missing = { '-9': 'Not answered', none: 'Refused' };
    const labelled = columnOf('integer', ['1'], { missing });
    const columns = labelled.columns.map((one) => ({ ...one, valueLabels: { '1': 'one', '1.0': 'first', x: 'no' } }));
    await using content = warehouse.vectors({ ...labelled, columns }, WHOLE, EVERYTHING, never);
    expect((await content.table).notes).toEqual([
      'v: "1" is the same value as another one with a label, so its label is left out: one',
      'v: "x" is no value of the column, so its label is left out: no',
      'v: "none" is no value of the column, so its label is left out: Refused',
    ]);
  });

  it('does not count codes of missing answers into the range', async () => {
    const missing = { '-999999999': 'not answered' };
    await using content = warehouse.vectors(
      columnOf('integer', ['1', '-999999999'], { missing }),
      WHOLE,
      EVERYTHING,
      never,
    );
    expect((await content.table).variables).toMatchObject([
      { type: { kind: 'integer', min: 1, max: 1 }, missing: [{ value: -999999999, label: 'not answered' }] },
    ]);
    expect(await readValues(content)).toEqual([[1, -999999999]]);
  });

  it.each<[ColumnType, readonly string[], string, object]>([
    ['date', ["DATE '0001-01-01'", "DATE '1970-01-02'", "DATE 'infinity'"], '0001-01-01', { range: [1, 1] }],
    ['timestamp', ["TIMESTAMP '9999-12-31'", "'1970-01-02'"], '9999-12-31T01:00:00', { range: [90000, 90000] }],
    ['timestamp', ["TIMESTAMPTZ '9999-12-31 00:00:00+00'", "'infinity'"], '9999-12-31T01:00:00', {}],
  ])('does not count a %s of missing answers into the range: %s', async (type, values, code, range) => {
    const order = { ...WHOLE, timeZone: 'Europe/Berlin' };
    const missing = { [code]: 'not answered' };
    await using content = warehouse.vectors(columnOf(type, values, { missing }), order, EVERYTHING, never);
    const [variable] = (await content.table).variables;
    expect(variable).toMatchObject({ missing: [{ label: 'not answered' }] });
    expect({ ...variable?.type }).toEqual({ kind: type, ...range });
  });

  it("writes a clock in the order's time zone", async () => {
    const summer = columnOf('timestamp', ["TIMESTAMPTZ '2020-07-01 10:00:00+00'", "'infinity'"]);
    await using content = warehouse.vectors(summer, { ...WHOLE, timeZone: 'Europe/Berlin' }, EVERYTHING, never);
    const noon = Date.UTC(2020, 6, 1, 12) / 1000;
    expect((await content.table).variables).toMatchObject([{ type: { range: [noon, noon] } }]);
    expect(await readValues(content)).toEqual([[noon, Number.NaN]]);
  });

  it('reads many chunks of a slice, with the same sum as other formats', async () => {
    const slice = { from: null, to: null } as const;
    await using content = warehouse.vectors(BIG, WHOLE, { ...EVERYTHING, slice }, never);
    const [ids = [], names = []] = await readValues(content);
    expect((await content.table).rows).toBe(100_000);
    expect(ids.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 100_000 }, (_, i) => i * 2));
    expect(names).toEqual(ids.map((id) => `name; of ${id}`));
    const { rows, rowsHash } = await read(BIG, WHOLE);
    expect(await content.sum).toEqual({ rows, rowsHash });
  });

  it('reads the columns and the tenant of the order', async () => {
    await using content = warehouse.vectors(BIG, { ...WHOLE, tenant: 'other', columns: ['name'] }, EVERYTHING, never);
    expect((await content.table).variables.map(({ name }) => name)).toEqual(['name']);
    const [[first] = []] = await readValues(content);
    expect(first).toBe('name; of 1');
  });

  it('reads no rows', async () => {
    await using content = warehouse.vectors(TIMES, { ...WHOLE, tenant: 'nobody' }, EVERYTHING, never);
    expect(await readValues(content)).toEqual([[]]);
    expect(await content.sum).toMatchObject({ rows: 0 });
  });

  it('hashes anonymized columns, whose width is known', async () => {
    const scratch = scratchDirectory();
    const anonymizeKey = Buffer.alloc(32, 1);
    const secret = await createWarehouse({ ...OPTIONS, tempDirectory: scratch, anonymizeKey });
    onTestFinished(() => secret.close());
    const people = columnOf('text', ["'ann'", 'NULL']);
    const columns = [{ ...column('v', 'text'), anonymizedFrom: 'text' as const }];
    await using content = secret.vectors({ ...people, columns }, WHOLE, EVERYTHING, never);
    expect((await content.table).variables).toMatchObject([{ type: { kind: 'text', bytes: 64 } }]);
    expect(await readValues(content)).toEqual([[expect.stringMatching(/^[0-9a-f]{64}$/), '']]);
  });
});

describe('the end of vectors', () => {
  const ENDLESS = dataset({
    sql: "SELECT 'acme' AS tenant, a.range AS id FROM range(100000) a, range(100000000) b WHERE hash(a.range, b.range) = 1",
    columns: [column('id', 'integer')],
  });

  it('comes within a second of an abort, while the table is measured', async () => {
    const abort = new AbortController();
    const content = warehouse.vectors(ENDLESS, WHOLE, EVERYTHING, abort.signal);
    const reason = new Error('stop');
    setImmediate(() => abort.abort(reason));
    await expect(content.table).rejects.toBe(reason);
    await expect(readValues(content)).rejects.toBe(reason);
    await expect(content.sum).rejects.toBe(reason);
  });

  it('comes on an abort between two chunks', async () => {
    const abort = new AbortController();
    const content = warehouse.vectors(BIG, WHOLE, EVERYTHING, abort.signal);
    const reason = new Error('stop');
    const reading = (async () => {
      for await (const _ of content.chunks) abort.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    await expect(content.sum).rejects.toBe(reason);
  });

  it('comes with the end of the iteration', async () => {
    const content = warehouse.vectors(BIG, WHOLE, EVERYTHING, never);
    for await (const _ of content.chunks) break;
    await expect(content.sum).rejects.toThrow('not read to the end');
  });

  it('comes with its disposal, begun or not', async () => {
    const unread = warehouse.vectors(BIG, WHOLE, EVERYTHING, never);
    await unread.table;
    await unread[Symbol.asyncDispose]();
    await expect(unread.sum).rejects.toThrow('not read to the end');
    const endless = warehouse.vectors(ENDLESS, WHOLE, EVERYTHING, never);
    await endless[Symbol.asyncDispose]();
    await expect(endless.table).rejects.toThrow('not read to the end');
  });

  it('comes with a failure that names neither rows nor SQL', async () => {
    const wrong = columnOf('decimal', ["'12 apples'"]);
    const content = warehouse.vectors(wrong, WHOLE, EVERYTHING, never);
    const failure = { code: 'dataset_broken', message: expect.not.stringContaining('apples') };
    await expect(content.table).rejects.toMatchObject(failure);
    await expect(readValues(content)).rejects.toMatchObject(failure);
  });

  it('comes with a failure if the rows have become more or fewer', async () => {
    const changing = dataset({
      sql: "SELECT 'acme' AS tenant, range AS id FROM range(100000) WHERE random() < 0.5",
      columns: [column('id', 'integer')],
    });
    const content = warehouse.vectors(changing, WHOLE, EVERYTHING, never);
    await expect(readValues(content)).rejects.toMatchObject({ code: 'source_changed' });
  });
});

describe('a vector of texts', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  afterAll(() => connection.disconnectSync());

  it('reads texts of every size in any order', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.constantFrom('', 'x'.repeat(12), 'x'.repeat(13), 'ü'.repeat(6), `${'ü'.repeat(6)}x`, 'long '.repeat(5000)),
    );
    const readTexts = createTextReader();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text), { minLength: 1, maxLength: 3000 }), async (texts) => {
        const result = await connection.stream(
          'SELECT unnest($texts)',
          { texts: listValue(texts) },
          { texts: LIST(VARCHAR) },
        );
        const found: string[] = [];
        for (let chunk = await result.fetchChunk(); chunk?.rowCount; chunk = await result.fetchChunk()) {
          const { bytes, ends } = readTexts(duckdb.data_chunk_get_vector(chunk.chunk, 0), chunk.rowCount);
          for (let row = 0; row < chunk.rowCount; row += 1) {
            found.push(Buffer.from(bytes.subarray(ends[row - 1] ?? 0, ends[row])).toString('utf8'));
          }
        }
        expect(found).toEqual(texts.map((one) => one ?? ''));
      }),
      { numRuns: 30 },
    );
  });
});
