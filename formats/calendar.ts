import type { Range, Variable, VariableType } from './table.ts';

/** Dates and times as a program has them. */
export interface Calendar {
  readonly program: string;
  /** Days that are shown as dates, since 1970-01-01. */
  readonly first: number;
  readonly last: number;
  /** Years whose times are exact: to the microsecond, unless the program has less for all of them. */
  readonly exactYears: Range;
  /** What the numbers of other dates and times count. */
  readonly units: Readonly<Record<'date' | 'timestamp', string>>;
}

const DAY_SECONDS = 86_400;
const YEAR_DAYS = 365.2425;

/** @returns sentences on dates that the program does not show, and on times that its numbers round */
export function calendarNotes(name: string, { type }: Variable, calendar: Calendar): readonly string[] {
  if ((type.kind !== 'date' && type.kind !== 'timestamp') || !type.range) return [];
  const { program, first, last, exactYears, units } = calendar;
  const [least, greatest] = type.range.map((value) =>
    type.kind === 'date' ? value : Math.floor(value / DAY_SECONDS),
  ) as unknown as Range;
  const notes: string[] = [];
  if (least < first || greatest > last) {
    notes.push(
      `${name}: values are from ${dayText(least)} to ${dayText(greatest)}. ${program} shows dates from ${dayText(first)} to ${dayText(last)}; the file has the others as numbers of ${units[type.kind]}.`,
    );
  }
  const [from, to] = exactYears;
  if (type.kind === 'timestamp' && (yearOf(least) < from || yearOf(greatest) > to)) {
    notes.push(
      `${name}: fractions of a second are rounded in times before the year ${from} and after ${to}, by less than 40 microseconds in the year 9999.`,
    );
  }
  return notes;
}

function yearOf(days: number): number {
  return Math.floor(1970 + days / YEAR_DAYS);
}

/** @returns for example `2026-03-29`; a year where `Date` has no day */
function dayText(days: number): string {
  const date = new Date(days * DAY_SECONDS * 1000);
  return Number.isNaN(date.getTime()) ? `the year ${yearOf(days)}` : (date.toISOString().split('T')[0] ?? '');
}

/** @returns a value as catalogs spell it: for example `9999-12-31` for a date, and for the midnight at which it begins */
export function valueText({ kind }: VariableType, value: number | string): string {
  const number = Number(value);
  if (kind === 'date') return Number.isInteger(number) ? dayText(number) : String(value);
  if (kind !== 'timestamp' && kind !== 'time') return String(value);
  const instant = new Date(Math.round(number * 1000));
  if (Number.isNaN(instant.getTime())) return String(value);
  const [day = '', clock = ''] = instant
    .toISOString()
    .replace(/(?:\.000)?Z$/, '')
    .split('T');
  if (kind === 'time') return clock;
  return clock === '00:00:00' ? day : `${day}T${clock}`;
}
