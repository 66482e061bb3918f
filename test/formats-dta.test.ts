import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeDta } from '../formats/dta.ts';
import type { Encoded } from '../formats/encoder.ts';
import type { Range, ValueLabel, Variable, VariableType } from '../formats/table.ts';
import { type Cell, chunksOf, collect, tableOf, variable } from '../formats/table-fixture.ts';
import { type DtaReader, type DtaValue, startDtaReader } from './dta-readers.ts';
import { type Column, manyColumns } from './generated-columns.ts';
import { expectFlatMemory } from './writer-memory.ts';

let directory: string;
let reader: DtaReader;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-dta-'));
  reader = await startDtaReader();
});
afterAll(async () => {
  await reader.close();
  await rm(directory, { recursive: true });
});

async function written(columns: readonly Column[], rows: number): Promise<Encoded & { readonly path: string }> {
  const variables = columns.map((column) => column.variable);
  const cells = Array.from({ length: rows }, (_, row) => columns.map((column) => column.cells[row] ?? null));
  const path = join(directory, 'things.dta');
  const encoded = encodeDta(tableOf(variables, rows), chunksOf(variables, cells), { directory });
  await writeFile(path, await collect(encoded.bytes));
  return { ...encoded, path };
}

/** A text's type as the warehouse measures it. */
function textType(cells: readonly Cell[], bytesMin = 0): VariableType {
  const sizes = cells.map((cell) => Buffer.byteLength(String(cell ?? '')));
  const total = { values: sizes.filter((size) => size > 0).length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  return { kind: 'text', bytes: Math.max(bytesMin, ...sizes), total };
}

/** What both readers must find of a column, said again without the code under test. @param letterOf a missing value */
function expectedValues({ variable: { type, missing }, cells }: Column, letterOf: LetterOf): readonly DtaValue[] {
  return cells.map((cell) => {
    if (type.kind === 'text') return cell ?? '';
    if (cell === null) return null;
    const value = Number(cell);
    if (missing.some((code) => code.value === value)) return letterOf({ type, missing }, value);
    return inStata(type, value);
  });
}

function inStata({ kind }: VariableType, value: number): number {
  const day = Date.UTC(1960, 0, 1);
  if (kind === 'date') return value - day / 86_400_000;
  if (kind === 'timestamp') return value * 1000 - day;
  return kind === 'time' ? value * 1000 : value;
}

type LetterOf = (variable: Pick<Variable, 'type' | 'missing'>, value: number) => string;

/**
 * One letter for one label, in order of appearance; of values that share one in a variable, the second has another letter. If there are more
 * than 26, each variable begins with `.a` again.
 */
function lettersOf(columns: readonly Column[]): LetterOf {
  const meaning: LetterOf = ({ missing }, value) => {
    const label = missing.find((code) => code.value === value)?.label;
    const same = missing.filter((code) => code.label === label).findIndex((code) => code.value === value);
    return JSON.stringify([label, same]);
  };
  const all = columns.flatMap(({ variable }) =>
    variable.type.kind === 'text' ? [] : variable.missing.map(({ value }) => meaning(variable, Number(value))),
  );
  const letters = [...new Set(all)];
  return (variable, value) => {
    const own = variable.missing.findIndex((code) => code.value === value);
    const at = letters.length > 26 ? own : letters.indexOf(meaning(variable, value));
    return `.${String.fromCharCode(97 + at)}`;
  };
}

function expectedLabels(variable: Variable, letterOf: LetterOf) {
  const { valueLabels, missing, type } = variable;
  const own = new Set(missing.map(({ value }) => Number(value)));
  const found: Record<string, string> = {};
  if (type.kind === 'text') return found;
  for (const { value, label } of valueLabels) {
    const number = inStata(type, Number(value));
    // A long holds no time of our days in milliseconds.
    if (!own.has(Number(value)) && number < 2 ** 31 - 27) found[String(number)] ??= label;
  }
  for (const { value, label } of missing) found[letterOf(variable, Number(value))] = label;
  return found;
}

/** Without blanks at the ends, which readers take away. */
const label = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll('\0', '').trim());
/** Without the byte at which texts of Stata end. */
const words = (maxLength: number) =>
  fc.string({ unit: 'grapheme', maxLength }).map((text) => text.replaceAll('\0', ''));

const ROWS = 7;
const cellsOf = (cell: fc.Arbitrary<Cell>) =>
  fc.array(fc.option(cell, { freq: 4 }), { minLength: ROWS, maxLength: ROWS });
const code = fc.record({ value: fc.integer({ min: -8, max: 8 }), label });
/** Few meanings, as questionnaires have them, and sometimes more than there are letters. */
const meaning = fc.oneof(
  { arbitrary: fc.constantFrom('Not answered', 'Refused', 'Don’t know', 'いいえ'), weight: 19 },
  { arbitrary: label.filter((text) => text !== ''), weight: 1 },
);
const missingCode = fc.record({ value: fc.integer({ min: -8, max: 8 }), label: meaning });
const uniqueCodes = (maxLength: number) => fc.uniqueArray(missingCode, { maxLength, selector: ({ value }) => value });

