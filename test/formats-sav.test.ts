import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileNames } from '../formats/names.ts';
import { encodeSav, type SavOptions } from '../formats/sav.ts';
import type { ValueLabel, Variable, VariableType } from '../formats/table.ts';
import { type Cell, chunksOf, collect, tableOf, variable } from '../formats/table-fixture.ts';
import { type Column, manyColumns } from './generated-columns.ts';
import { type SavRead, type SavReader, startSavReader } from './sav-readers.ts';
import { expectFlatMemory } from './writer-memory.ts';

let directory: string;
let reader: SavReader;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-sav-'));
  reader = await startSavReader();
});
afterAll(async () => {
  await reader.close();
  await rm(directory, { recursive: true });
});

type Rows = readonly (readonly Cell[])[];

async function written(
  variables: readonly Variable[],
  rows: Rows,
  compression: SavOptions['compression'] = 'rows',
): Promise<string> {
  const options = compression === 'rows' ? { compression } : { compression, directory };
  const path = join(directory, `things.${compression === 'rows' ? 'sav' : 'zsav'}`);
  await writeFile(
    path,
    await collect(encodeSav(tableOf(variables, rows.length), chunksOf(variables, rows), options).bytes),
  );
  return path;
}

/** Copies a system file with PSPP, which shares no code with the other readers. @returns the copy; any warning fails */
async function throughPspp(path: string): Promise<string> {
  const copy = join(directory, 'copy.sav');
  const { all } = await execa('pspp-convert', [path, copy], { all: true });
  expect(all).toBe('');
  return copy;
}

/** Seconds from the beginning of the Gregorian calendar. */
const seconds = (time: string) => (Date.parse(time) - Date.parse('1582-10-14')) / 1000;

const ANSWERS = [
  { value: 1, label: 'Yes' },
  { value: 2, label: 'Nein, ñ, いいえ' },
];
const UNANSWERED = [{ value: -999_999_999, label: 'Not answered' }];
const INTEGER: VariableType = { kind: 'integer', min: -999_999_999, max: 150 };

/** Everything that a system file can say about a column. */
const SURVEY: readonly Variable[] = [
  variable({
    name: 'interview__key',
    type: { kind: 'text', bytes: 11 },
    label: 'Interview key (identifier in XX-XX-XX-XX format)',
  }),
  variable({ name: 'consent', type: INTEGER, label: 'Do you agree?', valueLabels: ANSWERS, missing: UNANSWERED }),
  variable({ name: 'again', type: INTEGER, label: 'And now?', valueLabels: ANSWERS, missing: UNANSWERED }),
  variable({
    name: 'by',
    type: { kind: 'number', decimals: 2 },
    label: 'Größe (m²) 世帯',
    missing: [...UNANSWERED, { value: -1.5, label: '' }],
  }),
  variable({ name: 'Größe_des_Haushalts_ohne_Gäste', type: { kind: 'number', decimals: null } }),
  variable({
    name: 'codes',
    type: INTEGER,
    missing: [-99, -98, -97, -96, -1].map((value) => ({ value, label: `Code ${value}` })),
  }),
  variable({ name: 'is_done', type: { kind: 'boolean' } }),
  variable({ name: 'sex', type: { kind: 'text', bytes: 1 }, valueLabels: [{ value: 'f', label: 'Female' }] }),
  variable({
    name: 'district',
    type: { kind: 'text', bytes: 20 },
    valueLabels: [{ value: 'Übersee', label: 'Overseas' }],
    missing: [{ value: '##N/A##', label: 'Not answered' }],
  }),
  variable({
    name: 'comment',
    type: { kind: 'text', bytes: 5000 },
    label: 'In their own words',
    valueLabels: [{ value: 'none', label: 'Nothing was said' }],
    missing: [{ value: '##N/A##', label: 'Not answered' }],
  }),
  variable({ name: 'essay', type: { kind: 'text', bytes: 32_767 } }),
  variable({ name: 'born', type: { kind: 'date' } }),
  variable({ name: 'started_at', type: { kind: 'timestamp' } }),
  variable({ name: 'wake_up', type: { kind: 'time' } }),
];
const ROWS: Rows = [
  ['00-11-22-33', 1, 2, 1.75, 0.1, -99, 1, 'f', 'Übersee', 'none', 'é'.repeat(16_383), 20_541, 1_774_749_600.5, 0],
  ['11-22-33-44', -999_999_999, null, -999_999_999, null, 5, 0, 'm', '##N/A##', '##N/A##', '', null, null, 86_399.25],
  [
    '22-33-44-55',
    2,
    1,
    -1.5,
    1e300,
    -1,
    null,
    null,
    '世帯',
    '語'.repeat(1666),
    'x'.repeat(32_767),
    -719_162,
    -1e9,
    null,
  ],
];

