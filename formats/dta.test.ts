import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { encodeDta } from './dta.ts';
import type { Variable, VariableType } from './table.ts';
import { type Cell, chunksOf, collect, tableOf, variable } from './table-fixture.ts';

const OPTIONS = { directory: tmpdir() };

async function fileOf(
  variables: readonly Variable[],
  rows: readonly (readonly Cell[])[],
  chunkRows?: number,
): Promise<Buffer> {
  return collect(encodeDta(tableOf(variables, rows.length), chunksOf(variables, rows, chunkRows), OPTIONS).bytes);
}

const SECTIONS = [
  ...['stata_dta', 'map', 'variable_types', 'varnames', 'sortlist', 'formats', 'value_label_names', 'variable_labels'],
  ...['characteristics', 'data', 'strls', 'value_labels', '/stata_dta'],
];

/** @returns the contents of the sections, found by the map alone */
function sectionsOf(file: Buffer): Readonly<Record<string, Buffer>> {
  const map = file.indexOf('<map>') + 5;
  const offsets = Array.from({ length: 14 }, (_, at) => Number(file.readBigUInt64LE(map + 8 * at)));
  expect(offsets[0]).toBe(0);
  expect(offsets.at(-1)).toBe(file.length);
  return Object.fromEntries(
    SECTIONS.map((name, at) => {
      const section = file.subarray(offsets[at], offsets[at + 1]);
      expect(section.toString('utf8', 0, name.length + 2)).toBe(`<${name}>`);
      if (name === 'stata_dta' || name === '/stata_dta') return [name, section];
      expect(section.subarray(-name.length - 3).toString('utf8')).toBe(`</${name}>`);
      return [name, section.subarray(name.length + 2, -name.length - 3)];
    }),
  );
}

function textsIn(section: Buffer | undefined, bytes: number): readonly string[] {
  const count = (section?.length ?? 0) / bytes;
  return Array.from({ length: count }, (_, at) => cString(section?.subarray(at * bytes, (at + 1) * bytes)));
}

function cString(bytes: Buffer | undefined): string {
  return bytes?.subarray(0, bytes.indexOf(0)).toString('utf8') ?? '';
}

/** @returns characteristics as `variable[name]`, in their order */
function characteristicsIn(section: Buffer | undefined): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (let at = 0; section && at < section.length; ) {
    expect(section.toString('utf8', at, at + 4)).toBe('<ch>');
    const bytes = section.readUInt32LE(at + 4);
    const content = section.subarray(at + 8, at + 8 + bytes);
    found.push([
      `${cString(content.subarray(0, 129))}[${cString(content.subarray(129, 258))}]`,
      cString(content.subarray(258)),
    ]);
    expect(section.toString('utf8', at + 8 + bytes, at + 13 + bytes)).toBe('</ch>');
    at += bytes + 13;
  }
  return found;
}

/** @returns labels by value, by the name of the set */
function labelsIn(section: Buffer | undefined): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const found: Record<string, Record<string, string>> = {};
  for (let at = 0; section && at < section.length; ) {
    expect(section.toString('utf8', at, at + 5)).toBe('<lbl>');
    const bytes = section.readUInt32LE(at + 5);
    const name = cString(section.subarray(at + 9, at + 138));
    const table = section.subarray(at + 141, at + 141 + bytes);
    const count = table.readUInt32LE(0);
    expect(8 + 8 * count + table.readUInt32LE(4)).toBe(bytes);
    const labels = Array.from({ length: count }, (_, index) => [
      String(table.readInt32LE(8 + 4 * count + 4 * index)),
      cString(table.subarray(8 + 8 * count + table.readUInt32LE(8 + 4 * index))),
    ]);
    found[name] = Object.fromEntries(labels);
    expect(section.toString('utf8', at + 141 + bytes, at + 147 + bytes)).toBe('</lbl>');
    at += bytes + 147;
  }
  return found;
}

const NUMBER: VariableType = { kind: 'number', decimals: null };
const integer = (min: number, max: number): VariableType => ({ kind: 'integer', min, max });
const text = (bytes: number, total?: { values: number; bytes: number }): VariableType => ({
  kind: 'text',
  bytes,
  ...(total && { total }),
});

