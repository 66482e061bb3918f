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
import { type SavRead, type SavReader, startSavReader } from './sav-readers.ts';

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

  // ReadStat, which most readers are made of, takes minutes for 100,000.
  it.each([
    ['10,000 of all kinds', 10_000, 300, 'pyreadstat'],
    ['100,000', 100_000, 30, 'PSPP'],
  ] as const)('may have many variables: %s', async (_, count, bytes, by) => {
    const kinds: readonly VariableType[] = [
      INTEGER,
      { kind: 'text', bytes: 5 },
      { kind: 'text', bytes },
      { kind: 'date' },
    ];
    const variables = Array.from({ length: count }, (_, at) =>
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
    const path = await written(variables, rows);
    if (by === 'pyreadstat') {
      const found = await reader.read(path);
      expect(found.labels).toEqual(variables.map(({ label }) => label));
      const dates = [seconds('1970-01-02'), seconds('1970-01-03')];
      expect(found.values).toEqual(variables.map((_, at) => [[1, 2], ['é', 'éé'], ['é', 'éé'], dates][at % 4]));
      expect(Object.keys(found.valueLabels).length).toBe(count / 4);
    } else {
      const csv = join(directory, 'wide.csv');
      const { all } = await execa('pspp-convert', [path, csv], { all: true });
      expect(all).toBe('');
      const [names, ...lines] = (await readFile(csv, 'utf8')).trimEnd().split('\n');
      expect(names).toBe(variables.map(({ name }) => name.replace(' ', '_')).join(','));
      const row = ['1,é,é,01/02/1970', '2,éé,éé,01/03/1970'];
      expect(lines).toEqual(
        row.map((quarter) =>
          Array(count / 4)
            .fill(quarter)
            .join(','),
        ),
      );
    }
  });
});

/** Blanks at the end are padding. */
const label = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .map((text) => text.replaceAll('\0', '').replace(/ +$/, ''));
/** Texts without the blanks at their end, and without the bytes at which readers written in C stop. */
const words = (maxLength: number) =>
  fc.string({ unit: 'grapheme', maxLength }).map((text) => text.replaceAll('\0', '').trimEnd());

/** Of letters that PSPP 1.6 has heard of. */
const variableName = fc.string({
  unit: fc.constantFrom('a', 'B', 'é', 'ß', 'Ж', '語', '_', '.', '1', ' ', '$', '√'),
  maxLength: 40,
});

interface Column {
  readonly variable: Variable;
  readonly cells: readonly Cell[];
}

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

const textual: fc.Arbitrary<Column> = fc.constantFrom(3, 20, 100, 400, 3000).chain((maxLength) => {
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
});

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 });
const column = fc.oneof(
  numeric(
    { kind: 'integer', min: -(2 ** 53), max: 2 ** 53 },
    fc.oneof(fc.integer({ min: -120, max: 170 }), fc.maxSafeInteger()),
  ),
  numeric({ kind: 'number', decimals: null }, finite),
  numeric({ kind: 'boolean' }, fc.nat({ max: 1 })),
  numeric({ kind: 'date' }, fc.integer({ min: -719_162, max: 2_932_896 })),
  numeric({ kind: 'timestamp' }, fc.integer({ min: -62_000_000_000, max: 253_402_300_799 })),
  numeric({ kind: 'time' }, fc.integer({ min: 0, max: 86_399 })),
  textual,
  textual,
);

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
    typeof value === 'number' ? toFile(type, value) : value;
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
        if (variable.type.kind === 'text') return cell ?? '';
        return cell === null ? null : toFile(variable.type, Number(cell)) + 0;
      }),
    ),
  };
}

const hasManyLongMissing = ({ variable: { type, valueLabels, missing } }: Column) =>
  type.kind === 'text' &&
  new Set(missing.map(({ value }) => value)).size > 1 &&
  [type.bytes, ...[...valueLabels, ...missing].map(({ value }) => Buffer.byteLength(String(value)))].some(
    (bytes) => bytes > 8,
  );

it('any table comes back as it was, from pyreadstat and through PSPP', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(column, { minLength: 1, maxLength: 6 }),
      fc.constantFrom<SavOptions['compression']>('rows', 'zlib'),
      async (columns, compression) => {
        const variables = columns.map((each) => each.variable);
        const rows = Array.from({ length: ROW_COUNT }, (_, row) => columns.map(({ cells }) => cells[row] ?? null));
        const path = await written(variables, rows, compression);
        const found = await reader.read(path);
        expect(found).toMatchObject(expected(columns));
        // PSPP 1.6 reads the record of long missing texts as an earlier edition of its manual described it.
        if (columns.some(hasManyLongMissing)) return;
        expect(await reader.read(await throughPspp(path))).toEqual(found);
      },
    ),
    { numRuns: 60 },
  );
});

it('takes no more memory for more rows', async () => {
  const peakBytes = async (rows: number, compression: SavOptions['compression']) => {
    const script = `
      import { encodeSav } from '${new URL('../formats/sav.ts', import.meta.url).href}';
      const rows = ${rows};
      const text = { bytes: new Uint8Array(2048 * 40).fill(97), ends: Uint32Array.from({ length: 2048 }, (_, at) => 40 * (at + 1)) };
      const columns = Array.from({ length: 20 }, (_, at) => at % 2 ? text : new Float64Array(2048).fill(at + 0.5));
      const variables = columns.map((_, at) => ({ name: 'v' + at, label: '', valueLabels: [], missing: [],
        type: at % 2 ? { kind: 'text', bytes: 60 } : { kind: 'number', decimals: null } }));
      async function* chunks() { for (let at = 0; at < rows; at += 2048) yield { rows: 2048, columns }; }
      const table = { title: '', createdAt: new Date(0), rows, variables };
      for await (const _ of encodeSav(table, chunks(), { compression: '${compression}', directory: ${JSON.stringify(directory)} }).bytes);
      console.log(process.resourceUsage().maxRSS * 1024);`;
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script]);
    return Number(stdout);
  };
  for (const compression of ['rows', 'zlib'] as const) {
    const [small, large] = [await peakBytes(2048 * 50, compression), await peakBytes(2048 * 400, compression)];
    console.info(compression, Math.round(small / 1e6), Math.round(large / 1e6));
    // The larger table has 700 MB; when garbage is collected moves the peak by some tens.
    expect(large - small).toBeLessThan(100_000_000);
  }
});
