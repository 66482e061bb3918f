import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnType } from '../../config/dataset.ts';
import { CSV_DEFAULTS, type CsvOptions } from '../../contracts/order.ts';
import { column, dataset, EVERYTHING, openReader, order, useWarehouse } from './warehouse-fixture.ts';

const { planFile, read, scratch } = await useWarehouse("CREATE TYPE mood AS ENUM ('=a', 'b')");
const reader = await openReader();

async function csvOf(sql: string, type: ColumnType, csv: Partial<CsvOptions> = {}): Promise<string> {
  const set = dataset({
    sql: `SELECT 'acme' AS tenant, ${sql} AS v, 1 AS one`,
    columns: [column('v', type), column('one', 'integer')],
  });
  const { text } = await read(set, order({ csv: { ...CSV_DEFAULTS, header: false, ...csv } }));
  return text.slice(0, text.lastIndexOf(',1\n'));
}

async function jsonOf(sql: string, type: ColumnType): Promise<string> {
  const set = dataset({ sql: `SELECT 'acme' AS tenant, ${sql} AS v`, columns: [column('v', type)] });
  const { text } = await read(set, order({ format: 'jsonl' }));
  JSON.parse(text);
  return /^\{"v":(.*)\}\n$/s.exec(text)?.[1] ?? text;
}