describe('numbers', () => {
  it.each<[VariableType, number, string, string]>([
    [{ kind: 'boolean' }, 65530, '%8.0g', '65'],
    [integer(-127, 100), 65530, '%8.0g', '65'],
    [integer(-128, 100), 65529, '%8.0g', 'e57f'],
    [integer(0, 101), 65529, '%8.0g', 'e57f'],
    [integer(-32_767, 32_740), 65529, '%8.0g', 'e57f'],
    [integer(0, 32_741), 65528, '%12.0g', 'e5ffff7f'],
    [integer(-2_147_483_647, 2_147_483_620), 65528, '%12.0g', 'e5ffff7f'],
    [integer(0, 2_147_483_621), 65526, '%18.0f', '000000000000e07f'],
    [NUMBER, 65526, '%10.0g', '000000000000e07f'],
    [{ kind: 'number', decimals: 2 }, 65526, '%11.2f', '000000000000e07f'],
    [{ kind: 'number', decimals: 16 }, 65526, '%10.0g', '000000000000e07f'],
    [{ kind: 'date' }, 65528, '%td', 'e5ffff7f'],
    [{ kind: 'timestamp' }, 65526, '%tc', '000000000000e07f'],
    [{ kind: 'time' }, 65526, '%tcHH:MM:SS', '000000000000e07f'],
  ])('of %j have a type, a format, and a missing value', async (type, code, format, missing) => {
    const {
      variable_types: types,
      formats,
      data,
    } = sectionsOf(await fileOf([variable({ name: 'v', type })], [[null]]));
    expect(types?.readUInt16LE()).toBe(code);
    expect(textsIn(formats, 57)).toEqual([format]);
    expect(data?.toString('hex')).toBe(missing);
  });

  it.each([-609_181_674_463, -62_135_596_800, 253_402_300_799, 9_000_000_000_000])(
    'of times long ago or far ahead are exact to the second: %d',
    async (second) => {
      const { data } = sectionsOf(await fileOf([variable({ name: 'v', type: { kind: 'timestamp' } })], [[second]]));
      expect(data?.readDoubleLE()).toBe(second * 1000 - Date.UTC(1960, 0, 1));
    },
  );

  it('are written row by row, over chunks and blocks', async () => {
    const rows = Array.from({ length: 10_000 }, (_, row): Cell[] => [row % 100, row, row * 100_000, row / 3, `${row}`]);
    const variables = [
      variable({ name: 'a', type: integer(0, 99) }),
      variable({ name: 'b', type: integer(0, 9_999) }),
      variable({ name: 'c', type: integer(0, 999_900_000) }),
      variable({ name: 'd', type: NUMBER }),
      variable({ name: 'e', type: text(100) }),
    ];
    const { data } = sectionsOf(await fileOf(variables, rows, 7_001));
    const read = rows.map((_, row) => {
      const at = row * 115;
      return [
        data?.readInt8(at),
        data?.readInt16LE(at + 1),
        data?.readInt32LE(at + 3),
        data?.readDoubleLE(at + 7),
        cString(data?.subarray(at + 15, at + 115)),
      ];
    });
    expect(read).toEqual(rows);
  });

  it.each<[VariableType, number, number]>([
    [{ kind: 'date' }, 0, 3653],
    [{ kind: 'date' }, -3653, 0],
    [{ kind: 'timestamp' }, -315_619_200, 0],
    [{ kind: 'timestamp' }, 1_700_000_000.123, 2_015_619_200_123],
    [{ kind: 'timestamp' }, 0.000001, 315_619_200_000.001],
    [{ kind: 'time' }, 86_399.999999, 86_399_999.999],
  ])('of %j count from 1960', async (type, value, expected) => {
    const { data } = sectionsOf(await fileOf([variable({ name: 'v', type })], [[value]]));
    expect(type.kind === 'date' ? data?.readInt32LE() : data?.readDoubleLE()).toBe(expected);
  });

  it.each([
    ['the greatest', 2 ** 1023 - 2 ** 970],
    ['the least', -Number.MAX_VALUE],
    ['the smallest', 5e-324],
  ])('of doubles: %s', async (_, value) => {
    expect(sectionsOf(await fileOf([variable({ name: 'v', type: NUMBER })], [[value]])).data?.readDoubleLE()).toBe(
      value,
    );
  });

  it.each<[VariableType, number, string]>([
    [NUMBER, 2 ** 1023, 'not_representable'],
    [NUMBER, Number.POSITIVE_INFINITY, 'not_representable'],
    [NUMBER, Number.NEGATIVE_INFINITY, 'not_representable'],
    [integer(0, 1), 101, 'dataset_broken'],
    [integer(0, 1), 0.5, 'dataset_broken'],
    [{ kind: 'date' }, 2_147_480_000, 'dataset_broken'],
  ])('of %j: %d is refused', async (type, value, code) => {
    await expect(fileOf([variable({ name: 'v', type })], [[value]])).rejects.toMatchObject({
      code,
      message: expect.stringContaining('v has'),
    });
  });
});