const SEEN: SavRead = {
  names: [
    'interview__key',
    'consent',
    'again',
    'v_by',
    'Größe_des_Haushalts_ohne_Gäste',
    'codes',
    'is_done',
    'sex',
    'district',
    'comment',
    'essay',
    'born',
    'started_at',
    'wake_up',
  ],
  labels: [
    'Interview key (identifier in XX-XX-XX-XX format)',
    'Do you agree?',
    'And now?',
    'Größe (m²) 世帯',
    '',
    '',
    '',
    '',
    '',
    'In their own words',
    '',
    '',
    '',
    '',
  ],
  valueLabels: {
    consent: { '1': 'Yes', '2': 'Nein, ñ, いいえ', '-999999999': 'Not answered' },
    again: { '1': 'Yes', '2': 'Nein, ñ, いいえ', '-999999999': 'Not answered' },
    v_by: { '-999999999': 'Not answered' },
    codes: { '-99': 'Code -99', '-98': 'Code -98', '-97': 'Code -97', '-96': 'Code -96', '-1': 'Code -1' },
    sex: { f: 'Female' },
    district: { Übersee: 'Overseas', '##N/A##': 'Not answered' },
    comment: { none: 'Nothing was said', '##N/A##': 'Not answered' },
  },
  missing: {
    consent: [{ lo: -999_999_999, hi: -999_999_999 }],
    again: [{ lo: -999_999_999, hi: -999_999_999 }],
    v_by: [
      { lo: -999_999_999, hi: -999_999_999 },
      { lo: -1.5, hi: -1.5 },
    ],
    codes: [
      { lo: -99, hi: -96 },
      { lo: -1, hi: -1 },
    ],
    district: [{ lo: '##N/A##', hi: '##N/A##' }],
    comment: [{ lo: '##N/A##', hi: '##N/A##' }],
  },
  formats: [
    'A11',
    'F10.0',
    'F10.0',
    'F14.2',
    'F18.6',
    'F10.0',
    'F1.0',
    'A1',
    'A20',
    'A5000',
    'A32767',
    'SDATE10',
    'DATETIME20',
    'TIME8',
  ],
  measures: [
    'nominal',
    'nominal',
    'nominal',
    'scale',
    'scale',
    'scale',
    'nominal',
    'nominal',
    'nominal',
    'nominal',
    'nominal',
    'scale',
    'scale',
    'scale',
  ],
  encoding: 'UTF-8',
  title: 'Things',
  notes: [
    'v_by is the column by.',
    'SPSS counts seconds since 1582, so that fractions of a second are exact to two',
    'millionths.',
  ],
  values:
    ROWS[0]?.map((_, at) =>
      ROWS.map((row) => {
        const cell = row[at] ?? null;
        if (SURVEY[at]?.type.kind === 'text') return cell ?? '';
        if (cell === null) return null;
        if (at === 11) return Number(cell) * 86_400 + seconds('1970-01-01');
        return at === 12 ? Number(cell) + seconds('1970-01-01') : cell;
      }),
    ) ?? [],
};

