import { DOUBLE, DuckDBDecimalType, type DuckDBType, DuckDBTypeId as Id, VARCHAR } from '@duckdb/node-api';
import type { Values } from './bindings.ts';
import { type Comparison, NEVER } from './comparison.ts';
import { exactNumber, numberRange, roundTo } from './exact-number.ts';
import { literal } from './sql-text.ts';

/**
 * Compares whole and decimal numbers: a value is rounded and bounded so that the column's type has it.
 *
 * @returns `undefined` for other types
 */
export function exactComparison(sql: string, type: DuckDBType, values: Values): Comparison | undefined {
  const range = numberRange(type);
  if (!range) return undefined;
  const { scale, min, max, valueFor } = range;
  const sqlOf = (digits: bigint) => values.add(valueFor(digits), type);
  const exactly = (value: string) => {
    const { down, up } = roundTo(scale, exactNumber(value));
    return down === up && down >= min && down <= max ? [down] : [];
  };
  return {
    eq: (value) => exactly(value).map((digits) => `${sql} = ${sqlOf(digits)}`)[0] ?? NEVER,
    in: (list) => {
      const digits = list.flatMap(exactly);
      return digits.length === 0 ? NEVER : `${sql} IN (${digits.map(sqlOf).join(', ')})`;
    },
    from: (value) => {
      const { up } = roundTo(scale, exactNumber(value));
      if (up > max) return NEVER;
      return up <= min ? `${sql} IS NOT NULL` : `${sql} >= ${sqlOf(up)}`;
    },
    to: (value) => {
      const { down } = roundTo(scale, exactNumber(value));
      if (down < min) return NEVER;
      return down >= max ? `${sql} IS NOT NULL` : `${sql} <= ${sqlOf(down)}`;
    },
  };
}

/** Digits that a double keeps of every decimal number. */
const EXACT_DIGITS = 15;
const SMALL_INTEGERS: readonly Id[] = [Id.TINYINT, Id.SMALLINT, Id.INTEGER, Id.UTINYINT, Id.USMALLINT, Id.UINTEGER];

/**
 * Compares what is exported as a double: a FLOAT by its displayed digits, and other numbers as the double that they become. NaN is
 * greater than infinity, as in SQL.
 */
export function doubleComparison(sql: string, type: DuckDBType, values: Values): Comparison {
  const isExact = type instanceof DuckDBDecimalType ? type.width <= EXACT_DIGITS : SMALL_INTEGERS.includes(type.typeId);
  const exact = isExact ? exactComparison(sql, type, values) : undefined;
  const shown = type.typeId === Id.FLOAT ? `CAST(${sql} AS VARCHAR)` : sql;
  const double = type.typeId === Id.DOUBLE ? sql : `CAST(${shown} AS DOUBLE)`;
  const of = (value: string) => values.add(Number(value), DOUBLE);
  return {
    eq: (value) => {
      if (value === 'nan') return `isnan(${double})`;
      if (value.endsWith('inf')) return `(isinf(${double}) AND ${double} ${value === 'inf' ? '>' : '<'} ${of('0')})`;
      return exact ? exact.eq(value) : `${double} = ${of(value)}`;
    },
    from: exact?.from ?? ((value) => `${double} >= ${of(value)}`),
    to: exact?.to ?? ((value) => `${double} <= ${of(value)}`),
  };
}

/** Compares numbers of any length that the warehouse holds as text. What is no number equals none. */
export function digitComparison(sql: string, values: Values): Comparison {
  const isNumber = `regexp_full_match(${sql}, '-?[0-9]+(\\.[0-9]+)?')`;
  const isNegative = `(starts_with(${sql}, '-') AND regexp_matches(${sql}, '[1-9]'))`;
  const part = (pattern: string) => `regexp_extract(${sql}, ${literal(pattern)}, 1)`;
  const whole = part('^-?0*([0-9]+)(?:\\.|$)');
  // Numbers without sign are in the order of: how many digits before the point, which, and which behind it.
  const key = `ROW(length(${whole}), ${whole}, rtrim(${part('\\.([0-9]+)$')}, '0'))`;
  const read = (value: string) => {
    const isBelow = value.startsWith('-');
    const [before = '', behind = ''] = value.slice(isBelow ? 1 : 0).split('.');
    const texts = [before, behind].map((text) => values.add(text, VARCHAR)).join(', ');
    return { isBelow, key: `ROW(${before.length}::BIGINT, ${texts})` };
  };
  return {
    eq: (value) => {
      const one = read(value);
      return `(${isNumber} AND ${one.isBelow ? '' : 'NOT '}${isNegative} AND ${key} = ${one.key})`;
    },
    from: (value) => {
      const one = read(value);
      const isFrom = one.isBelow
        ? `(NOT ${isNegative} OR ${key} <= ${one.key})`
        : `(NOT ${isNegative} AND ${key} >= ${one.key})`;
      return `(${isNumber} AND ${isFrom})`;
    },
    to: (value) => {
      const one = read(value);
      const isTo = one.isBelow ? `(${isNegative} AND ${key} >= ${one.key})` : `(${isNegative} OR ${key} <= ${one.key})`;
      return `(${isNumber} AND ${isTo})`;
    },
  };
}