function numeric(
  typeOf: (cells: readonly Cell[], missing: readonly ValueLabel[]) => VariableType,
  cell: fc.Arbitrary<number>,
): fc.Arbitrary<Column> {
  return fc
    .record({
      name: words(40),
      label,
      valueLabels: fc.array(code, { maxLength: 5 }),
      missing: uniqueCodes(3),
      cells: cellsOf(cell),
    })
    .map(({ cells, missing, ...fields }) => ({
      variable: { type: typeOf(cells, missing), missing, ...fields },
      cells,
    }));
}

function extremes(cells: readonly Cell[], missing: readonly ValueLabel[]): Range | undefined {
  const codes = new Set(missing.map(({ value }) => value));
  const values = cells.filter((cell): cell is number => typeof cell === 'number' && !codes.has(cell));
  return values.length === 0 ? undefined : [Math.min(...values), Math.max(...values)];
}

function integerType(...[cells, missing]: Parameters<typeof extremes>): VariableType {
  const [min, max] = extremes(cells, missing) ?? [0, 0];
  return { kind: 'integer', min, max };
}

function dateType(...[cells, missing]: Parameters<typeof extremes>): VariableType {
  const range = extremes(cells, missing);
  return { kind: 'date', ...(range && { range }) };
}

function textual(maxLength: number, bytesMin: number): fc.Arbitrary<Column> {
  return fc
    .record({
      name: words(40),
      label,
      valueLabels: fc.constant([]),
      missing: fc.constant([]),
      cells: cellsOf(words(maxLength)),
    })
    .map(({ cells, ...fields }) => ({ variable: { type: textType(cells, bytesMin), ...fields }, cells }));
}

const numbers = [
  ...[8, 120, 33_000, 2_147_483_620, Number.MAX_SAFE_INTEGER].map((max) =>
    numeric(integerType, fc.integer({ min: -max, max })),
  ),
  numeric(() => ({ kind: 'number', decimals: null }), fc.double({ noNaN: true, noDefaultInfinity: true, max: 8e307 })),
  numeric(() => ({ kind: 'boolean' }), fc.nat({ max: 1 })),
  numeric(dateType, fc.integer({ min: -719_162, max: 2_932_896 })),
  numeric(dateType, fc.integer({ min: -2_147_483_646, max: 2_147_483_646 })),
  numeric(() => ({ kind: 'timestamp' }), fc.integer({ min: -9_000_000_000_000, max: 9_000_000_000_000 })),
  numeric(() => ({ kind: 'time' }), fc.integer({ min: 0, max: 86_400 })),
];
const column = fc.oneof(...numbers, textual(10, 0), textual(300, 0), textual(3000, 0), textual(40, 2046));
/** Of which a table may have many. */
const shortColumn = fc.oneof(...numbers, textual(10, 0), textual(100, 0), textual(20, 2046));

