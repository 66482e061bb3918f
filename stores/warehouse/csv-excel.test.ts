import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CSV_DEFAULTS, CSV_PRESETS, type CsvOptions } from '../../contracts/order.ts';
import { literal } from './sql-text.ts';
import { column, dataset, order, useWarehouse } from './warehouse-fixture.ts';

const EXCEL: CsvOptions = { ...CSV_DEFAULTS, ...CSV_PRESETS.excel };
const { read } = await useWarehouse();

const TYPES = { price: 'decimal', digits: 'decimal', measure: 'double', count: 'integer', name: 'text' } as const;

interface Row {
  readonly price: string | null;
  readonly digits: string | null;
  readonly measure: number | null;
  readonly count: string | null;
  readonly name: string | null;
}

function sqlOf({ price, digits, measure, count, name }: Row): string {
  const value = (text: string | number | null) => (text === null ? 'NULL' : literal(String(text)));
  return `('acme', CAST(${value(price)} AS DECIMAL(18, 4)), CAST(${value(digits)} AS VARCHAR), CAST(${value(measure)} AS DOUBLE), CAST(${value(count)} AS BIGINT), CAST(${value(name)} AS VARCHAR))`;
}

function things(rows: readonly Row[]) {
  return dataset({
    sql: `SELECT * FROM (VALUES ${rows.map(sqlOf).join(', ')}) AS v(tenant, ${Object.keys(TYPES).join(', ')})`,
    columns: Object.entries(TYPES).map(([name, type]) => column(name, type)),
  });
}

/** Reads CSV by RFC 4180 with these delimiters. @returns `null` for fields without quotes and content */
function parse(text: string, delimiter: string, lineEnd: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    let field: string | null;
    if (text[at] === '"') {
      field = '';
      for (at += 1; text[at] !== '"' || text[at + 1] === '"'; at += 1) {
        field += text[at];
        if (text[at] === '"') at += 1;
      }
      at += 1;
    } else {
      const ends = [text.indexOf(delimiter, at), text.indexOf(lineEnd, at)].filter((end) => end >= 0);
      const end = Math.min(...ends, text.length);
      field = end === at ? null : text.slice(at, end);
      at = end;
    }
    row.push(field);
    if (text.startsWith(delimiter, at)) at += delimiter.length;
    else {
      expect(text.slice(at, at + lineEnd.length)).toBe(lineEnd);
      at += lineEnd.length;
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

const decimal = fc.tuple(fc.bigInt(-(10n ** 13n), 10n ** 13n), fc.nat(4)).map(([units, decimals]) => {
  const digits = String(units < 0n ? -units : units).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  return `${units < 0n ? '-' : ''}${whole}${decimals > 0 ? `.${digits.slice(digits.length - decimals)}` : ''}`;
});
const nullable = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: null });
const someText = fc.string({
  unit: fc.constantFrom('=', '+', '-', '@', '\t', '\r', '\n', ';', ',', '.', '"', "'", 'a', '1', 'é', '🙂'),
});
const anyRow: fc.Arbitrary<Row> = fc.record({
  price: nullable(decimal),
  digits: nullable(decimal),
  // The sum makes 0 of -0, which has another text.
  measure: nullable(fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0)),
  count: nullable(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String)),
  name: nullable(someText),
});

async function written(rows: readonly Row[], csv: CsvOptions) {
  const { text } = await read(things(rows), { ...order({ csv }), window: null });
  return text;
}

const pointed = (text: string | null) => (text === null ? null : Number(text.replace(',', '.')));

describe('CSV for Excel', () => {
  it('begins with a byte order mark and has `;`, `,` and CRLF', async () => {
    const row = { price: '1.5', digits: '-0.50', measure: 2.5, count: '-7', name: '=1+1' };
    const none = { price: null, digits: null, measure: null, count: null, name: null };
    expect(await written([row, { ...none, name: '' }], EXCEL)).toBe(
      '\uFEFFprice;digits;measure;count;name\r\n1,5000;-0,50;2,5;-7;\'=1+1\r\n;;;;""\r\n',
    );
  });

  it.each(['', 'NULL'])('holds the same values as read by a parser of its own, with %j for NULL', async (nullText) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 8 }), async (rows) => {
        const text = await written(rows, { ...EXCEL, nullText });
        expect(text.startsWith('\uFEFF')).toBe(true);
        const [header, ...found] = parse(text.slice(1), ';', '\r\n');
        expect(header).toEqual(Object.keys(TYPES));
        const values = found.map((fields) =>
          fields.map((field) => (nullText !== '' && field === nullText ? null : field)),
        );
        expect(
          values.map(([price = null, digits = null, measure = null, count, name]) => {
            return {
              price: pointed(price),
              digits: digits?.replace(',', '.') ?? null,
              measure: pointed(measure),
              count,
              name,
            };
          }),
        ).toEqual(
          rows.map(({ price, digits, measure, count, name }) => {
            const isFormula = /^[=+\-@\t\r]/.test(name ?? '') && !/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(name ?? '');
            return {
              price: price === null ? null : Number(price),
              digits,
              measure,
              count,
              name: isFormula ? `'${name}` : name,
            };
          }),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('leaves texts as they are without the guard', async () => {
    const row = { price: null, digits: null, measure: null, count: null, name: '=1+1' };
    expect(await written([row], { ...EXCEL, formulaGuard: false })).toContain(';=1+1\r\n');
  });
});
