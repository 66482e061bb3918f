import { type DuckDBType, DuckDBTypeId as Id } from '@duckdb/node-api';
import { literal } from './sql-text.ts';

/** Years in this range have four digits, those outside a sign and at least six. Source: ECMA-262, Expanded Years. */
const FOUR_DIGITS = { first: '0001-01-01', last: '9999-12-31' } as const;

/** Types that are points in time. The session's time zone is UTC, and a time without zone is UTC. */
export const TIMESTAMPS: readonly Id[] = [
  Id.TIMESTAMP,
  Id.TIMESTAMP_TZ,
  Id.TIMESTAMP_S,
  Id.TIMESTAMP_MS,
  Id.TIMESTAMP_NS,
];

/**
 * `2012-09-05T11:12:47.000000Z`, with nine decimals if the warehouse keeps nanoseconds, and `-000043-03-15T…` and
 * `+010000-01-01T…` for years before 1 and after 9999. `infinity` and `-infinity` are written so.
 *
 * @param value SQL of one of {@link TIMESTAMPS} or DATE
 * @returns SQL of a text
 */
export function timestampText(value: string, actual: DuckDBType): string {
  if (actual.typeId === Id.TIMESTAMP_NS) {
    // In one format with other fields, DuckDB 1.5 writes `%n` behind a cut `%f`.
    const text = `strftime(${value}, ${literal('%Y-%m-%dT%H:%M:%S.')}) || strftime(${value}, '%n') || 'Z'`;
    return `CASE WHEN isfinite(${value}) THEN ${text} ELSE CAST(${value} AS VARCHAR) END`;
  }
  const isDirect = actual.typeId === Id.TIMESTAMP || actual.typeId === Id.TIMESTAMP_TZ;
  const time = isDirect ? value : `CAST(${value} AS TIMESTAMP)`;
  const hasZone = actual.typeId === Id.TIMESTAMP_TZ;
  const [type, zone] = hasZone ? ['TIMESTAMPTZ', '+00'] : ['TIMESTAMP', ''];
  const { first, last } = FOUR_DIGITS;
  const isShort = `${time} BETWEEN ${type} '${first} 00:00:00${zone}' AND ${type} '${last} 23:59:59.999999${zone}'`;
  // Of a TIMESTAMPTZ before the common era, DuckDB returns the year of the era.
  const year = `year(${hasZone ? `CAST(${time} AS TIMESTAMP)` : time})`;
  const inUtc = '%m-%dT%H:%M:%S.%fZ';
  return withYear(time, isShort, `strftime(${time}, ${literal(`%Y-${inUtc}`)})`, year, inUtc);
}

/** As {@link timestampText}, of a DATE: `2012-09-05`. */
export function dateText(value: string): string {
  const { first, last } = FOUR_DIGITS;
  const isShort = `${value} BETWEEN DATE '${first}' AND DATE '${last}'`;
  return withYear(value, isShort, `CAST(${value} AS VARCHAR)`, `year(${value})`, '%m-%d');
}

function withYear(value: string, isShort: string, short: string, year: string, rest: string): string {
  const text = `format('{:+07d}', ${year}) || strftime(${value}, ${literal(`-${rest}`)})`;
  const long = `CASE WHEN isfinite(${value}) THEN ${text} ELSE CAST(${value} AS VARCHAR) END`;
  return `CASE WHEN ${isShort} THEN ${short} ELSE ${long} END`;
}
