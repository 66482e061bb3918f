import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeCatalog } from './cleanup.ts';
import { startOwnServices } from './context.ts';
import { createPeriodicClient, enableAndWait, type PeriodicClient } from './periodic-client.ts';
import { readCsv } from './periodic-csv.ts';
import { parseExact, typedValue } from './periodic-exact.ts';

const LONG = 'x'.repeat(3_000_000);

/** Type in the catalog, SQL, the text in CSV and JSON, and the typed JSON where it is neither a string nor that text. */
const VALUES: readonly (readonly [string, string, string, string?])[] = [
  ['boolean', 'true', 'true', 'true'],
  ['boolean', 'false', 'false', 'false'],
  ['integer', '0', '0', '0'],
  ['integer', '9007199254740993', '9007199254740993', '9007199254740993'],
  ['integer', '-9223372036854775808', '-9223372036854775808', '-9223372036854775808'],
  ['integer', '18446744073709551615::UBIGINT', '18446744073709551615', '18446744073709551615'],
  [
    'integer',
    '170141183460469231731687303715884105727::HUGEINT',
    '170141183460469231731687303715884105727',
    '170141183460469231731687303715884105727',
  ],
  ['decimal', '1.10::DECIMAL(10,2)', '1.10', '1.10'],
  ['decimal', '-0.05::DECIMAL(10,2)', '-0.05', '-0.05'],
  [
    'decimal',
    "'9999999999999999999999999999.9999999999'::DECIMAL(38,10)",
    '9999999999999999999999999999.9999999999',
    '9999999999999999999999999999.9999999999',
  ],
  ['decimal', '0.12345678901234567::DECIMAL(17,17)', '.12345678901234567', '0.12345678901234567'],
  ['decimal', '-0.5::DECIMAL(38,38)', `-.5${'0'.repeat(37)}`, '-0.5'],
  ['double', '0.1::DOUBLE', '0.1', '0.1'],
  ['double', '1e300::DOUBLE', '1e+300', '1e+300'],
  ['double', '-1.5e-7::DOUBLE', '-1.5e-07', '-1.5e-07'],
  ['double', "'nan'::DOUBLE", 'nan', 'null'],
  ['double', "'-inf'::DOUBLE", '-inf', 'null'],
  ['text', "''", ''],
  ['text', "'NULL'", 'NULL'],
  ['text', "'null'", 'null'],
  ['text', "'true'", 'true'],
  ['text', "'007'", '007'],
  ['text', `'"' || chr(92) || '"",'`, '"\\"",'],
  ['text', "'a' || chr(13) || chr(10) || 'b' || chr(10) || 'c' || chr(13) || 'd'", 'a\r\nb\nc\rd'],
  ['text', "chr(9) || chr(1) || chr(127) || ' '", '\t\u0001\u007f '],
  ['text', "chr(65279) || 'é漢😀' || chr(8232) || chr(8238)", '\ufeffé漢😀\u2028\u202e'],
  ['text', "repeat('x', 3000000)", LONG],
  ['date', "DATE '0099-01-02'", '0099-01-02'],
  ['time', "TIME '23:59:59.000001'", '23:59:59.000001'],
  ['timestamp', "TIMESTAMP '2012-09-05 11:12:47.000001'", '2012-09-05T11:12:47.000001Z'],
  ['timestamp', "TIMESTAMPTZ '2012-09-05 11:12:47+02:00'", '2012-09-05T09:12:47.000000Z'],
  ['uuid', "UUID '5ED2B9A3-9c47-4e08-8f70-9f1b5f5a4b2a'", '5ed2b9a3-9c47-4e08-8f70-9f1b5f5a4b2a'],
  ['binary', "'\\x00\\xFF'::BLOB", 'AP8='],
  ['json', '[]::INTEGER[]', '[]'],
  ['json', `[{'a': 'x"' || chr(92) || chr(10), 'b': NULL}]`, '[{"a":"x\\"\\\\\\n","b":null}]'],
  ['json', "{'n': 9007199254740993, 'd': [true, false]}", '{"n":9007199254740993,"d":[true,false]}'],
  ['json', `'{"n": 12345678901234567890.10, "e": {}}'::JSON`, '{"n": 12345678901234567890.10, "e": {}}'],
  ['json', "'null'::JSON", 'null'],
  ['json', `'"text"'::JSON`, '"text"'],
  ['json', `'{"a": NaN, "b": "-inf"}'::JSON`, '{"a": null, "b": "-inf"}'],
  ['json', "['inf'::DOUBLE, 1e-7]", '[null,1e-7]'],
];

const NAMES = VALUES.map((_, index) => `c${index}`);
const SELECTED = VALUES.map(([, sql], index) => `${sql} AS c${index}`).join(', ');

