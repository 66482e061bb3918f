import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeSav, type SavOptions } from './sav.ts';
import type { Variable, VariableType } from './table.ts';
import { type Cell, chunksOf, collect, tableOf, variable } from './table-fixture.ts';

const ROWS = { compression: 'rows' } as const;
const ZLIB = { compression: 'zlib', directory: tmpdir() } as const;
const SYSTEM_MISSING = -Number.MAX_VALUE;

async function fileOf(
  variables: readonly Variable[],
  rows: readonly (readonly Cell[])[],
  options: SavOptions = ROWS,
  chunkRows?: number,
): Promise<Buffer> {
  const table = tableOf(variables, rows.length);
  return collect(encodeSav(table, chunksOf(variables, rows, chunkRows), options).bytes);
}

/** @returns the rows as they would be without compression: places of eight bytes */
function plainRows(file: Buffer): Buffer {
  const end = file.indexOf(Buffer.from([0xe7, 3, 0, 0, 0, 0, 0, 0])) + 8;
  let rows = file.subarray(end);
  if (file.toString('latin1', 0, 4) === '$FL3') {
    const trailerAt = Number(rows.readBigInt64LE(8));
    expect([Number(rows.readBigInt64LE(0)), trailerAt + Number(rows.readBigInt64LE(16))]).toEqual([end, file.length]);
    const blocks = file.readInt32LE(trailerAt + 20);
    rows = Buffer.concat(
      Array.from({ length: blocks }, (_, block) => {
        const at = trailerAt + 24 + 24 * block;
        const from = Number(file.readBigInt64LE(at + 8));
        const plain = inflateSync(file.subarray(from, from + file.readInt32LE(at + 20)));
        expect(plain.length).toBe(file.readInt32LE(at + 16));
        return plain;
      }),
    );
  }
  const plain = Buffer.alloc(rows.length * 8, ' ');
  let to = 0;
  for (let group = 0; group < rows.length; ) {
    let from = group + 8;
    for (let at = group; at < group + 8; at += 1) {
      const code = rows[at] ?? 0;
      if (code === 0) continue;
      if (code === 253) {
        rows.copy(plain, to, from, from + 8);
        from += 8;
      } else if (code !== 254) plain.writeDoubleLE(code === 255 ? SYSTEM_MISSING : code - 100, to);
      to += 8;
    }
    group = from;
  }
  return plain.subarray(0, to);
}

const numbersIn = (file: Buffer) => {
  const plain = plainRows(file);
  return Array.from({ length: plain.length / 8 }, (_, place) => plain.readDoubleLE(8 * place));
};
const text = (bytes: number): VariableType => ({ kind: 'text', bytes });
const NUMBER: VariableType = { kind: 'number', decimals: null };

describe('numbers', () => {
  it.each([
    ['small and large', NUMBER, [-100, -99, 0, 151, 152, 0.5, -0.5, 1e300, 5e-324, 2 ** 53]],
    ['a missing one', NUMBER, [1, null, 2]],
    ['booleans', { kind: 'boolean' }, [0, 1, null]],
    ['times', { kind: 'time' }, [0, 86_399.999999]],
  ] as const)('are as they were: %s', async (_, type, values) => {
    const file = await fileOf(
      [variable({ name: 'v', type })],
      values.map((value) => [value]),
    );
    expect(numbersIn(file)).toEqual(values.map((value) => value ?? SYSTEM_MISSING));
  });

  it.each([
    ['date', '1970-01-01', 0],
    ['date', '2026-03-29', 20_541],
    ['date', '1582-10-14', -141_428],
    ['date', '0001-01-01', -719_162],
    ['timestamp', '2026-03-29', 20_541 * 86_400],
  ] as const)('count a %s from the beginning of the Gregorian calendar: %s', async (kind, day, value) => {
    const seconds = (Date.parse(day) - Date.parse('1582-10-14')) / 1000;
    expect(numbersIn(await fileOf([variable({ name: 'v', type: { kind } })], [[value]]))).toEqual([seconds]);
  });

  it.each([Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE])(
    'that SPSS lacks are refused: %d',
    async (value) => {
      await expect(fileOf([variable({ name: 'v', type: NUMBER })], [[value]])).rejects.toMatchObject({
        code: 'not_representable',
        message:
          'Things: v has an infinite number, or the largest or smallest of all, which SPSS does not hold. Leave the column out, or order another format.',
      });
    },
  );
});