describe('missing values', () => {
  const codes = (values: readonly number[]) => values.map((value) => ({ value, label: `Code ${value}` }));
  const unanswered = (value: number) => ({ value, label: 'Not answered' });
  const DAY = Date.UTC(9999, 11, 31) / 86_400_000;

  it('get a letter, the same one for one meaning in every variable', async () => {
    const variables = [
      variable({ name: 'a', type: integer(0, 1), missing: [unanswered(-9), { value: -8, label: 'Refused' }] }),
      variable({ name: 'b', type: integer(0, 1000), missing: [{ value: -9, label: 'Refused' }] }),
      variable({ name: 'c', type: NUMBER, missing: [unanswered(-9), { value: -8, label: 'Refused' }] }),
      variable({ name: 'd', type: { kind: 'date' }, missing: [unanswered(DAY)] }),
      variable({ name: 'e', type: { kind: 'timestamp' }, missing: [unanswered(DAY * 86_400)] }),
    ];
    const table = tableOf(variables, 2);
    const encoded = encodeDta(
      table,
      chunksOf(variables, [
        [-9, -9, -9, DAY, DAY * 86_400],
        [-8, 7, -8, null, null],
      ]),
      OPTIONS,
    );
    const { data, value_labels: labels, value_label_names: names } = sectionsOf(await collect(encoded.bytes));
    expect(data?.toString('hex')).toBe(
      [
        ...['66', 'e77f', '000000000001e07f', 'e6ffff7f', '000000000001e07f'],
        ...['67', '0700', '000000000002e07f', 'e5ffff7f', '000000000000e07f'],
      ].join(''),
    );
    expect(textsIn(names, 129)).toEqual(['a', 'b', 'a', 'd', 'd']);
    const [a, b] = ['2147483622', '2147483623'];
    expect(labelsIn(labels)).toEqual({
      a: { [a]: 'Not answered', [b]: 'Refused' },
      b: { [b]: 'Refused' },
      d: { [a]: 'Not answered' },
    });
    expect(encoded.notes).toEqual([
      '.a stands for -9 or 9999-12-31 (Not answered).',
      '.b stands for -8 or -9 (Refused).',
    ]);
  });

  it.each(['Not answered', ''])('of one variable keep a letter each under the label "%s"', async (label) => {
    const missing = [-9, -8].map((value) => ({ value, label }));
    const variables = [
      variable({ name: 'a', type: integer(0, 1), missing }),
      variable({ name: 'b', type: integer(0, 1), missing }),
    ];
    const encoded = encodeDta(tableOf(variables, 1), chunksOf(variables, [[-9, -8]]), OPTIONS);
    expect(sectionsOf(await collect(encoded.bytes)).data?.toString('hex')).toBe('6667');
    expect(encoded.notes).toEqual([`.a stands for -9 (${label}).`, `.b stands for -8 (${label}).`]);
  });

  it('of more than 26 meanings together have letters of their own in each variable', async () => {
    const variables = ['a', 'if'].map((name, at) =>
      variable({ name, type: integer(0, 1), missing: codes(Array.from({ length: 14 }, (_, n) => -1 - n - 14 * at)) }),
    );
    const encoded = encodeDta(tableOf(variables, 1), chunksOf(variables, [[-1, -15]]), OPTIONS);
    expect(sectionsOf(await collect(encoded.bytes)).data?.toString('hex')).toBe('6666');
    expect(encoded.notes).toHaveLength(28);
    expect(encoded.notes).toContain('v_if: .a stands for -15 (Code -15).');
  });

  it('beyond 26 stay as they are, in a type that holds them', async () => {
    const missing = codes(Array.from({ length: 27 }, (_, at) => -1000 - at));
    const variables = [variable({ name: 'a', type: integer(0, 1), missing })];
    const encoded = encodeDta(tableOf(variables, 2), chunksOf(variables, [[-1025], [-1026]]), OPTIONS);
    const { data, variable_types: types, value_labels: labels } = sectionsOf(await collect(encoded.bytes));
    expect(types?.readUInt16LE()).toBe(65529);
    expect([data?.readInt16LE(0), data?.readInt16LE(2)]).toEqual([32_741 + 26, -1026]);
    expect(labelsIn(labels).a?.['-1026']).toBe('Code -1026');
    expect(encoded.notes[26]).toBe('a: Stata has 26 missing values besides its own; 1 more are written as they are.');
    expect(encoded.notes).toHaveLength(27);
  });

  it('of texts are said in a note', () => {
    const variables = [variable({ name: 'a', type: text(7), missing: [{ value: '##N/A##', label: 'Not answered' }] })];
    expect(encodeDta(tableOf(variables, 0), chunksOf(variables, []), OPTIONS).notes).toEqual([
      'a: Stata has one missing text, the empty one; these are written as they are: ##N/A## (Not answered).',
    ]);
  });
});

