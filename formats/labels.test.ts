import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DoFile, readDoFile } from './do-file-reader.ts';
import { importScript, labelsScript, type TabTable } from './labels.ts';
import type { Variable, VariableType } from './table.ts';

const table = (variables: readonly Variable[], names = variables.map(({ name }) => name)): TabTable => ({
  ...{ name: 'members', variables, names },
});
const of = (name: string, type: VariableType, rest: Partial<Variable> = {}): Variable => ({
  ...{ name, label: `Label of ${name}`, type, valueLabels: [], missing: [] },
  ...rest,
});

const INTEGER: VariableType = { kind: 'integer', min: -999_999_999, max: 99 };
const UNANSWERED = [{ value: -999_999_999, label: 'Not answered' }];
const SEX = of('sex', INTEGER, {
  valueLabels: [{ value: 1, label: 'Female' }, { value: 2, label: 'Male' }, ...UNANSWERED],
  missing: UNANSWERED,
});

test('the first script is the one that is documented', () => {
  const key = of(
    'interview__key',
    { kind: 'text', bytes: 11 },
    { label: 'Interview key (identifier in XX-XX-XX-XX format)' },
  );
  const sex = { ...SEX, valueLabels: SEX.valueLabels.slice(0, 2) };
  expect(labelsScript(table([key, sex])).split('\r\n')).toEqual([
    'clear',
    'insheet using "members.tab", tab case names',
    '',
    `label variable interview__key \`"Interview key (identifier in XX-XX-XX-XX format)"'`,
    '',
    `label define sex 1 \`"Female"' 2 \`"Male"' `,
    'label values sex sex',
    `label variable sex \`"Label of sex"'`,
    '',
  ]);
});

test('the second one reads texts, numbers, dates and missing values as they are', () => {
  const variables = [
    of('id', { kind: 'text', bytes: 19 }, { missing: [{ value: '##N/A##', label: 'Not answered' }] }),
    SEX,
    of('score', { kind: 'number', decimals: null }),
    of('born', { kind: 'date' }, { missing: [{ value: 2_932_896, label: 'Not answered' }] }),
    of('met_at', { kind: 'timestamp' }),
    of('rises', { kind: 'time' }),
  ];
  expect(importScript(table(variables)).split('\r\n')).toEqual([
    '* Reads members.tab. Needs Stata 14 or later.',
    'version 14',
    'clear',
    'import delimited using "members.tab", delimiters("\\t") varnames(1) case(preserve) encoding("utf-8") bindquotes(nobind) stripquotes(no) stringcols(_all)',
    'unab columns : _all',
    "rename (`columns') ( ///",
    '  id sex score born met_at rises ///',
    ')',
    'destring ///',
    '  score ///',
    ', replace',
    '',
    'replace id = "" if id == "##N/A##"',
    '* id: Stata has one missing text, the empty one, which texts that were not answered become.',
    `label variable id \`"Label of id"'`,
    '',
    'capture assert strlen(subinstr(subinstr(sex, "-", "", 1), ".", "", 1)) <= 15',
    'if _rc == 0 destring sex, replace',
    'capture mvdecode sex, mv(-999999999=.a)',
    `label define sex .a \`"Not answered"' 1 \`"Female"' 2 \`"Male"' `,
    'capture label values sex sex',
    `label variable sex \`"Label of sex"'`,
    '',
    `label variable score \`"Label of score"'`,
    '',
    'generate double waybill_value = daily(born, "YMD")',
    'replace waybill_value = .a if born == "##N/A##"',
    'order waybill_value, after(born)',
    'drop born',
    'rename waybill_value born',
    'format born %td',
    `label define born .a \`"Not answered"' `,
    'label values born born',
    `label variable born \`"Label of born"'`,
    '',
    'generate double waybill_value = clock(subinstr(met_at, "T", " ", 1), "YMDhms")',
    'order waybill_value, after(met_at)',
    'drop met_at',
    'rename waybill_value met_at',
    'format met_at %tc',
    `label variable met_at \`"Label of met_at"'`,
    '',
    'generate double waybill_value = clock(rises, "hms")',
    'order waybill_value, after(rises)',
    'drop rises',
    'rename waybill_value rises',
    'format rises %tcHH:MM:SS',
    `label variable rises \`"Label of rises"'`,
    '',
  ]);
});