describe('a value', () => {
  it.each<[ColumnType, string, string, string]>([
    ['boolean', 'true', 'true', 'true'],
    ['integer', '9223372036854775807', '9223372036854775807', '9223372036854775807'],
    ['integer', '(-9223372036854775808)::BIGINT', '-9223372036854775808', '-9223372036854775808'],
    [
      'integer',
      '170141183460469231731687303715884105727::HUGEINT',
      '170141183460469231731687303715884105727',
      '"170141183460469231731687303715884105727"',
    ],
    ['decimal', '1.10::DECIMAL(10,2)', '1.10', '"1.10"'],
    [
      'decimal',
      '12345678901234567890123456789012345.678::DECIMAL(38,3)',
      '12345678901234567890123456789012345.678',
      '"12345678901234567890123456789012345.678"',
    ],
    ['decimal', '5', '5', '"5"'],
    ['double', '0.1::DOUBLE', '0.1', '0.1'],
    ['double', '0.1::FLOAT', '0.1', '0.1'],
    ['double', "'NaN'::DOUBLE", 'nan', 'null'],
    ['double', "'-inf'::DOUBLE", '-inf', 'null'],
    ['double', "'inf'::FLOAT", 'inf', 'null'],
    ['text', "'é😀'", 'é😀', '"é😀"'],
    ['text', "'=a'::mood", '=a', '"=a"'],
    ['text', "''", '""', '""'],
    ['date', "DATE '0099-01-02'", '0099-01-02', '"0099-01-02"'],
    ['time', "TIME '01:02:03.004'", '01:02:03.004', '"01:02:03.004"'],
    [
      'timestamp',
      "TIMESTAMP '1969-12-31 23:59:59.999999'",
      '1969-12-31T23:59:59.999999Z',
      '"1969-12-31T23:59:59.999999Z"',
    ],
    [
      'timestamp',
      "TIMESTAMPTZ '2020-06-01 00:00:00.5+02:00'",
      '2020-05-31T22:00:00.500000Z',
      '"2020-05-31T22:00:00.500000Z"',
    ],
    [
      'timestamp',
      "TIMESTAMP_NS '2020-06-01 00:00:00.123456789'",
      '2020-06-01T00:00:00.123456789Z',
      '"2020-06-01T00:00:00.123456789Z"',
    ],
    [
      'timestamp',
      "TIMESTAMP_NS '1960-06-01 00:00:00.000000001'",
      '1960-06-01T00:00:00.000000001Z',
      '"1960-06-01T00:00:00.000000001Z"',
    ],
    ['timestamp', "TIMESTAMP_NS 'infinity'", 'infinity', '"infinity"'],
    [
      'timestamp',
      "TIMESTAMP_MS '2020-06-01 00:00:00.1'",
      '2020-06-01T00:00:00.100000Z',
      '"2020-06-01T00:00:00.100000Z"',
    ],
    [
      'timestamp',
      "TIMESTAMP '0044-03-15 (BC) 01:02:03'",
      '-000043-03-15T01:02:03.000000Z',
      '"-000043-03-15T01:02:03.000000Z"',
    ],
    [
      'timestamp',
      "TIMESTAMPTZ '0001-12-31 (BC) 23:59:59.5+00'",
      '+000000-12-31T23:59:59.500000Z',
      '"+000000-12-31T23:59:59.500000Z"',
    ],
    [
      'timestamp',
      "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'",
      '9999-12-31T23:59:59.999999Z',
      '"9999-12-31T23:59:59.999999Z"',
    ],
    [
      'timestamp',
      "TIMESTAMP '10000-01-01 00:00:00'",
      '+010000-01-01T00:00:00.000000Z',
      '"+010000-01-01T00:00:00.000000Z"',
    ],
    ['date', "DATE '0044-03-15 (BC)'", '-000043-03-15', '"-000043-03-15"'],
    ['date', "DATE '5881580-07-10'", '+5881580-07-10', '"+5881580-07-10"'],
    ['date', "DATE '-infinity'", '-infinity', '"-infinity"'],
    ['timestamp', "DATE '2020-06-01'", '2020-06-01T00:00:00.000000Z', '"2020-06-01T00:00:00.000000Z"'],
    ['timestamp', "TIMESTAMP 'infinity'", 'infinity', '"infinity"'],
    ['timestamp', "TIMESTAMPTZ '-infinity'", '-infinity', '"-infinity"'],
    [
      'uuid',
      "UUID '5C3B1D3E-0000-0000-0000-000000000001'",
      '5c3b1d3e-0000-0000-0000-000000000001',
      '"5c3b1d3e-0000-0000-0000-000000000001"',
    ],
    ['json', '[1, NULL, 3]', '"[1,null,3]"', '[1,null,3]'],
    ['json', "{'a': [1], 'b': 'x\"y'}", '"{""a"":[1],""b"":""x\\""y""}"', '{"a":[1],"b":"x\\"y"}'],
    ['json', `'{"k": 1}'::JSON`, '"{""k"": 1}"', '{"k": 1}'],
    ['json', `'{"k": 1.10}'`, '"{""k"": 1.10}"', '{"k": 1.10}'],
    [
      'json',
      `'[12345678901234567890.123456789, 1E400, 1e5, -0]'`,
      '"[12345678901234567890.123456789, 1E400, 1e5, -0]"',
      '[12345678901234567890.123456789, 1E400, 1e5, -0]',
    ],
    [
      'json',
      `'{"a": -Infinity, "b": "NaN \\" inf"}'::JSON`,
      '"{""a"": null, ""b"": ""NaN \\"" inf""}"',
      '{"a": null, "b": "NaN \\" inf"}',
    ],
    ['json', `'[Nan, 1.5, inf]'`, '"[null, 1.5, null]"', '[null, 1.5, null]'],
    [
      'json',
      `'[' || chr(10) || ' 1, "a\\n,]"' || chr(13) || chr(10) || ',]'`,
      '"[  1, ""a\\n,]""  ]"',
      '[  1, "a\\n,]"  ]',
    ],
    ['json', `'null'`, 'null', 'null'],
    [
      'json',
      "{'nan': 'nan'::DOUBLE, 'b': ['-inf'::FLOAT, 1.5]}",
      '"{""nan"":null,""b"":[null,1.5]}"',
      '{"nan":null,"b":[null,1.5]}',
    ],
    ['json', "[0.1::FLOAT, 'nan'::FLOAT, NULL]", '"[0.1,null,null]"', '[0.1,null,null]'],
    ['json', "array_value(1.5::DOUBLE, 'inf'::DOUBLE)", '"[1.5,null]"', '[1.5,null]'],
    ['json', "[['nan'::DOUBLE], NULL, []]", '"[[null],null,[]]"', '[[null],null,[]]'],
    [
      'json',
      "{'at': [TIMESTAMP '2020-01-02 03:04:05.1', NULL], 'day': DATE '10000-01-01', 'z': TIMESTAMPTZ '2020-01-01 00:00:00+01'}",
      '"{""at"":[""2020-01-02T03:04:05.100000Z"",null],""day"":""+010000-01-01"",""z"":""2019-12-31T23:00:00.000000Z""}"',
      '{"at":["2020-01-02T03:04:05.100000Z",null],"day":"+010000-01-01","z":"2019-12-31T23:00:00.000000Z"}',
    ],
    [
      'json',
      "MAP {TIMESTAMP '2020-01-02 03:04:05': 'nan'::DOUBLE}",
      '"{""2020-01-02T03:04:05.000000Z"":null}"',
      '{"2020-01-02T03:04:05.000000Z":null}',
    ],
    ['json', `['{"a": 1.10}'::JSON, NULL, 'NaN'::JSON]`, '"[{""a"": 1.10},null,null]"', '[{"a": 1.10},null,null]'],
    [
      'json',
      `{'j"1': '[12345678901234567890.123]'::JSON, 'at': [TIMESTAMP '2020-01-02 03:04:05'], 'n': NULL::JSON[]}`,
      '"{""j\\""1"":[12345678901234567890.123],""at"":[""2020-01-02T03:04:05.000000Z""],""n"":null}"',
      '{"j\\"1":[12345678901234567890.123],"at":["2020-01-02T03:04:05.000000Z"],"n":null}',
    ],
    [
      'json',
      `MAP {'a"b': 'Infinity'::JSON, 'c': '2.0'::JSON}`,
      '"{""a\\""b"":null,""c"":2.0}"',
      '{"a\\"b":null,"c":2.0}',
    ],
    [
      'json',
      `array_value({'j': '1.0'::JSON, 'd': 'nan'::DOUBLE})`,
      '"[{""j"":1.0,""d"":null}]"',
      '[{"j":1.0,"d":null}]',
    ],
    ['json', "[{'u': union_value(n := 'nan'::DOUBLE)}]", '"[{""u"":{""n"":null}}]"', '[{"u":{"n":null}}]'],
    ['json', "row('nan'::DOUBLE)", '"{"""":null}"', '{"":null}'],
    ['binary', "'\\xAA\\x00'::BLOB", 'qgA=', '"qgA="'],
  ])('%s %s is %s in CSV and %s in JSONL', async (type, sql, csv, json) => {
    expect(await csvOf(sql, type)).toBe(csv);
    expect(await jsonOf(sql, type)).toBe(json);
  });

  it.each<[ColumnType, string]>([
    ['boolean', 'BOOLEAN'],
    ['integer', 'HUGEINT'],
    ['decimal', 'DECIMAL(9,2)'],
    ['double', 'FLOAT'],
    ['double', 'DOUBLE'],
    ['text', 'VARCHAR'],
    ['text', 'mood'],
    ['date', 'DATE'],
    ['time', 'TIMETZ'],
    ['timestamp', 'TIMESTAMPTZ'],
    ['uuid', 'UUID'],
    ['json', 'INTEGER[]'],
    ['json', 'STRUCT(a INTEGER)'],
    ['json', 'STRUCT(a TIMESTAMP)'],
    ['json', 'DOUBLE[]'],
    ['json', 'DOUBLE[2]'],
    ['json', 'JSON[]'],
    ['json', 'STRUCT(j JSON)'],
    ['json', 'MAP(VARCHAR, JSON)'],
    ['json', 'MAP(DATE, DOUBLE)'],
    ['timestamp', 'TIMESTAMP_NS'],
    ['date', 'DATE'],
    ['json', 'JSON'],
    ['json', 'VARCHAR'],
    ['binary', 'BLOB'],
  ])('%s NULL of %s is NULL', async (type, actual) => {
    expect(await csvOf(`NULL::${actual}`, type)).toBe('');
    expect(await csvOf(`NULL::${actual}`, type, { nullText: '\\N', formulaGuard: true })).toBe('\\N');
    expect(await jsonOf(`NULL::${actual}`, type)).toBe('null');
  });

  it.each([
    ["'=1+1'", "'=1+1"],
    ["'@x'", "'@x"],
    ["'-x'", "'-x"],
    ["'+x'", "'+x"],
    ["chr(9) || 'x'", "'\tx"],
    ["chr(13) || '=x'", '"\'\r=x"'],
    ["'-5.00'", '-5.00'],
    ["'+1e5'", '+1e5'],
    ["'-.5'", '-.5'],
    ["'-'", "'-"],
    ["'-5' || chr(10) || '=x'", '"\'-5\n=x"'],
    ["'a=b'", 'a=b'],
    ["'-inf'", "'-inf"],
    ["'=a'::mood", "'=a"],
  ])('text %s is guarded as %j', async (sql, csv) => {
    expect(await csvOf(sql, 'text', { formulaGuard: true })).toBe(csv);
  });
});

