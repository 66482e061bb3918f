import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLUMN_TYPES, type ColumnType } from '../config/dataset.ts';
import { collect, pieces } from '../streams/stream-fixture.ts';
import { typedJson } from './typed-json.ts';

type Types = readonly ColumnType[];

async function typed(stored: string | Uint8Array, types: Types, sizes: readonly number[] = [65_536]): Promise<string> {
  const columns = types.map((type) => ({ type }));
  return (await collect(typedJson(pieces(Buffer.from(stored), sizes), columns))).toString();
}

/** The stored file of one row of one column, with the value as it stands there. */
function single(value: string): string {
  return `[\n\t{"c":${value}}\n]\n`;
}

describe('a value', () => {
  it.each<[ColumnType, string, string]>([
    ['integer', '"0"', '0'],
    ['integer', '"-7"', '-7'],
    ['integer', '"9223372036854775807"', '9223372036854775807'],
    ['integer', '"-170141183460469231731687303715884105728"', '-170141183460469231731687303715884105728'],
    ['integer', 'null', 'null'],
    ['decimal', '"1.10"', '1.10'],
    ['decimal', '"-0.00"', '-0.00'],
    ['decimal', '".50"', '0.50'],
    ['decimal', '"-.50"', '-0.50'],
    ['decimal', '"12345678901234567890.123456789012345678"', '12345678901234567890.123456789012345678'],
    ['double', '"0.1"', '0.1'],
    ['double', '"-1.7976931348623157e+308"', '-1.7976931348623157e+308'],
    ['double', '"1e-07"', '1e-07'],
    ['double', '"5E3"', '5E3'],
    ['double', '"nan"', 'null'],
    ['double', '"-nan"', 'null'],
    ['double', '"inf"', 'null'],
    ['double', '"-inf"', 'null'],
    ['double', 'null', 'null'],
    ['boolean', '"true"', 'true'],
    ['boolean', '"false"', 'false'],
    ['boolean', 'null', 'null'],
    ['text', '""', '""'],
    ['text', '"12"', '"12"'],
    ['text', '"null"', '"null"'],
    ['text', String.raw`"a\"b\\c\/\n\u0000\ud83d\ude00é東😀"`, String.raw`"a\"b\\c\/\n\u0000\ud83d\ude00é東😀"`],
    ['date', '"2024-02-29"', '"2024-02-29"'],
    ['time', '"23:59:59.999999"', '"23:59:59.999999"'],
    ['timestamp', '"infinity"', '"infinity"'],
    ['uuid', '"4ac7a9e9-607c-4c8a-84f3-843f0191e3fd"', '"4ac7a9e9-607c-4c8a-84f3-843f0191e3fd"'],
    ['binary', '"qrs="', '"qrs="'],
    ['json', 'null', 'null'],
    ['json', '"null"', 'null'],
    ['json', '"-1.50e3"', '-1.50e3'],
    ['json', '"[]"', '[]'],
    ['json', String.raw`"{\"a\":[1,\"x\\\"y, ] NaN\",true,{}]}"`, String.raw`{"a":[1,"x\"y, ] NaN",true,{}]}`],
    ['json', String.raw`"\u0022\u00e9\u6771\ud83d\ude00\u005c\u006e\u0022"`, String.raw`"é東😀\n"`],
    ['json', String.raw`"\"\/\\/\\u00e9\""`, String.raw`"/\/\u00e9"`],
    ['json', String.raw`" {\r\n\t\"a\" : 1 , \"b\" : [ 1 , 2 ] } "`, '{"a":1,"b":[1,2]}'],
    ['json', '"[NaN,-Infinity,inf,-nAn,Infinity]"', '[null,null,null,null,null]'],
    ['json', '"Nan"', 'null'],
    ['json', String.raw`"[1,{\"a\":2, }, ]"`, '[1,{"a":2}]'],
  ])('of %s: %s becomes %s', async (type, value, expected) => {
    const stored = Buffer.from(single(value));
    expect(await typed(stored, [type])).toBe(single(expected));
    for (let at = 1; at < stored.length; at += 1) {
      expect(await typed(stored, [type], [at, stored.length]), `cut at ${at}`).toBe(single(expected));
    }
  });

  it.each<[ColumnType, string]>([
    ...[
      '""',
      '"-"',
      '"1."',
      '"."',
      '"-."',
      '"01"',
      '"1e"',
      '"1e+"',
      '"1 "',
      '"+1"',
      '"nan"',
      '"inf"',
      '"0x1"',
      '"１"',
    ].map((value): [ColumnType, string] => ['decimal', value]),
    ...['"na"', '"nano"', '"-"', '"i"', '"-in"', '"NaN"'].map((value): [ColumnType, string] => ['double', value]),
    ...['""', '"t"', '"True"', '"truefalse"', '"1"', 'true'].map((value): [ColumnType, string] => ['boolean', value]),
    ...['12', 'nul}', 'nulll', 'Null', '{}', '"a', '"a\nb"', String.raw`"\x"`, String.raw`"\u00g0"`].map(
      (value): [ColumnType, string] => ['text', value],
    ),
    ...[
      ...['""', '" "', '"-"', '"-x"', '"nul"', '"undefined"', '"[1"', '"1]"', '"1,"', '"?"', String.raw`"\"a"`],
      ...[
        String.raw`"\ud83d"`,
        String.raw`"\ud83d\n"`,
        String.raw`"\"\ud83da\""`,
        String.raw`"\ude00"`,
        String.raw`"\q"`,
      ],
      ...[String.raw`"\"a\nb\""`, '"[a\nb]"', '"Infinityy"'],
    ].map((value): [ColumnType, string] => ['json', value]),
  ])('of %s is refused: %s', async (type, value) => {
    await expect(typed(single(value), [type])).rejects.toMatchObject({ code: 'object_damaged' });
  });
});

