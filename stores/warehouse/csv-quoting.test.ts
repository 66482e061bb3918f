import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CSV_DEFAULTS, type CsvOptions } from '../../contracts/order.ts';
import { literal } from './sql-text.ts';
import { column, dataset, openReader, order, useWarehouse } from './warehouse-fixture.ts';

const { read, scratch } = await useWarehouse();
const reader = await openReader();

const TYPES = {
  text: 'VARCHAR',
  json: 'JSON',
  integer: 'BIGINT',
  decimal: 'DECIMAL(12, 3)',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  date: 'DATE',
  time: 'TIME',
  uuid: 'UUID',
  binary: 'BLOB',
} as const;
type Type = keyof typeof TYPES;
const NAMES = Object.keys(TYPES) as Type[];

const character = fc.constantFrom(...'",;|\t\r\n -+.:0123456789aeNULtrfins\\#\'é🙂');
const text = fc.string({ unit: character, maxLength: 8 });
const padded = (digits: number, max: number, min = 0) =>
  fc.integer({ min, max }).map((number) => String(number).padStart(digits, '0'));
/** Values of each type, as text that DuckDB casts. */
const VALUES: Readonly<Record<Type, fc.Arbitrary<string>>> = {
  text,
  json: fc.oneof(
    text.map((one) => JSON.stringify(one)),
    fc.constantFrom('[]', '{}', '1', 'null', '{"a":1.10}'),
  ),
  integer: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String),
  decimal: fc.integer({ min: -(10 ** 9), max: 10 ** 9 }).map((number) => String(number / 1000)),
  double: fc.oneof(fc.double({ noNaN: true }).map(String), fc.constantFrom('nan', 'inf', '-inf')),
  boolean: fc.constantFrom('true', 'false'),
  date: fc.tuple(padded(4, 9999, 1), padded(2, 12, 1), padded(2, 28, 1)).map((parts) => parts.join('-')),
  time: fc.tuple(padded(2, 23), padded(2, 59), padded(2, 59)).map((parts) => parts.join(':')),
  uuid: fc.uuid(),
  binary: text.map((one) => one.replaceAll('\\', '').replace(/[^ -~]/g, '')),
};

const options: fc.Arbitrary<CsvOptions> = fc
  .record({
    delimiter: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
    nullText: fc.constantFrom('', '', 'NULL', '\\N', '-', '0', 'true', '1.5', '""'),
    crlf: fc.boolean(),
  })
  .filter(({ delimiter, nullText }) => delimiter !== '"' && !nullText.includes(delimiter) && !nullText.includes('"'))
  .map((some) => ({ ...CSV_DEFAULTS, header: false, ...some }));

it('CSV is byte for byte that of the COPY of DuckDB', async () => {
  const row = fc.tuple(...NAMES.map((name) => fc.option(VALUES[name], { nil: null })));
  const path = join(scratch, 'copied.csv');
  await fc.assert(
    fc.asyncProperty(options, fc.array(row, { minLength: 1, maxLength: 12 }), async (csv, rows) => {
      // DuckDB leaves an empty text without quotes unless NULL is empty.
      const kept = csv.nullText === '' ? rows : rows.filter((values) => !values.includes(''));
      fc.pre(kept.length > 0);
      const casted = (values: readonly (string | null)[]) =>
        NAMES.map((name, at) => `CAST(${literalOf(values[at] ?? null)} AS ${TYPES[name]}) AS ${name}_of`).join(', ');
      const selects = kept.map((values, at) => `SELECT ${at} AS place, ${casted(values)}`).join(' UNION ALL ');
      const columns = NAMES.map((name) => (name === 'binary' ? 'to_base64(binary_of)' : `${name}_of`)).join(', ');
      await reader.run(
        `COPY (SELECT ${columns} FROM (${selects}) ORDER BY place) TO ${literal(path)} (FORMAT csv, HEADER false, DELIMITER ${literal(csv.delimiter)}, NULLSTR ${literal(csv.nullText)}, QUOTE '"', ESCAPE '"', NEW_LINE ${literal(csv.crlf ? '\r\n' : '\n')})`,
      );
      const set = dataset({
        sql: `SELECT 'acme' AS tenant, * FROM (${selects}) ORDER BY place`,
        columns: NAMES.map((name) => column(`${name}_of`, name)),
      });
      expect((await read(set, order({ csv }))).text).toBe(readFileSync(path, 'utf8'));
    }),
    { numRuns: 100 },
  );
});

function literalOf(value: string | null): string {
  return value === null ? 'NULL' : literal(value);
}