const CATALOG = `
datasets:
  - name: hard
    title: Values that break careless writers
    doors: [periodic]
    sql: SELECT * FROM hard
    tenant_column: tenant
    columns:
      - id: integer
${VALUES.map(([type], index) => `      - c${index}: ${type}`).join('\n')}
  - name: nothing
    title: No rows at all
    doors: [periodic]
    sql: SELECT tenant, id, 'x' AS text FROM hard WHERE false
    tenant_column: tenant
    columns: [{ name: id, type: integer }, { name: text, type: text, header: 'The "text", in words' }]
  - name: noteBook
    offered_as: note
    title: Offered under another name
    doors: [periodic]
    sql: SELECT tenant, id FROM hard
    tenant_column: tenant
    columns: [{ name: id, type: integer }]
  - name: note
    title: For on-demand exports only
    doors: [on-demand]
    sql: SELECT tenant, id FROM hard
    tenant_column: tenant
    columns: [{ name: id, type: integer }]
`;

/** Row 1 has the values, row 2 has none, row 3 is another tenant's. */
const WAREHOUSE_SQL = `
  CREATE TABLE hard AS SELECT 'dreambuilder' AS tenant, 1 AS id, ${SELECTED};
  INSERT INTO hard (tenant, id) VALUES ('dreambuilder', 2);
  INSERT INTO hard SELECT 'acme', 3, * EXCLUDE (tenant, id) FROM hard WHERE id = 1
`;

let client: PeriodicClient;
let privateKey: string;

beforeAll(async () => {
  const services = await startOwnServices({ ...(await writeCatalog(CATALOG)), WAYBILL_WAREHOUSE_SQL: WAREHOUSE_SQL });
  client = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
  ({ privateKey } = await enableAndWait(client));
});

const textOf = async (query: string) => (await client.download(query, privateKey)).toString();

/** Rows by id, because their order in a file is undefined. */
function byId(rows: readonly Readonly<Record<string, unknown>>[], idOf: (id: unknown) => unknown = (id) => id) {
  return new Map(rows.map((row) => [String(idOf(row.id)), row]));
}

/** Replaces values that are too long for a failure message by their length and hash. */
function shortened(row: Readonly<Record<string, unknown>> | undefined): unknown {
  return Object.fromEntries(
    Object.entries(row ?? {}).map(([name, value]) => {
      if (typeof value !== 'string' || value.length < 1000) return [name, value];
      return [name, `${value.length} characters, ${createHash('sha256').update(value).digest('hex')}`];
    }),
  );
}

describe('values that break careless writers', () => {
  const none = Object.fromEntries(NAMES.map((name) => [name, null]));
  const texts = Object.fromEntries(VALUES.map(([, , text], index) => [`c${index}`, text]));

  it('survive CSV, where NULL differs from every text', async () => {
    const rows = byId(readCsv(await textOf('file=hard&fileType=csv')));
    expect([...rows.keys()].toSorted()).toEqual(['1', '2']);
    expect(shortened(rows.get('1'))).toEqual(shortened({ id: '1', ...texts }));
    expect(rows.get('2')).toEqual({ id: '2', ...none });
  });

  it('are in JSON as the text of the CSV', async () => {
    const rows = byId(JSON.parse(await textOf('file=hard&fileType=json')) as Record<string, unknown>[]);
    expect(shortened(rows.get('1'))).toEqual(shortened({ id: '1', ...texts }));
    expect(rows.get('2')).toEqual({ id: '2', ...none });
  });

  it('are in typed JSON with their types and every digit', async () => {
    const json = await textOf('file=hard&fileType=json&parseJsonDataTypes=true');
    const rows = byId(parseExact(json) as Record<string, unknown>[], (id) => (id as { number: string }).number);
    const typed = VALUES.map(([type, , text, raw]) => {
      return raw === undefined ? typedValue(text, type) : parseExact(raw);
    });
    const expected = Object.fromEntries(typed.map((value, index) => [`c${index}`, value]));
    expect(shortened(rows.get('1'))).toEqual(shortened({ id: { number: '1' }, ...expected }));
    expect(rows.get('2')).toEqual({ id: { number: '2' }, ...none });
  });
});

describe('a file without rows', () => {
  it('is a header line as CSV and an empty array as JSON', async () => {
    expect(await textOf('file=nothing&fileType=csv')).toBe('id,"The ""text"", in words"\n');
    expect(JSON.parse(await textOf('file=nothing&fileType=json'))).toEqual([]);
    expect(JSON.parse(await textOf('file=nothing&fileType=json&parseJsonDataTypes=true'))).toEqual([]);
  });
});

describe('a file with another name than its dataset', () => {
  it('is downloaded by that name only', async () => {
    expect((await textOf('file=note&fileType=csv')).split('\n').toSorted()).toEqual(['', '1', '2', 'id']);
    const answer = await client.request('GET', '/dataexport/download?file=noteBook&fileType=csv');
    const { code, allowed } = (await answer.json()) as { code: string; allowed: readonly string[] };
    expect([answer.status, code]).toEqual([400, 'unknown_file']);
    expect(allowed.toSorted()).toEqual(['hard', 'note', 'nothing']);
    expect((await client.status()).files.toSorted()).toEqual(['hard', 'note', 'nothing']);
  });
});
