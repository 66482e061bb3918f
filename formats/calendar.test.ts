import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { valueText } from './calendar.ts';
import { encodeDta } from './dta.ts';
import { encodeSav } from './sav.ts';
import type { Range, VariableType } from './table.ts';
import { chunksOf, collect, tableOf, variable } from './table-fixture.ts';

const day = (text: string) => Date.parse(text) / 86_400_000;
const second = (text: string) => Date.parse(text) / 1000;

function encoded(program: 'SPSS' | 'Stata', type: VariableType, value: number) {
  const variables = [variable({ name: 'v', type })];
  const [table, chunks] = [tableOf(variables, 1), chunksOf(variables, [[value]])];
  return program === 'SPSS'
    ? encodeSav(table, chunks, { compression: 'rows' })
    : encodeDta(table, chunks, { directory: tmpdir() });
}

/** Of a variable of the kind, but for what SPSS says of each timestamp. */
function notesOf(program: 'SPSS' | 'Stata', kind: 'date' | 'timestamp' | 'time', range: Range): readonly string[] {
  return encoded(program, { kind, range }, 0).notes.filter((note) => note.startsWith('v:'));
}

const shown = { SPSS: 'SPSS shows dates from 1582-10-14', Stata: 'Stata shows dates from 0100-01-01' };
const units = {
  SPSS: { date: 'seconds', timestamp: 'seconds' },
  Stata: { date: 'days', timestamp: 'milliseconds' },
};

it.each([
  ['SPSS', '1582-10-14', '9999-12-31', null],
  ['SPSS', '1582-10-13', '2020-01-01', 'v: values are from 1582-10-13 to 2020-01-01.'],
  ['SPSS', '2020-01-01', '+010000-01-01', 'v: values are from 2020-01-01 to +010000-01-01.'],
  ['Stata', '0100-01-01', '9999-12-31', null],
  ['Stata', '0099-12-31', '2020-01-01', 'v: values are from 0099-12-31 to 2020-01-01.'],
  ['Stata', '-000043-03-15', '+010000-01-01', 'v: values are from -000043-03-15 to +010000-01-01.'],
] as const)('dates that %s does not show are noted: %s to %s', (program, least, greatest, note) => {
  const rest = `${shown[program]} to 9999-12-31; the file has the others as numbers of`;
  expect(notesOf(program, 'date', [day(least), day(greatest)])).toEqual(
    note === null ? [] : [`${note} ${rest} ${units[program].date}.`],
  );
  const times = notesOf(program, 'timestamp', [second(least), second(greatest) + 86_399.5]);
  expect(times.filter((one) => !one.includes('fractions'))).toEqual(
    note === null ? [] : [`${note} ${rest} ${units[program].timestamp}.`],
  );
});

it('dates beyond those of JavaScript have a year', () => {
  expect(notesOf('Stata', 'date', [0, 2_147_483_646])).toEqual([
    'v: values are from 1970-01-01 to the year 5881580. Stata shows dates from 0100-01-01 to 9999-12-31; the file has the others as numbers of days.',
  ]);
});

it.each([
  ['SPSS', '0501-01-01', '2600-12-31', null],
  ['SPSS', '0499-01-01', '2020-01-01', 'year 500 and after 2600'],
  ['SPSS', '2020-01-01', '9999-12-31', 'year 500 and after 2600'],
  ['Stata', '1701-01-01', '2200-12-30', null],
  ['Stata', '1699-01-01', '2020-01-01', 'year 1700 and after 2200'],
  ['Stata', '2020-01-01', '9999-12-31', 'year 1700 and after 2200'],
] as const)('times that %s rounds are noted: %s to %s', (program, least, greatest, years) => {
  const notes = notesOf(program, 'timestamp', [second(least), second(greatest)]);
  const rounded = `v: fractions of a second are rounded in times before the ${years}, by less than 40 microseconds in the year 9999.`;
  expect(notes.filter((note) => note.includes('fractions'))).toEqual(years === null ? [] : [rounded]);
});

// The years between which nothing is rounded more than is said, and the most that is said of the year 9999.
it.each([
  ['SPSS', 500, 2],
  ['SPSS', 2600, 2],
  ['SPSS', 9999, 40],
  ['Stata', 1700, 0.5],
  ['Stata', 2200, 0.5],
  ['Stata', 9999, 40],
] as const)('%s has times of the year %d to %d microseconds', async (program, year, microsecondsMax) => {
  const millisecond = Date.UTC(2000, 0, 1) + (year - 2000) * 31_556_952_000;
  const since = Date.parse(program === 'SPSS' ? '1582-10-14' : '1960-01-01');
  const perSecond = program === 'SPSS' ? 1 : 1000;
  for (const microsecond of [1, 499_999, 999_999]) {
    const value = Math.floor(millisecond / 1000) + microsecond / 1e6;
    const file = await collect(encoded(program, { kind: 'timestamp' }, value).bytes);
    const at = program === 'SPSS' ? file.length - 8 : file.indexOf('<data>') + 6;
    const whole = (BigInt(Math.floor(millisecond / 1000)) - BigInt(since / 1000)) * BigInt(perSecond);
    // Exact: both have the same exponent, or nearly so.
    const microseconds = (file.readDoubleLE(at) - Number(whole)) * (1e6 / perSecond);
    expect(Math.abs(microseconds - microsecond)).toBeLessThanOrEqual(microsecondsMax);
  }
});

it('midnight at the end of a day is noted for Stata, which shows times of a day', () => {
  expect(notesOf('Stata', 'time', [0, 86_399.999999])).toEqual([]);
  expect(notesOf('Stata', 'time', [0, 86_400])).toEqual([
    'v: 24:00:00 is in the file as 86,400,000 milliseconds, which Stata shows as 00:00:00.',
  ]);
  expect(notesOf('SPSS', 'time', [0, 86_400])).toEqual([]);
});

it('dates that four bytes do not hold are written as doubles', async () => {
  const greatest = 2_147_483_646;
  const file = await collect(encoded('Stata', { kind: 'date', range: [greatest, greatest] }, greatest).bytes);
  expect(file.readDoubleLE(file.indexOf('<data>') + 6)).toBe(greatest + 3653);
});

it.each<[VariableType['kind'], number, string]>([
  ['date', day('9999-12-31'), '9999-12-31'],
  ['timestamp', second('9999-12-31'), '9999-12-31'],
  ['timestamp', second('2016-05-20T09:30:00Z'), '2016-05-20T09:30:00'],
  ['timestamp', second('2016-05-20T09:30:00.250Z'), '2016-05-20T09:30:00.250'],
  ['time', 86_399, '23:59:59'],
  ['integer', -999_999_999, '-999999999'],
  ['number', -1.5, '-1.5'],
])('a %s of %d is spelled %s', (kind, value, spelled) => {
  expect(valueText({ kind } as VariableType, value)).toBe(spelled);
});