describe('value labels', () => {
  it('are shared, sorted, and of whole numbers', async () => {
    const valueLabels = [
      { value: 2, label: 'zwei, 二' },
      { value: -1, label: 'minus' },
      { value: 1.5, label: 'half' },
      { value: 2_147_483_621, label: 'large' },
      { value: 2, label: 'again' },
    ];
    const variables = ['x', 'y'].map((name) => variable({ name, type: NUMBER, valueLabels }));
    const encoded = encodeDta(tableOf(variables, 0), chunksOf(variables, []), OPTIONS);
    const { value_labels: labels, value_label_names: names } = sectionsOf(await collect(encoded.bytes));
    expect(labelsIn(labels)).toEqual({ x: { '-1': 'minus', '2': 'zwei, 二' } });
    expect(textsIn(names, 129)).toEqual(['x', 'x']);
    expect(encoded.notes.slice(0, 2)).toEqual([
      'x: Stata labels whole numbers up to 2,147,483,620, and not 1.5 (half).',
      'x: Stata labels whole numbers up to 2,147,483,620, and not 2147483621 (large).',
    ]);
  });

  it('of dates and times are those of the values that the file has', async () => {
    const label = (value: number) => ({ valueLabels: [{ value, label: 'that day' }] });
    const variables = [
      variable({ name: 'd', type: { kind: 'date' }, ...label(1) }),
      variable({ name: 'n', type: { kind: 'time' }, ...label(1.5) }),
      variable({ name: 's', type: { kind: 'timestamp' }, ...label(0) }),
    ];
    const encoded = encodeDta(tableOf(variables, 1), chunksOf(variables, [[1, 1.5, 0]]), OPTIONS);
    const { data, value_labels: labels } = sectionsOf(await collect(encoded.bytes));
    expect([data?.readInt32LE(0), data?.readDoubleLE(4)]).toEqual([3654, 1500]);
    expect(labelsIn(labels)).toEqual({ d: { '3654': 'that day' }, n: { '1500': 'that day' } });
    expect(encoded.notes).toEqual([
      's: Stata labels whole numbers up to 2,147,483,620, and not 1970-01-01 (that day).',
    ]);
  });

  it('of more than 32,000 bytes are cut between characters', async () => {
    const variables = [
      variable({ name: 'x', type: integer(0, 1), valueLabels: [{ value: 1, label: `${'x'.repeat(31_999)}é` }] }),
    ];
    const encoded = encodeDta(tableOf(variables, 0), chunksOf(variables, []), OPTIONS);
    expect(labelsIn(sectionsOf(await collect(encoded.bytes)).value_labels)).toEqual({
      x: { '1': 'x'.repeat(31_999) },
    });
    expect(encoded.notes).toEqual(['x: the label of 1 has more than 32,000 bytes and is cut.']);
  });

  it('of texts are said in a note', () => {
    const variables = [variable({ name: 'x', type: text(1), valueLabels: [{ value: 'f', label: 'Female' }] })];
    expect(encodeDta(tableOf(variables, 0), chunksOf(variables, []), OPTIONS).notes).toEqual([
      'x: Stata has no labels for values of texts.',
    ]);
  });
});