const TEXTS = [
  'a',
  '',
  'NULL',
  '\\N',
  'a,b',
  'a;b',
  'a"b',
  '"',
  "'",
  'a\nb',
  'a\r\nb',
  '\r',
  ' a ',
  '\t',
  '#x',
  '-',
  'é😀',
  'nan',
  'true',
  '00',
  ',',
  '\\',
  '\\"',
];

describe('CSV, read back', () => {
  it.each<[string, Partial<CsvOptions>]>([
    ['defaults', {}],
    ['a tab', { delimiter: '\t' }],
    ['a semicolon and a byte order mark', { delimiter: ';', bom: true }],
    ['NULL as NULL', { nullText: 'NULL' }],
    ['NULL as \\N', { nullText: '\\N' }],
  ])('with %s, has every text and NULL as it was', async (_title, options) => {
    const csv = { ...CSV_DEFAULTS, ...options };
    const texts = fc.array(
      fc.option(
        fc.oneof(
          fc.constantFrom(...TEXTS),
          fc.string({ unit: 'binary', maxLength: 6 }).filter((t) => !t.includes('\0')),
        ),
      ),
      { minLength: 1, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(texts, async (values) => {
        const list = values.map((value) => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`)).join(', ');
        const set = dataset({
          sql: `SELECT 'acme' AS tenant, i AS id, v FROM (SELECT unnest([${list}]::VARCHAR[]) AS v, generate_subscripts([${list}]::VARCHAR[], 1) AS i)`,
          columns: [column('id', 'integer'), column('v', 'text', 'A "human", header')],
        });
        const { text, rows } = await read(set, order({ csv }));
        expect(rows).toBe(values.length);
        expect(text.startsWith('\uFEFF')).toBe(csv.bom);
        const path = join(scratch, 'back.csv');
        writeFileSync(path, text);
        const back = await reader.runAndReadAll(
          `SELECT v FROM read_csv($path, delim = '${csv.delimiter}', nullstr = '${csv.nullText}', allow_quoted_nulls = false, quote = '"', escape = '"', skip = 1, header = false, auto_detect = false, strict_mode = false, new_line = '\\n', columns = {'id': 'INTEGER', 'v': 'VARCHAR'}) ORDER BY id`,
          { path },
        );
        expect(back.getRows().map(([v]) => v)).toEqual(values);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['NULL', 'a\n"NULL"\nNULL\n""\n"x""y"\n"p;q"\n[1]\n1.5\n'],
    ['0', 'a\nNULL\n0\n""\n"x""y"\n"p;q"\n[1]\n1.5\n'],
  ])('quotes an empty text, and what would be NULL, where NULL is %s', async (nullText, expected) => {
    const set = dataset({
      sql: `SELECT 'acme' AS tenant, unnest(['a', 'NULL', NULL, '', 'x"y', 'p;q', '[1]', '1.5']) AS v`,
      columns: [column('v', 'text')],
    });
    const csv = { ...CSV_DEFAULTS, header: false, nullText, delimiter: ';' };
    expect((await read(set, order({ csv }))).text).toBe(expected);
  });

  it('keeps the rows of a single column apart, NULL, empty and blank', async () => {
    const set = dataset({
      sql: "SELECT 'acme' AS tenant, unnest(['a', NULL, '', ' ', NULL]) AS v",
      columns: [column('v', 'text')],
    });
    const { text } = await read(set, order());
    expect(text).toBe('v\na\n\n""\n \n\n');
    const path = join(scratch, 'one.csv');
    writeFileSync(path, text);
    const back = await reader.runAndReadAll(
      `SELECT v FROM read_csv($path, delim = ',', nullstr = '', allow_quoted_nulls = false, header = true, auto_detect = false, columns = {'v': 'VARCHAR'})`,
      { path },
    );
    expect(back.getRows().map(([v]) => v)).toEqual(['a', null, '', ' ', null]);
  });

  it('keeps headers that are the same, and writes none where none is wanted', async () => {
    const set = dataset({
      sql: "SELECT 'acme' AS tenant, 1 AS a, 2 AS b",
      columns: [column('a', 'integer', 'Same'), column('b', 'integer', 'Same')],
    });
    const textOf = async (csv: Partial<CsvOptions>, first = true) =>
      (await read(set, order({ csv: { ...CSV_DEFAULTS, ...csv } }), { ...EVERYTHING, first })).text;
    expect(await textOf({})).toBe('Same,Same\n1,2\n');
    expect(await textOf({ bom: true })).toBe('\uFEFFSame,Same\n1,2\n');
    expect(await textOf({ bom: true, header: false })).toBe('\uFEFF1,2\n');
    expect(await textOf({ bom: true }, false)).toBe('1,2\n');
    expect(await textOf({ nullText: 'Same', delimiter: ';' })).toBe('"Same";"Same"\n1;2\n');
  });

  it.each([
    [{ delimiter: '"' }, 'delimiter'],
    [{ delimiter: '\n' }, 'delimiter'],
    [{ delimiter: 'é' }, 'delimiter'],
    [{ delimiter: '' }, 'delimiter'],
    [{ nullText: 'a,b' }, 'nullText'],
    [{ nullText: '"' }, 'nullText'],
    [{ nullText: 'a\nb' }, 'nullText'],
  ])('refuses %j', async (options, field) => {
    const set = dataset({ sql: "SELECT 'acme' AS tenant", columns: [column('tenant', 'text')] });
    const asked = planFile(set, order({ csv: { ...CSV_DEFAULTS, ...options } }), 10);
    await expect(asked).rejects.toMatchObject({ code: 'invalid_field', field });
  });
});

describe('JSONL, read back', () => {
  it('has the columns in their order, whatever is JSON text among them', async () => {
    const set = dataset({
      sql: `SELECT 'acme' AS tenant, 1 AS a, '{"k":1.10}' AS j1, 'x"' AS b, NULL::DATE AS c, '[2.0]'::JSON AS j2, NULL::JSON AS "j""3"`,
      columns: [
        column('j1', 'json'),
        column('b', 'text'),
        column('c', 'date'),
        column('a', 'decimal'),
        column('j2', 'json'),
        column('j"3', 'json'),
      ],
    });
    const member = String.raw`{"j1":{"k":1.10},"b":"x\"","c":null,"a":"1","j2":[2.0],"j\"3":null}`;
    expect((await read(set, order({ format: 'jsonl' }))).text).toBe(`${member}\n`);
    const array = (await read(set, { ...order(), format: 'typed-json' })).text;
    expect(array).toBe(`[\n\t${member.replace('"1"', '1')}\n]\n`);
    const none = dataset({ ...set, sql: `SELECT * FROM (${set.sql}) WHERE false` });
    expect(JSON.parse((await read(none, { ...order(), format: 'typed-json' })).text)).toEqual([]);
    expect((await read(none, order({ format: 'jsonl' }))).text).toBe('');
  });

  it('has every text as it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.constantFrom(...TEXTS),
            fc.string({ unit: 'binary', maxLength: 6 }).filter((t) => !t.includes('\0')),
          ),
          { minLength: 1 },
        ),
        async (values) => {
          const list = values.map((value) => `'${value.replaceAll("'", "''")}'`).join(', ');
          const set = dataset({
            sql: `SELECT 'acme' AS tenant, unnest([${list}]) AS "odd ""key"`,
            columns: [column('odd "key', 'text')],
          });
          const { text } = await read(set, order({ format: 'jsonl' }));
          const lines = text.split('\n').slice(0, -1);
          expect(lines.map((line) => JSON.parse(line))).toEqual(values.map((value) => ({ 'odd "key': value })));
        },
      ),
      { numRuns: 30 },
    );
  });
});