describe('a system file', () => {
  it.each(['rows', 'zlib'] as const)('is read by pyreadstat: %s', async (compression) => {
    expect(await reader.read(await written(SURVEY, ROWS, compression))).toEqual(SEEN);
    expect(seconds('2026-03-29')).toBe(SEEN.values[11]?.[0]);
  });

  it.each(['rows', 'zlib'] as const)(
    'is read by PSPP without a warning, and means the same: %s',
    async (compression) => {
      const path = await written(SURVEY, ROWS, compression);
      expect(await reader.read(await throughPspp(path))).toEqual(SEEN);
    },
  );

  it('is read by haven without a warning', async () => {
    const path = await written(SURVEY, ROWS);
    const script = `
      options(warn = 2); library(haven)
      d <- read_sav(commandArgs(TRUE)[1], user_na = TRUE)
      cat(nrow(d), ncol(d), attr(d$consent, "label"), names(attr(d$consent, "labels")), format(attr(d$consent, "na_values"), scientific = FALSE), sep = "\\n")
      cat(attr(d$codes, "na_range"), as.character(d$district), format(d$born), format(d$started_at), nchar(d$comment), sep = "\\n")`;
    const { stdout, stderr } = await execa('Rscript', ['-e', script, path], { env: { LC_ALL: 'C.UTF-8' } });
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([
      ...['3', '14', 'Do you agree?', 'Yes', 'Nein, ñ, いいえ', 'Not answered', '-999999999'],
      ...['-99', '-96', 'Übersee', '##N/A##', '世帯', '2026-03-29', 'NA', '1-01-01'],
      ...['2026-03-29 02:00:00', 'NA', '1938-04-24 22:13:20', '4', '7', '1666'],
    ]);
  });

  it('may have no rows', async () => {
    for (const compression of ['rows', 'zlib'] as const) {
      const path = await written(SURVEY, [], compression);
      expect((await reader.read(path)).values.flat()).toEqual([]);
      expect((await reader.read(await throughPspp(path))).names).toEqual(SEEN.names);
    }
  });

  it('may have 10,000 variables of all kinds', async () => {
    const kinds: readonly VariableType[] = [
      INTEGER,
      { kind: 'text', bytes: 5 },
      { kind: 'text', bytes: 300 },
      { kind: 'date' },
    ];
    const variables = Array.from({ length: 10_000 }, (_, at) =>
      variable({
        name: `Question ${at}`,
        label: `Question ${at}?`,
        type: kinds[at % 4] ?? INTEGER,
        valueLabels: at % 4 === 0 ? ANSWERS : [],
      }),
    );
    const rows = [1, 2].map((number) =>
      variables.map(({ type }) => (type.kind === 'text' ? 'é'.repeat(number) : number)),
    );
    const found = await reader.read(await written(variables, rows));
    expect(found.labels).toEqual(variables.map(({ label }) => label));
    const dates = [seconds('1970-01-02'), seconds('1970-01-03')];
    expect(found.values).toEqual(variables.map((_, at) => [[1, 2], ['é', 'éé'], ['é', 'éé'], dates][at % 4]));
    expect(Object.keys(found.valueLabels).length).toBe(2500);
  });
});

/** Blanks at the end are padding. */
const withoutPadding = (text: string) => text.replace(/ +$/, '');
const label = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => withoutPadding(text.replaceAll('\0', '')));
/** Without zero bytes, which are refused. */
const words = (maxLength: number) =>
  fc
    .tuple(fc.string({ unit: 'grapheme', maxLength }), fc.constantFrom('', '', ' ', '   '))
    .map(([text, end]) => `${text.replaceAll('\0', '')}${end}`);

/** Of letters that PSPP 1.6 has heard of. */
const variableName = fc.string({
  unit: fc.constantFrom('a', 'B', 'é', 'ß', 'Ж', '語', '_', '.', '1', ' ', '$', '√'),
  maxLength: 40,
});

const ROW_COUNT = 7;
const cellsOf = (cell: fc.Arbitrary<Cell>) =>
  fc.array(fc.option(cell, { freq: 4 }), { minLength: ROW_COUNT, maxLength: ROW_COUNT });

function numeric(type: VariableType, cell: fc.Arbitrary<number>): fc.Arbitrary<Column> {
  const code = fc.record({ value: fc.integer({ min: -1000, max: 1000 }), label });
  return fc
    .record({
      name: variableName,
      label,
      valueLabels: fc.array(code, { maxLength: 5 }),
      missing: fc.array(code, { maxLength: 3 }),
      cells: cellsOf(cell),
    })
    .map(({ cells, ...fields }) => ({ variable: { type, ...fields }, cells }));
}