describe('a file of Stata', () => {
  it.each([
    ['whatever is in it', fc.array(column, { minLength: 1, maxLength: 12 }), 200],
    ['however wide it is', manyColumns(shortColumn, { min: 200, max: 1000 }), 4],
  ] as const)('means the same to pandas and ReadStat as the table, %s', async (_, tables, numRuns) => {
    await fc.assert(
      fc.asyncProperty(tables, async (columns) => {
        const { path, names } = await written(columns, ROWS);
        const letters = lettersOf(columns);
        const byName = <T>(value: (column: Column) => T) =>
          Object.fromEntries(columns.map((each, at) => [names[at], value(each)]));
        const { pandas, readstat } = await reader.read(path);
        for (const found of [pandas, readstat]) {
          expect(found.title).toBe('Things');
          expect(found.labels).toEqual(byName((each) => each.variable.label));
          expect(found.values).toEqual(byName((each) => expectedValues(each, letters)));
          const labels = byName((each) => expectedLabels(each.variable, letters));
          for (const [name, expected] of Object.entries(labels)) {
            const set = new Map<unknown, string>(Object.entries(found.labelSets)).get(name);
            expect(set === undefined ? {} : found.valueLabels[set]).toEqual(expected);
          }
        }
      }),
      { numRuns },
    );
  });

  it('may have no rows', async () => {
    const columns = [{ variable: variable({ name: 'a', type: { kind: 'boolean' } }), cells: [] }];
    const { path } = await written(columns, 0);
    const { pandas, readstat } = await reader.read(path);
    for (const { values } of [pandas, readstat]) expect(values).toEqual({ a: [] });
  });

  it('may have 33,000 variables', async () => {
    const kinds: readonly VariableType[] = [
      { kind: 'integer', min: 1, max: 1000 },
      { kind: 'text', bytes: 4 },
      { kind: 'date' },
    ];
    const columns = Array.from({ length: 33_000 }, (_, at): Column => {
      const type = kinds[at % 3] ?? { kind: 'boolean' };
      const label = `Question ${at}`;
      return {
        variable: variable({ name: `q${at}`, label, type }),
        cells: [1, 2].map((n) => (type.kind === 'text' ? 'é'.repeat(n) : n)),
      };
    });
    const { path, names } = await written(columns, 2);
    const last = names.slice(-3).map((name) => columns[names.indexOf(name)]);
    const { readstat } = await reader.read(path, 'readstat');
    expect(Object.keys(readstat.values)).toEqual(names);
    expect(names.slice(-3).map((name) => readstat.values[name])).toEqual(
      last.map((each) => each && expectedValues(each, () => '')),
    );
    expect(readstat.labels[names.at(-1) ?? '']).toBe('Question 32999');
  });

  // ReadStat, and with it pyreadstat and haven, has not the memory that labels of so many variables take.
  it('means the same to pandas with 100,000 variables', async () => {
    const columns = manyColumns(fc.oneof(...numbers, textual(8, 0)), { min: 100_000, max: 100_000 });
    await fc.assert(
      fc.asyncProperty(columns, async (columns) => {
        const { path, names } = await written(columns, 3);
        const { sample } = await reader.read(path, 'sample');
        expect(Object.keys(sample.labels)).toEqual(names);
        expect(Object.values(sample.labels)).toEqual(columns.map((each) => each.variable.label));
        const letters = lettersOf(columns);
        const read = columns.flatMap(({ variable, cells }, at) =>
          at % 50 === 0 ? [[names[at], expectedValues({ variable, cells: cells.slice(0, 3) }, letters)]] : [],
        );
        expect(read).toHaveLength(2000);
        expect(sample.values).toEqual(Object.fromEntries(read));
      }),
      { numRuns: 1, endOnFailure: true },
    );
  });

  it('has long texts where pandas looks for them in format 119', async () => {
    const text = { kind: 'text', bytes: 3000, total: { values: 2, bytes: 3002 } } as const;
    const columns = Array.from({ length: 32_768 }, (_, at): Column => {
      const isText = at === 32_767;
      return {
        variable: variable({ name: `v${at}`, type: isText ? text : { kind: 'boolean' } }),
        cells: isText ? ['é', null, `${'x'.repeat(2999)}ü`.slice(1)] : [0, 1, 1],
      };
    });
    const { path } = await written(columns, 3);
    const { pandas } = await reader.read(path, 'pandas');
    expect(pandas.values.v32767).toEqual(['é', '', `${'x'.repeat(2998)}ü`]);
  });

  it('is read by haven without a warning', async () => {
    const missing = [{ value: -999_999_999, label: 'Not answered' }];
    const valueLabels = [{ value: 1, label: 'Nein, いいえ' }];
    const columns: readonly Column[] = [
      {
        variable: variable({
          name: 'consent',
          label: 'Größe?',
          type: { kind: 'integer', min: 1, max: 1 },
          valueLabels,
          missing,
        }),
        cells: [1, -999_999_999, null],
      },
      {
        variable: variable({ name: 'essay', type: { kind: 'text', bytes: 3000, total: { values: 2, bytes: 3003 } } }),
        cells: ['é'.repeat(1500), '', 'xyz'],
      },
      { variable: variable({ name: 'born', type: { kind: 'date' } }), cells: [20_541, null, -135_140] },
      { variable: variable({ name: 'at', type: { kind: 'timestamp' } }), cells: [1_774_749_600, null, 0] },
    ];
    const { path } = await written(columns, 3);
    const script = `
      options(warn = 2); library(haven)
      d <- read_dta(commandArgs(TRUE)[1])
      cat(attr(d, "label"), attr(d$consent, "label"), names(attr(d$consent, "labels")), na_tag(d$consent), nchar(d$essay), sep = "\\n")
      cat(format(d$born), format(d$at), sep = "\\n")`;
    const { stdout, stderr } = await execa('Rscript', ['-e', script, path], { env: { LC_ALL: 'C.UTF-8' } });
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([
      ...['Things', 'Größe?', 'Nein, いいえ', 'Not answered', 'NA', 'a', 'NA', '1500', '0', '3'],
      ...['2026-03-29', 'NA', '1600-01-01', '2026-03-29 02:00:00', 'NA', '1970-01-01 00:00:00'],
    ]);
  });
});

it.each([
  ['short', 60],
  ['long', 3000],
] as const)('takes no more memory for more rows of %s texts', async (_, textBytes) => {
  await expectFlatMemory({ module: 'dta.ts', encode: 'encodeDta', options: { directory }, textBytes });
});