describe('texts', () => {
  it.each([
    ['', 1],
    ['a', 1],
    ['a', 8],
    ['abcdefgh', 8],
    ['abcdefghi', 9],
    ['        x', 9],
    [' '.repeat(20), 20],
    ['é'.repeat(127), 255],
    ['x'.repeat(255), 255],
    ['x'.repeat(256), 256],
    ['x'.repeat(504), 504],
    ['x'.repeat(505), 505],
    [`${'x'.repeat(255)} ${'y'.repeat(600)}`, 32_767],
    ['z'.repeat(32_767), 32_767],
  ])('are padded with blanks: %.20s in %d bytes', async (value, bytes) => {
    const file = await fileOf(
      [variable({ name: 'v', type: text(bytes) }), variable({ name: 'n', type: NUMBER })],
      [
        [value, 1],
        ['', 2],
        [value, 3],
      ],
    );
    const rows = plainRows(file);
    const rowBytes = rows.length / 3;
    const [first, second, third] = [0, 1, 2].map((row) => {
      const own = rows.toString('latin1', row * rowBytes, (row + 1) * rowBytes - 8);
      // Of a very long text, each part but the last has 255 bytes, in places of 256.
      if (bytes <= 255) return own;
      return Array.from({ length: Math.ceil(own.length / 256) }, (_, part) =>
        own.slice(part * 256, part * 256 + 255),
      ).join('');
    });
    expect(
      Buffer.from(first ?? '', 'latin1')
        .toString()
        .trimEnd(),
    ).toBe(value.trimEnd());
    expect([second?.trim(), third]).toEqual(['', first]);
    expect([1, 2, 3].map((row) => rows.readDoubleLE(row * rowBytes - 8))).toEqual([1, 2, 3]);
  });

  it('of more than 32,767 bytes are refused before anything is written', () => {
    expect(() => encodeSav(tableOf([variable({ name: 'v', type: text(32_768) })], 0), chunksOf([], []), ROWS)).toThrow(
      'Things: a value of v has 32,768 bytes, and SPSS holds 32,767. Leave the column out, or order another format.',
    );
  });

  it('of more bytes than described are refused', async () => {
    await expect(fileOf([variable({ name: 'v', type: text(2) })], [['é'], ['éa']])).rejects.toMatchObject({
      code: 'dataset_broken',
      message: 'Things: v has a value of 3 bytes, and at most 2 were described.',
    });
  });

  it.each([9, 300])('with a zero byte are refused: of %d bytes', async (bytes) => {
    const variables = [variable({ name: 'n', type: NUMBER }), variable({ name: 'v', type: text(bytes) })];
    await expect(fileOf(variables, [...Array(5).fill([1, 'ab']), [1, 'a\0b']], ROWS, 4)).rejects.toMatchObject({
      code: 'not_representable',
      message:
        'Things: v has a text with a zero byte, at which programs that read files of SPSS end it. Leave the column out, or order another format.',
    });
  });

  it('have room for the values that have a meaning', async () => {
    const type = text(1);
    const valueLabels = [{ value: 'unknown', label: 'Not known' }];
    const file = await fileOf([variable({ name: 'v', type, valueLabels })], [['a']]);
    expect(file.indexOf(Buffer.from([2, 0, 0, 0, 7, 0, 0, 0]))).toBe(176);
  });
});