function textual(...lengths: readonly number[]): fc.Arbitrary<Column> {
  return fc.constantFrom(...lengths).chain(textsOf);
}

function textsOf(maxLength: number): fc.Arbitrary<Column> {
  const code = fc.record({ value: words(maxLength), label });
  const short = fc.record({ value: fc.constantFrom('x', '##N/A##', 'é', '12345678'), label });
  return fc
    .record({
      name: variableName,
      label,
      valueLabels: fc.array(code, { maxLength: 4 }),
      missing: fc.array(short, { maxLength: 3 }),
      cells: cellsOf(words(maxLength)),
    })
    .map(({ cells, ...fields }) => {
      const bytes = Math.max(...cells.map((cell) => Buffer.byteLength(String(cell ?? ''))));
      return { variable: { type: { kind: 'text', bytes }, ...fields }, cells };
    });
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 });
/** @param dayMax since 1970, and before */
const numbersUntil = (dayMax: number) => [
  numeric(
    { kind: 'integer', min: -(2 ** 53), max: 2 ** 53 },
    fc.oneof(fc.integer({ min: -120, max: 170 }), fc.maxSafeInteger()),
  ),
  numeric({ kind: 'number', decimals: null }, finite),
  numeric({ kind: 'boolean' }, fc.nat({ max: 1 })),
  numeric({ kind: 'date' }, fc.integer({ min: -dayMax, max: dayMax })),
  numeric(
    { kind: 'timestamp' },
    fc.integer({ min: -Math.min(dayMax * 86_400, 9e12), max: Math.min(dayMax * 86_400, 9e12) }),
  ),
  numeric({ kind: 'time' }, fc.integer({ min: 0, max: 86_400 })),
];
/** As far as the warehouse has dates. */
const numbers = numbersUntil(2_147_483_646);
const column = fc.oneof(...numbers, textual(3, 20, 100, 400, 3000), textual(3, 20, 100, 400, 3000));
/** Of which a table may have many. */
const shortColumn = fc.oneof(...numbers, textual(3, 20), textual(3, 60, 260));

/** What a reader must find, said again without the code under test. */
function expected(columns: readonly Column[]): Pick<SavRead, 'values' | 'valueLabels' | 'labels' | 'missing'> {
  const names = fileNames(
    columns.map((each) => each.variable.name),
    'spss',
  );
  const toFile = (type: VariableType, value: number) => {
    if (type.kind === 'date') return value * 86_400 + seconds('1970-01-01');
    return type.kind === 'timestamp' ? value + seconds('1970-01-01') : value;
  };
  const valueIn = ({ type }: Variable, { value }: ValueLabel) =>
    typeof value === 'number' ? toFile(type, value) : withoutPadding(value);
  const firsts = (variable: Variable) => {
    const found: Record<string, string> = {};
    for (const labelled of [...variable.valueLabels, ...variable.missing]) {
      if (labelled.label !== '') found[String(valueIn(variable, labelled))] ??= labelled.label;
    }
    return found;
  };
  const byName = <T extends object>(value: (variable: Variable) => T) =>
    Object.fromEntries(
      columns.flatMap((each, at) => {
        const found = value(each.variable);
        return Object.keys(found).length === 0 ? [] : [[names[at] ?? '', found]];
      }),
    );
  return {
    labels: columns.map((each) => each.variable.label),
    valueLabels: byName(firsts),
    missing: byName((variable) =>
      [...new Set(variable.missing.map((labelled) => valueIn(variable, labelled)))].map((value) => ({
        lo: value,
        hi: value,
      })),
    ),
    values: columns.map(({ variable, cells }) =>
      cells.map((cell) => {
        if (variable.type.kind === 'text') return withoutPadding(String(cell ?? ''));
        return cell === null ? null : toFile(variable.type, Number(cell)) + 0;
      }),
    ),
  };
}

