import type { ColumnType } from '../../config/dataset.ts';
import type { FilterValue } from '../../contracts/filter.ts';
import { parseInstant } from '../../contracts/instant.ts';

/** What a filter may do with a column of some type. */
interface Comparison {
  readonly hasRange: boolean;
  /** What a value should be, as a sentence. */
  readonly expected: string;
  /** @returns the value in the form in which it is recorded, or `undefined` if it is none of the type */
  readonly parse: (value: unknown) => FilterValue | undefined;
}

const TEXT_LENGTH_MAX = 500;
const DIGITS_MAX = 100;
/** Digits that every number of JSON keeps when JavaScript reads it. */
const EXACT_DIGITS = 15;

/** @returns `undefined`: values of the type are not compared */
export function comparisonOf(type: ColumnType): Comparison | undefined {
  switch (type) {
    case 'boolean':
      return { hasRange: false, expected: 'Should be true or false.', parse: parseBoolean };
    case 'integer':
      return { hasRange: true, expected: 'Should be a whole number; beyond 2^53, as a text.', parse: parseInteger };
    case 'decimal':
      return {
        hasRange: true,
        expected: 'Should be a decimal number, as a text such as "12.50".',
        parse: parseDecimal,
      };
    case 'double':
      return { hasRange: true, expected: 'Should be a number.', parse: parseDouble };
    case 'text':
      return {
        hasRange: true,
        expected: `Should be a text of at most ${TEXT_LENGTH_MAX} characters.`,
        parse: parseText,
      };
    case 'date':
      return { hasRange: true, expected: 'Should be a date such as 2012-09-05.', parse: parseDate };
    case 'time':
      return { hasRange: true, expected: 'Should be a time of day such as 11:12:47.', parse: parseTime };
    case 'timestamp':
      return {
        hasRange: true,
        expected: 'Should be a time in ISO 8601, such as 2012-09-05T11:12:47Z.',
        parse: parseTimestamp,
      };
    case 'uuid':
      return { hasRange: false, expected: 'Should be a UUID.', parse: parseUuid };
    case 'json':
    case 'binary':
      return undefined;
  }
}

function parseBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

function parseInteger(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value).toString() : undefined;
  return isText(value) && new RegExp(`^-?\\d{1,${DIGITS_MAX}}$`).test(value) ? BigInt(value).toString() : undefined;
}

function parseDecimal(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (!isText(text)) return undefined;
  const [, minus = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === '' || whole.length + fraction.length > (text === value ? DIGITS_MAX : EXACT_DIGITS)) return undefined;
  const digits = `${BigInt(whole)}${fraction.replace(/0+$/, '').replace(/^(?=.)/, '.')}`;
  return digits === '0' ? '0' : minus + digits;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,4})?$/i;
/** As CSV has them. */
const NOT_FINITE = ['nan', 'inf', '-inf'];

function parseDouble(value: unknown): string | undefined {
  if (isText(value) && NOT_FINITE.includes(value.toLowerCase())) return value.toLowerCase();
  const number = isText(value) && value.length <= DIGITS_MAX && NUMBER.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined;
  return String(number);
}

function parseText(value: unknown): string | undefined {
  if (!isText(value) || value.length > TEXT_LENGTH_MAX || !value.isWellFormed()) return undefined;
  // No text of PostgreSQL contains it.
  return value.includes('\0') ? undefined : value;
}

function parseDate(value: unknown): string | undefined {
  return isText(value) && /^\d{4}-\d{2}-\d{2}$/.test(value) && parseInstant(value) !== undefined ? value : undefined;
}

function parseTime(value: unknown): string | undefined {
  if (!isText(value)) return undefined;
  const [, minutes, seconds = ':00', fraction = ''] =
    /^((?:[01]\d|2[0-3]):[0-5]\d)(:[0-5]\d)?(\.\d{1,6})?$/.exec(value) ?? [];
  return minutes && minutes + seconds + fraction.replace(/\.?0+$/, '');
}

function parseTimestamp(value: unknown): string | undefined {
  return isText(value) && value.length <= 64 ? parseInstant(value) : undefined;
}

function parseUuid(value: unknown): string | undefined {
  return isText(value) && /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value) ? value.toLowerCase() : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