describe('texts', () => {
  it.each([
    [0, 1, '%9s'],
    [1, 1, '%9s'],
    [10, 10, '%10s'],
    [2045, 2045, '%2045s'],
    [2046, 32_768, '%9s'],
  ])('of at most %d bytes', async (bytes, code, format) => {
    const variables = [variable({ name: 'v', type: text(bytes, { values: bytes > 0 ? 1 : 0, bytes }) })];
    const file = await fileOf(variables, [[null], ['é'.repeat(bytes / 2) + 'x'.repeat(bytes % 2)]]);
    const { variable_types: types, formats, data, strls } = sectionsOf(file);
    expect(types?.readUInt16LE()).toBe(code);
    expect(textsIn(formats, 57)).toEqual([format]);
    const [empty, full] = [data?.subarray(0, Math.min(code, 8)), data?.subarray(code === 32_768 ? 8 : code)];
    expect(empty?.every((byte) => byte === 0)).toBe(true);
    if (code === 32_768) {
      expect(full?.toString('hex')).toBe('0100020000000000');
      expect(strls?.toString('hex', 0, 20)).toBe('47534f01000000020000000000000082ff070000');
      expect(strls?.toString('utf8', 20)).toBe(`${'é'.repeat(1023)}\0`);
    } else expect(full?.toString('utf8').replaceAll('\0', '')).toBe('é'.repeat(bytes / 2) + 'x'.repeat(bytes % 2));
  });

  it('that are long come after the rows, row by row', async () => {
    const long = text(3000, { values: 3, bytes: 6003 });
    const variables = ['a', 'b', 'c'].map((name) => variable({ name, type: name === 'b' ? integer(0, 9) : long }));
    const types = [text(3000, { values: 2, bytes: 3001 }), integer(0, 9), text(3000, { values: 2, bytes: 3002 })];
    const rows = [
      ['x'.repeat(3000), 1, 'yy'],
      [null, 2, 'z'.repeat(3000)],
      ['w', 3, ''],
    ];
    const file = await fileOf(
      variables.map((one, at) => ({ ...one, type: types[at] ?? long })),
      rows,
      2,
    );
    const { data, strls } = sectionsOf(file);
    const found: (string | number)[][] = [];
    for (let at = 0; strls && at < strls.length; ) {
      const bytes = strls.readUInt32LE(at + 16);
      expect(strls[at + 19 + bytes]).toBe(0);
      found.push([
        strls.toString('utf8', at, at + 3),
        strls.readUInt32LE(at + 3),
        Number(strls.readBigUInt64LE(at + 7)),
        strls[at + 15] ?? 0,
        cString(strls.subarray(at + 20, at + 20 + bytes)),
      ]);
      at += 20 + bytes;
    }
    expect(found).toEqual([
      ['GSO', 1, 1, 130, 'x'.repeat(3000)],
      ['GSO', 3, 1, 130, 'yy'],
      ['GSO', 3, 2, 130, 'z'.repeat(3000)],
      ['GSO', 1, 3, 130, 'w'],
    ]);
    expect(data?.toString('hex')).toBe(
      [
        '0100010000000000',
        '01',
        '0300010000000000',
        '0000000000000000',
        '02',
        '0300020000000000',
        '0100030000000000',
        '03',
        '0000000000000000',
      ].join(''),
    );
  });

  it('wait in a file without a name', async () => {
    const variables = [variable({ name: 'a', type: text(3000, { values: 1, bytes: 3000 }) })];
    const before = await readdir(tmpdir());
    const { bytes } = encodeDta(tableOf(variables, 1), chunksOf(variables, [['x'.repeat(3000)]]), OPTIONS);
    for await (const _ of bytes)
      expect((await readdir(tmpdir())).filter((name) => /^spool-/.test(name) && !before.includes(name))).toEqual([]);
  });

  it('become long where the rows would be too wide', async () => {
    const total = { values: 0, bytes: 0 };
    const variables = Array.from({ length: 600 }, (_, at) =>
      variable({ name: `t${at}`, type: text(at === 5 ? 2045 : 2000, total) }),
    );
    const { variable_types: types } = sectionsOf(await fileOf(variables, []));
    const codes = variables.map((_, at) => types?.readUInt16LE(2 * at) ?? 0);
    expect(codes[5]).toBe(32_768);
    const rowBytes = codes.reduce((sum, code) => sum + (code === 32_768 ? 8 : code), 0);
    expect(rowBytes).toBeLessThanOrEqual(1_048_576);
    expect(rowBytes).toBeGreaterThan(1_048_576 - 2000);
  });

  it.each([
    ['a zero byte', text(9), 'a\0b', 'not_representable'],
    ['a zero byte in a long one', text(3000, { values: 1, bytes: 3 }), 'a\0b', 'not_representable'],
    ['more bytes than described', text(2), 'abc', 'dataset_broken'],
    ['other long texts than measured', text(3000, { values: 1, bytes: 4 }), 'abc', 'source_changed'],
  ])('with %s are refused', async (_, type, value, code) => {
    await expect(fileOf([variable({ name: 'v', type })], [[value]])).rejects.toMatchObject({ code });
  });
});