test('letters of missing values are those of a .dta file: one for one meaning in all variables', () => {
  const refused = { value: -7, label: 'Refused' };
  const variables = [
    of('age', INTEGER, { missing: [...UNANSWERED, refused] }),
    of('sex', INTEGER, { missing: [refused] }),
    of('born', { kind: 'date' }, { missing: [{ value: 2_932_896, label: 'Refused' }] }),
  ];
  const script = importScript(table(variables));
  expect(script).toContain('mvdecode age, mv(-999999999=.a \\ -7=.b)\r\n');
  expect(script).toContain('mvdecode sex, mv(-7=.b)\r\n');
  expect(script).toContain('replace waybill_value = .b if born == "##N/A##"\r\n');
  const read = readDoFile(script).valueLabels;
  expect(Object.fromEntries([...read].map(([name, set]) => [name, Object.fromEntries(set)]))).toEqual({
    age: { '.a': 'Not answered', '.b': 'Refused' },
    sex: { '.b': 'Refused' },
    born: { '.b': 'Refused' },
  });
});

test('labels that Stata cannot have are named in comments', () => {
  const label = 'x';
  const valueLabels = [1, 1.5, 2_147_483_621].map((value) => ({ value, label }));
  const variables = [
    of('score', { kind: 'number', decimals: null }, { valueLabels }),
    of('many', INTEGER, { missing: Array.from({ length: 28 }, (_, at) => ({ value: -1 - at, label: `${at}` })) }),
    of('city', { kind: 'text', bytes: 9 }, { valueLabels: [{ value: 'a', label }] }),
    of(
      'born',
      { kind: 'date' },
      {
        valueLabels: [{ value: 1, label }],
        missing: [2, 3].map((value) => ({ value, label: `${value}` })),
      },
    ),
  ];
  const comments = (script: string) => script.split('\r\n').filter((line) => /^\* \w+:/.test(line));
  const fractions = '* score: Stata labels whole numbers from -2147483647 to 2147483620, and not: 1.5, 2147483621.';
  const texts = (name: string) => `* ${name}: Stata has no labels for values of texts; labels left out: 1.`;
  expect(comments(labelsScript(table(variables)))).toEqual([fractions, texts('city'), texts('born')]);
  expect(comments(importScript(table(variables)))).toEqual([
    fractions,
    '* many: Stata has 26 missing values besides its own; these stay numbers: -27, -28.',
    texts('city'),
    '* born: 2 missing values are one text in the file, and all become .a.',
  ]);
  expect([...readDoFile(labelsScript(table(variables))).valueLabels.keys()]).toEqual(['score']);
  const imported = readDoFile(importScript(table(variables))).valueLabels;
  expect([imported.get('many')?.get('-28'), imported.get('born')?.get('3654')]).toEqual(['27', 'x']);
});

test('a column whose name Stata does not take is left out of the first script, and renamed by the second', () => {
  const renamed = table([of('byte', INTEGER), SEX], ['v_byte', 'sex']);
  expect(labelsScript(renamed)).toContain('* Column 1 is read by members-import.do');
  expect(readDoFile(labelsScript(renamed)).variableLabels.has('byte')).toBe(false);
  expect(readDoFile(importScript(renamed)).columns).toEqual(['v_byte', 'sex']);
});

test('a variable may have the name of the column on the way', () => {
  const variables = [of('waybill_value', { kind: 'date' }), of('WAYBILL_VALUE_', { kind: 'date' })];
  expect(readDoFile(importScript(table(variables))).columns).toEqual(['waybill_value', 'WAYBILL_VALUE_']);
});