const TWO: Types = ['integer', 'text'];
const TWO_ROWS = '[\n\t{"a":"1","b":"x"},\n\t{"a":"2","b":null}\n]\n';

describe('a file', () => {
  it.each([
    ['no rows', '[\n\t\n]\n', '[\n\t\n]\n'],
    ['one row', '[\n\t{"a":"1","b":"x"}\n]\n', '[\n\t{"a":1,"b":"x"}\n]\n'],
    ['two rows', TWO_ROWS, '[\n\t{"a":1,"b":"x"},\n\t{"a":2,"b":null}\n]\n'],
    ['keys with escapes', '[{"\\"a,":"1","é\\u0022:":"x"}]', '[{"\\"a,":1,"é\\u0022:":"x"}]'],
    [
      'other white space',
      ' [ {"a":"1","b":"x"} ,\r\n{"a":"2","b":"y"} ] ',
      ' [ {"a":1,"b":"x"} ,\r\n{"a":2,"b":"y"} ] ',
    ],
    ['other keys later', '[{"a":"1","b":"x"},{"aa":"2","c":"y"}]', '[{"a":1,"b":"x"},{"aa":2,"c":"y"}]'],
  ])('with %s keeps all but the values', async (_, stored, expected) => {
    const bytes = Buffer.from(stored);
    for (let at = 1; at <= bytes.length; at += 1) {
      expect(await typed(stored, TWO, [at, bytes.length]), `cut at ${at}`).toBe(expected);
    }
    expect(await typed(stored, TWO, [1])).toBe(expected);
  });

  it('that was cut short is refused, wherever it was cut', async () => {
    for (let at = 0; at <= TWO_ROWS.lastIndexOf(']'); at += 1) {
      await expect(typed(TWO_ROWS.slice(0, at), TWO), `cut at ${at}`).rejects.toMatchObject({ code: 'object_damaged' });
    }
  });

  it.each([
    ['too many values', '[{"a":"1","b":"x","c":"y"}]'],
    ['too many values in a later row', '[{"a":"1","b":"x"},{"a":"1","b":"x"},{"a":"1","b":"x","c":"y"}]'],
    ['too few values', '[{"a":"1"}]'],
    ['too few values in a later row', '[{"a":"1","b":"x"},{"a":"1","b":"x"},{"a":"1"}]'],
    ['an empty row', '[{}]'],
    ['nested lists', '[[]]'],
    ['a comma too many', '[{"a":"1","b":"x"},]'],
    ['no comma between rows', '[{"a":"1","b":"x"}{"a":"1","b":"x"}]'],
    ['another list behind it', '[][]'],
    ['lines without a list', '{"a":"1","b":"x"}\n'],
    ['text', 'id,name\n1,a\n'],
    ['a control character in a key', '[{"a\u0001":"1","b":"x"}]'],
  ])('with %s is refused', async (_, stored) => {
    await expect(typed(stored, TWO)).rejects.toMatchObject({ code: 'object_damaged' });
  });

  it('says in its error nothing of the content', async () => {
    await expect(typed(single('"secret"'), ['integer'])).rejects.toThrow(/^[^"]*$/);
    await expect(typed(single('"secret"'), ['integer'])).rejects.not.toThrow(/secret/);
  });

  it('leaves in chunks of bounded size, also when values grow', async () => {
    const row = `{"c":"[${Array.from({ length: 30_000 }, () => 'nan').join(',')}]"}`;
    const stored = Buffer.from(`[${Array.from({ length: 40 }, () => row).join(',')}]`);
    let bytes = 0;
    for await (const chunk of typedJson(pieces(stored, [stored.length]), [{ type: 'json' }])) {
      expect(chunk.length).toBeLessThanOrEqual(1024 * 1024);
      bytes += chunk.length;
    }
    expect(bytes).toBe(stored.toString().replaceAll('nan', 'null').length - 2 * 40);
  });

  it('closes the source when the reader stops early, and hands its error through', async () => {
    let closed = false;
    async function* watched() {
      try {
        yield* pieces(Buffer.from(`[${`{"c":"${'x'.repeat(1000)}"},`.repeat(3000)}`), [65_536]);
        throw new TypeError('source broke');
      } finally {
        closed = true;
      }
    }
    for await (const _ of typedJson(watched(), [{ type: 'text' }])) break;
    expect(closed).toBe(true);
    await expect(collect(typedJson(watched(), [{ type: 'text' }]))).rejects.toThrow('source broke');
  });
});

describe('any file', () => {
  const digits = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String);
  const decimal = fc.tuple(digits, fc.stringMatching(/^\d{1,9}$/)).map(([whole, rest]) => `${whole}.${rest}`);
  const double = fc.double().map((value) => (Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-nan'));
  const text = fc.string({ unit: 'binary', maxLength: 40 });
  const json = fc.oneof(fc.json(), fc.json().map(spaced), fc.constantFrom('NaN', ' [ -inf , 1 , ] ', '"NaN , ]"'));
  const values: Readonly<Record<ColumnType, fc.Arbitrary<string>>> = {
    integer: digits,
    decimal: fc.oneof(decimal, fc.constantFrom('.5', '-.25')),
    double,
    boolean: fc.constantFrom('true', 'false'),
    json,
    text,
    date: text,
    time: text,
    timestamp: text,
    uuid: text,
    binary: text,
  };
  const files = fc.array(fc.constantFrom(...COLUMN_TYPES), { minLength: 1, maxLength: 6 }).chain((types) =>
    fc.record({
      types: fc.constant(types),
      keys: fc.tuple(...types.map(() => text)),
      rows: fc.array(fc.tuple(...types.map((type) => fc.option(values[type], { freq: 5 }))), { maxLength: 8 }),
      escaped: fc.boolean(),
    }),
  );

  it('becomes what a slow reading of it says, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), async (file, sizes) => {
        const { types, keys, rows, escaped } = file;
        const stored = document(keys, rows, (value, at) => {
          if (value === null) return 'null';
          return quoted(value, escaped && !['integer', 'decimal', 'double', 'boolean'].includes(types[at] ?? ''));
        });
        const expected = document(keys, rows, (value, at) => reference(types[at] ?? 'text', value, escaped));
        expect(await typed(stored, types, sizes)).toBe(expected);
        expect(() => JSON.parse(expected)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

function document<Value>(
  keys: readonly string[],
  rows: readonly Value[][],
  write: (value: Value, at: number) => string,
) {
  const lines = rows.map(
    (row) => `{${row.map((value, at) => `${JSON.stringify(keys[at])}:${write(value, at)}`).join(',')}}`,
  );
  return `[\n\t${lines.join(',\n\t')}\n]\n`;
}

/** With every character as an escape, where DuckDB writes the fewest. */
function quoted(value: string, escaped: boolean): string {
  if (!escaped) return JSON.stringify(value);
  const units = Array.from({ length: value.length }, (_, at) => value.charCodeAt(at).toString(16).padStart(4, '0'));
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`;
}

function reference(type: ColumnType, value: string | null, escaped: boolean): string {
  if (value === null) return 'null';
  switch (type) {
    case 'boolean':
      return value;
    case 'integer':
    case 'decimal':
    case 'double':
      return /^-?(?:nan|inf)$/.test(value) ? 'null' : value.replace(/^(-?)\./, '$10.');
    case 'json':
      return value.replace(
        /("(?:[^"\\]|\\.)*")|\s+|,(?=\s*[\]}])|(-?\b(?:nan|infinity|inf)\b)/gi,
        (_, string: string | undefined, word: string | undefined) => string ?? (word === undefined ? '' : 'null'),
      );
    default:
      return quoted(value, escaped);
  }
}

/** With white space wherever it may be. */
function spaced(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|[{}[\],:]/g, (sign, string?: string) => string ?? `\n ${sign}\t`);
}