describe('a file', () => {
  it('says what it is', async () => {
    const variables = [
      variable({ name: 'by', type: NUMBER, label: 'x'.repeat(81) }),
      variable({ name: 'if', type: NUMBER, label: 'Größe' }),
    ];
    const table = { ...tableOf(variables, 0), title: `${'ü'.repeat(80)}!` };
    const encoded = encodeDta(table, chunksOf(variables, []), OPTIONS);
    const sections = sectionsOf(await collect(encoded.bytes));
    expect(sections.stata_dta?.toString('latin1')).toBe(
      `<stata_dta><header><release>118</release><byteorder>LSF</byteorder><K>\x02\0</K><N>${'\0'.repeat(8)}</N>` +
        `<label>\xa0\0${Buffer.from('ü'.repeat(80)).toString('latin1')}</label><timestamp>\x1109 Mar 2026 04:05</timestamp></header>`,
    );
    expect(encoded.names).toEqual(['by', 'v_if']);
    expect(textsIn(sections.varnames, 129)).toEqual(encoded.names);
    expect(textsIn(sections.variable_labels, 321)).toEqual(['x'.repeat(80), 'Größe']);
    expect(sections.sortlist).toHaveLength(6);
    expect(encoded.notes).toEqual([
      'The title has more than 80 characters and is cut.',
      'The label of by has more than 80 characters and is cut.',
    ]);
    expect(characteristicsIn(sections.characteristics)).toEqual([
      ['_dta[_lang_c]', 'default'],
      ['_dta[_lang_list]', 'default'],
      ['_dta[note0]', '3'],
      ['_dta[note1]', 'v_if is the column if.'],
      ['_dta[note2]', encoded.notes[0]],
      ['_dta[note3]', encoded.notes[1]],
      ['by[note0]', '1'],
      ['by[note1]', 'x'.repeat(81)],
      ['v_if[column]', 'if'],
    ]);
  });

  it.each([
    [9999, 9999, 'v_0 is the column 0.'],
    [10_000, 5000, 'v_0 is the column 0. v_1 is the column 1.'],
  ])('of %d sentences has %d notes', async (count, notes, first) => {
    const variables = Array.from({ length: count }, (_, at) => variable({ name: `${at}`, type: { kind: 'boolean' } }));
    const found = new Map(characteristicsIn(sectionsOf(await fileOf(variables, [])).characteristics));
    expect([found.get('_dta[note0]'), found.get('_dta[note1]')]).toEqual([String(notes), first]);
    expect(found.get(`_dta[note${notes}]`)).toContain(`v_${count - 1} is the column ${count - 1}.`);
    expect(found.has(`_dta[note${notes + 1}]`)).toBe(false);
  });

  it('has labels until a zero byte, and says so', async () => {
    const label = 'a\0b';
    const fields = { valueLabels: [{ value: 1, label }], missing: [{ value: -1, label }] };
    const variables = [variable({ name: 'v', type: integer(1, 1), label, ...fields })];
    const encoded = encodeDta({ ...tableOf(variables, 0), title: label }, chunksOf(variables, []), OPTIONS);
    const { variable_labels, value_labels, characteristics } = sectionsOf(await collect(encoded.bytes));
    expect(textsIn(variable_labels, 321)).toEqual(['a']);
    expect(labelsIn(value_labels)).toEqual({ v: { '1': 'a', '2147483622': 'a' } });
    const cut = 'has a zero byte, with which labels end, and is cut there.';
    expect(encoded.notes).toEqual([
      `The title ${cut}`,
      '.a stands for -1 (a\0b).',
      `The label of v ${cut}`,
      `v: the label of 1 ${cut}`,
      `v: the label of .a ${cut}`,
    ]);
    expect(characteristicsIn(characteristics)).toContainEqual(['_dta[note2]', '.a stands for -1 (a b).']);
    expect(characteristicsIn(characteristics)).toContainEqual(['v[note1]', 'a b']);
  });

  it('is of format 119 with more than 32,767 variables', async () => {
    const variables = Array.from({ length: 32_768 }, (_, at) =>
      variable({ name: `v${at}`, type: at === 32_767 ? text(3000, { values: 1, bytes: 2 }) : { kind: 'boolean' } }),
    );
    const file = await fileOf(variables, [[...Array<Cell>(32_767).fill(1), 'hi']]);
    const { stata_dta: header, data, sortlist, strls } = sectionsOf(file);
    expect(header?.toString('latin1')).toContain('<release>119</release><byteorder>LSF</byteorder><K>\0\x80\0\0</K>');
    expect(sortlist).toHaveLength(4 * 32_769);
    expect(data?.subarray(-8).toString('hex')).toBe('0080000100000000');
    expect(strls?.toString('latin1')).toBe('GSO\0\x80\0\0\x01\0\0\0\0\0\0\0\x82\x03\0\0\0hi\0');
  });

  it('may have 100,000 variables', async () => {
    const variables = Array.from({ length: 100_000 }, (_, at) =>
      variable({ name: `Question ${at}`, type: at % 2 === 0 ? integer(0, 1000) : text(3) }),
    );
    const cells = variables.map((_, at) => (at % 2 === 0 ? at % 1001 : `${at % 1000}`));
    const sections = sectionsOf(await fileOf(variables, [cells, cells]));
    expect(textsIn(sections.varnames, 129)).toEqual(variables.map((_, at) => `Question_${at}`));
    const { data = Buffer.alloc(0) } = sections;
    expect(data).toHaveLength(500_000);
    const found = cells.map((_, at) => {
      const place = 250_000 + Math.floor(at / 2) * 5;
      return at % 2 === 0
        ? data.readInt16LE(place)
        : data.toString('latin1', place + 2, place + 5).replaceAll('\0', '');
    });
    expect(found).toEqual(cells);
  });

  it.each([
    [
      'too many variables',
      Array.from({ length: 120_001 }, (_, at) => variable({ name: `v${at}`, type: NUMBER })),
      /has 120,001 columns/,
    ],
    [
      'too wide rows',
      Array.from({ length: 600 }, (_, at) => variable({ name: `v${at}`, type: text(2000) })),
      /a row has 1,200,000 bytes/,
    ],
  ])('cannot have %s', (_, variables, message) => {
    expect(() => encodeDta(tableOf(variables, 0), chunksOf(variables, []), OPTIONS)).toThrow(
      expect.objectContaining({ code: 'not_representable', message: expect.stringMatching(message) }),
    );
  });

  it.each([0, 2])('cannot have %d rows if one was counted', async (count) => {
    const variables = [variable({ name: 'v', type: NUMBER })];
    const { bytes } = encodeDta(
      tableOf(variables, 1),
      chunksOf(
        variables,
        Array.from({ length: count }, () => [1]),
      ),
      OPTIONS,
    );
    await expect(collect(bytes)).rejects.toMatchObject({ code: 'source_changed' });
  });
});