test('each variable needs a name', () => {
  expect(() => importScript(table([SEX], []))).toThrow(RangeError);
});

/** Labels of every kind that could break a line, a string or a macro, among arbitrary text. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      ...'`\'"$/*\\{}();,.=#~\n\r\t\0 a',
      '\u2028',
      '"\'',
      '`"',
      '//',
      '/*',
      '*/',
      '///',
      'é',
      '😀',
    ),
    maxLength: 20,
  }),
  fc.constantFrom(
    '',
    '"',
    "'",
    '`',
    "`x'",
    '$S_DATE',
    '"\'',
    '`"',
    'a "b" c',
    'ends in "',
    "'begins",
    'http://x',
    "\\`x'",
    '\\$x',
  ),
);

const code = fc.oneof(
  fc.integer({ min: -5, max: 400 }),
  fc.constantFrom(-999_999_999, -2_147_483_647, 2_147_483_620, 2_147_483_621, 1.5, 1e21, 'text'),
);
const labels = (value: fc.Arbitrary<number | string>) =>
  fc.array(fc.record({ value, label: hostile }), { maxLength: 12 });
const kind: fc.Arbitrary<VariableType> = fc.constantFrom<VariableType>(
  ...[{ kind: 'text' as const, bytes: 9 }, INTEGER, { kind: 'number' as const, decimals: null }],
  ...(['boolean', 'date', 'timestamp', 'time'] as const).map((each) => ({ kind: each })),
);
const variables = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,30}z$/),
    label: hostile,
    type: kind,
    valueLabels: labels(code),
    missing: labels(fc.integer()),
  }),
  { selector: ({ name }) => name, maxLength: 30 },
);

describe('with hostile labels', () => {
  /** What Stata shows: NUL cannot be in a label, and lone surrogates cannot be in UTF-8. */
  const shown = (text: string) => text.toWellFormed().replaceAll('\0', '');
  const canLabel = (value: number | string) =>
    Number.isInteger(value) && Number(value) >= -2_147_483_647 && Number(value) <= 2_147_483_620;

  function check(read: DoFile, all: readonly Variable[]): void {
    expect([...read.variableLabels]).toEqual(all.map(({ name, label }) => [name, shown(label)]));
  }

  test('every line of the first script is Stata, and sets exactly these labels', () => {
    fc.assert(
      fc.property(variables, (all) => {
        const read = readDoFile(labelsScript(table(all)));
        check(read, all);
        for (const { name, type, valueLabels } of all) {
          const expected = new Map(
            valueLabels
              .filter(({ value, label }) => canLabel(value) && label !== '')
              .map(({ value, label }) => [String(value), shown(label)]),
          );
          const isNumber = type.kind === 'integer' || type.kind === 'number' || type.kind === 'boolean';
          expect(read.valueLabels.get(name) ?? new Map()).toEqual(isNumber ? expected : new Map());
        }
      }),
      { numRuns: 300 },
    );
  });

  test('and of the second, which ends with the columns in order', () => {
    fc.assert(
      fc.property(variables, (all) => {
        const read = readDoFile(importScript(table(all)));
        check(read, all);
        expect(read.columns).toEqual(all.map(({ name }) => name));
      }),
      { numRuns: 300 },
    );
  });
});

test('thousands of labels and columns are spread over commands', () => {
  const many = of('crop', INTEGER, {
    valueLabels: Array.from({ length: 1_001 }, (_, value) => ({ value, label: `Crop ${value}` })),
  });
  const wide = Array.from({ length: 1_001 }, (_, n) => of(`column_${n}`, INTEGER));
  const read = readDoFile(importScript(table([many, ...wide])));
  expect(read.valueLabels.get('crop')?.size).toBe(1_001);
  expect(read.columns.length).toBe(1_002);
});