describe('rows', () => {
  const variables = [variable({ name: 'n', type: NUMBER }), variable({ name: 't', type: text(300) })];

  it.each([ROWS, ZLIB])('fill many buffers: %j', async (options) => {
    const count = 30_000;
    const rows = Array.from({ length: count }, (_, at) => [at * 1.5, 'x'.repeat(at % 301)] as const);
    const plain = plainRows(await fileOf(variables, rows, options, 1000));
    const rowBytes = 8 * (1 + 32 + 6);
    expect(plain.length).toBe(count * rowBytes);
    expect(rows.filter(([number], row) => plain.readDoubleLE(row * rowBytes) !== number)).toEqual([]);
  });

  it.each([ROWS, ZLIB])('may be none: %j', async (options) => {
    expect(plainRows(await fileOf(variables, [], options)).length).toBe(0);
  });

  it.each([-1, 1])('must be as many as announced: %d', async (more) => {
    const table = tableOf(variables, 2 + more);
    const { bytes } = encodeSav(table, chunksOf(variables, [[1], [2]]), ROWS);
    await expect(collect(bytes)).rejects.toMatchObject({ code: 'source_changed' });
  });

  it('leave no temporary file, even if they end early', async () => {
    const left = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('spool-'));
    const before = await left();
    const table = tableOf(variables, 1);
    await expect(collect(encodeSav(table, chunksOf(variables, []), ZLIB).bytes)).rejects.toThrow('changed');
    for await (const _ of encodeSav(table, chunksOf(variables, [[1]]), ZLIB).bytes) break;
    expect(await left()).toEqual(before);
  });

  it('make the same file each time', async () => {
    const rows = [[1, 'a']] as const;
    const file = await fileOf(variables, rows);
    expect(await fileOf(variables, rows)).toEqual(file);
    expect(file.toString('latin1', 0, 176)).toMatch(
      /^\$FL2@\(#\) SPSS DATA FILE Waybill {33}.*09 Mar 2604:05:06Things {58}\0{3}$/s,
    );
  });

  it('of any values are as they were', async () => {
    const anyNumber = fc.oneof(
      fc.integer({ min: -110, max: 160 }),
      fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e300, min: -1e300 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.option(anyNumber), fc.string({ unit: 'grapheme', maxLength: 20 })), { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom<SavOptions>(ROWS, ZLIB),
        async (rows, chunkRows, options) => {
          const columns = [variable({ name: 'n', type: NUMBER }), variable({ name: 't', type: text(400) })];
          const plain = plainRows(await fileOf(columns, rows, options, chunkRows));
          const rowBytes = 8 * (1 + 32 + 19);
          const found = rows.map((_, row) => [
            plain.readDoubleLE(row * rowBytes),
            plain.toString('utf8', row * rowBytes + 8, row * rowBytes + 256),
          ]);
          expect(found).toEqual(
            rows.map(([number, value]) => [
              (number ?? SYSTEM_MISSING) + 0,
              value + ' '.repeat(Math.max(0, 248 - Buffer.byteLength(value))),
            ]),
          );
        },
      ),
    );
  });
});