/** PSPP 1.6 reads the record of long missing texts as an earlier edition of its manual described it. */
const hasManyLongMissing = ({ variable: { type, valueLabels, missing } }: Column) =>
  type.kind === 'text' &&
  new Set(missing.map(({ value }) => value)).size > 1 &&
  [type.bytes, ...[...valueLabels, ...missing].map(({ value }) => Buffer.byteLength(String(value)))].some(
    (bytes) => bytes > 8,
  );

it.each([
  ['any table', fc.array(column, { minLength: 1, maxLength: 6 }), 60],
  ['any wide table', manyColumns(shortColumn, { min: 200, max: 3000 }), 6],
] as const)('%s comes back as it was, from pyreadstat and through PSPP', async (_, tables, numRuns) => {
  await fc.assert(
    fc.asyncProperty(
      tables,
      fc.constantFrom<SavOptions['compression']>('rows', 'zlib'),
      async (columns, compression) => {
        const variables = columns.map((each) => each.variable);
        const rows = Array.from({ length: ROW_COUNT }, (_, row) => columns.map(({ cells }) => cells[row] ?? null));
        const path = await written(variables, rows, compression);
        const found = await reader.read(path);
        expect(found).toMatchObject(expected(columns));
        if (columns.some(hasManyLongMissing)) return;
        expect(await reader.read(await throughPspp(path))).toEqual(found);
      },
    ),
    { numRuns },
  );
});

/** @returns a value as PSPP writes it into CSV, which has no days before those of SPSS */
function inCsv({ type }: Variable, cell: Cell): string | number {
  if (type.kind === 'text') return withoutPadding(String(cell ?? ''));
  if (cell === null) return ' ';
  const value = Number(cell);
  switch (type.kind) {
    case 'date':
    case 'timestamp': {
      const time = value * (type.kind === 'date' ? 86_400 : 1) * 1000;
      if (time < Date.parse('1582-10-14')) return ' ';
      const [year = '', month, day, clock] = new Date(time).toISOString().split(/[-T.]/);
      return [`${month}/${day}/${Number(year)}`, ...(type.kind === 'timestamp' ? [clock] : [])].join(' ');
    }
    case 'time':
      return [value / 3600, (value / 60) % 60, value % 60]
        .map((part) => String(Math.floor(part)).padStart(2, '0'))
        .join(':');
    default:
      return value + 0;
  }
}

/** Lines of CSV as PSPP writes it. */
function linesOf(csv: string): string[][] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^,\n]*))(,|\n)/g)) {
    lines.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === '\n') lines.push([]);
  }
  return lines.slice(0, -1);
}

// ReadStat, which most readers are made of, takes minutes for 100,000.
it('a table of 100,000 columns comes back as it was, from PSPP', async () => {
  const narrow = fc.oneof(...numbersUntil(90_000_000), textual(3, 20)).filter((each) => !hasManyLongMissing(each));
  const columns = manyColumns(narrow, { min: 100_000, max: 100_000 });
  await fc.assert(
    fc.asyncProperty(columns, async (columns) => {
      const variables = columns.map((each) => each.variable);
      const rows = [0, 1, 2].map((row) => columns.map(({ cells }) => cells[row] ?? null));
      const csv = join(directory, 'wide.csv');
      const { all } = await execa('pspp-convert', [await written(variables, rows), csv], { all: true });
      expect(all).toBe('');
      const [names, ...lines] = linesOf(await readFile(csv, 'utf8'));
      const columnNames = variables.map(({ name }) => name);
      expect(names).toEqual(fileNames(columnNames, 'spss'));
      for (const [row, line] of lines.entries()) {
        const expected = variables.map((each, at) => inCsv(each, rows[row]?.[at] ?? null));
        expect(line.map((text, at) => (typeof expected[at] === 'number' ? Number(text) : text))).toEqual(expected);
      }
      expect(lines).toHaveLength(rows.length);
    }),
    { numRuns: 1, endOnFailure: true },
  );
});

it.each([
  ['rows', 60],
  ['zlib', 60],
] as const)('takes no more memory for more rows: %s', async (compression, textBytes) => {
  await expectFlatMemory({ module: 'sav.ts', encode: 'encodeSav', options: { compression, directory }, textBytes });
});