describe('what a system file holds otherwise is noted', () => {
  const notesOf = (fields: Partial<Variable> & Pick<Variable, 'type'>) => {
    const variables = [variable({ name: 'v', ...fields })];
    return encodeSav(tableOf(variables, 0), chunksOf(variables, []), ROWS).notes;
  };
  const integer: VariableType = { kind: 'integer', min: -99, max: 9 };
  const missing = (...values: readonly (number | string)[]) => values.map((value) => ({ value, label: '' }));
  const tooMany = (values: string) =>
    `v: SPSS declares at most three missing values, or a range and one, so these are values like others in the file: ${values}.`;

  it.each<[string, Partial<Variable> & Pick<Variable, 'type'>, readonly string[]]>([
    ['nothing', { type: integer, label: 'x'.repeat(256), missing: missing(-1, -2, -3) }, []],
    [
      'a label with a zero byte',
      { type: integer, label: 'a\0b', valueLabels: [{ value: 1, label: 'One\0' }] },
      [
        'The label of v has a zero byte, with which labels end, and is cut there.',
        'The label of the value 1 of v has a zero byte, with which labels end, and is cut there.',
      ],
    ],
    [
      'a value that ends with blanks',
      { type: { kind: 'text', bytes: 9, blankEnded: 1 } },
      ['v: 1 value ends with blanks, which SPSS takes for padding; they are not in the file.'],
    ],
    [
      'values that end with blanks',
      { type: { kind: 'text', bytes: 9, blankEnded: 1234 } },
      ['v: 1,234 values end with blanks, which SPSS takes for padding; they are not in the file.'],
    ],
    [
      'a label of a text with a zero byte',
      { type: text(3), valueLabels: [{ value: 'a\0', label: 'A' }], missing: missing('\0') },
      ['"a\0" is no value of v, so its label is left out.'],
    ],
    ['a long label', { type: integer, label: 'é'.repeat(129) }, ['The label of v has more than 256 bytes and is cut.']],
    [
      'a long label of a value',
      { type: integer, valueLabels: [{ value: 1, label: 'é'.repeat(61) }] },
      ['The label of the value 1 of v has more than 120 bytes and is cut.'],
    ],
    ['a range', { type: integer, missing: missing(-99, -97, -98, -96) }, []],
    ['a range and one value', { type: integer, missing: missing(-1, -99, -97, -98, -96) }, []],
    ['many missing values', { type: integer, missing: missing(-1, -3, -5, -7, -9) }, [tooMany('-7, -9')]],
    [
      'many missing dates',
      { type: { kind: 'date' }, missing: missing(2_932_896, 2_932_895, 2_932_894, 2_932_893) },
      [tooMany('9999-12-28')],
    ],
    [
      'a long label of a date',
      { type: { kind: 'date' }, valueLabels: [{ value: 2_932_896, label: 'é'.repeat(61) }] },
      ['The label of the value 9999-12-31 of v has more than 120 bytes and is cut.'],
    ],
    ['a range of fractions', { type: NUMBER, missing: missing(-1, -2, -3, -4) }, [tooMany('-4')]],
    [
      'a long missing text',
      { type: text(20), missing: missing('##N/A##', 'not answered') },
      [
        'v: SPSS declares at most three missing values of at most 8 bytes, so these are values like others in the file: not answered.',
      ],
    ],
    [
      'a label of no value',
      { type: integer, valueLabels: [{ value: 'one', label: 'One' }] },
      ['"one" is no value of v, so its label is left out.'],
    ],
    [
      'timestamps',
      { type: { kind: 'timestamp' } },
      ['SPSS counts seconds since 1582, so that fractions of a second are exact to two millionths.'],
    ],
  ])('%s', (_, fields, notes) => {
    expect(notesOf(fields)).toEqual(notes);
  });

  it('a long title', () => {
    const { notes } = encodeSav({ ...tableOf([], 0), title: 'x'.repeat(65) }, chunksOf([], []), ROWS);
    expect(notes).toEqual(['The title has more than 64 bytes and is cut.']);
  });

  it('in the file as well, with the names that differ', async () => {
    const file = await fileOf([variable({ name: 'by', type: integer, label: 'x'.repeat(257) })], []);
    expect(file.includes('v_by is the column by.'.padEnd(80))).toBe(true);
    expect(file.includes('The label of v_by has more than 256 bytes and is cut.'.padEnd(80))).toBe(true);
  });
});

it('a row that does not fit into memory is refused', () => {
  const variables = Array.from({ length: 1200 }, (_, at) => variable({ name: `v${at}`, type: text(32_767) }));
  expect(() => encodeSav(tableOf(variables, 0), chunksOf([], []), ROWS)).toThrow(
    'Things: its texts are too long, and too many, for one file of SPSS. Order fewer columns, or another format.',
  );
});
