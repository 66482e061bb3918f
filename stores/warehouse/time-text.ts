import { type DuckDBType, DuckDBTypeId as Id, TIMESTAMP } from '@duckdb/node-api';
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
 * @param zone an IANA time zone: written is its clock with the offset from UTC, `2012-09-05T13:12:47.000000+02:00`. `null`: UTC
 * @returns SQL of a text
 */
export function timestampText(value: string, actual: DuckDBType, zone: string | null = null): string {
  if (zone !== null) return zonedText(value, actual, zone);
  if (actual.typeId === Id.TIMESTAMP_NS) {
    // In one format with other fields, DuckDB 1.5 writes `%n` behind a cut `%f`.
    const text = `strftime(${value}, ${literal('%Y-%m-%dT%H:%M:%S.')}) || strftime(${value}, '%n') || 'Z'`;
    return `CASE WHEN isfinite(${value}) THEN ${text} ELSE CAST(${value} AS VARCHAR) END`;
  }
  const isDirect = actual.typeId === Id.TIMESTAMP || actual.typeId === Id.TIMESTAMP_TZ;
  const time = isDirect ? value : `CAST(${value} AS TIMESTAMP)`;
  const hasZone = actual.typeId === Id.TIMESTAMP_TZ;
  const [type, offset] = hasZone ? ['TIMESTAMPTZ', '+00'] : ['TIMESTAMP', ''];
  const { first, last } = FOUR_DIGITS;
  const isShort = `${time} BETWEEN ${type} '${first} 00:00:00${offset}' AND ${type} '${last} 23:59:59.999999${offset}'`;
  // Of a TIMESTAMPTZ before the common era, DuckDB returns the year of the era.
  const year = `year(${hasZone ? `CAST(${time} AS TIMESTAMP)` : time})`;
  const inUtc = '%m-%dT%H:%M:%S.%fZ';
  return withYear(time, isShort, `strftime(${time}, ${literal(`%Y-${inUtc}`)})`, year, inUtc);
}

/** Offsets of times before standard time, such as +00:53:28, have seconds; all others, hours and minutes. */
function zonedText(value: string, actual: DuckDBType, zone: string): string {
  const utc = utcClock(value, actual);
  const clock = clockIn(zone, value, actual);
  const seconds = `((epoch_us(${clock}) - epoch_us(${utc})) // 1000000)`;
  const [hours, minutes, rest] = [`abs(${seconds}) // 3600`, `abs(${seconds}) // 60 % 60`, `abs(${seconds}) % 60`];
  const offset = `CASE WHEN ${seconds} < 0 THEN '-' ELSE '+' END || format('{:02d}:{:02d}', ${hours}, ${minutes})`;
  const digits = actual.typeId === Id.TIMESTAMP_NS ? `right(strftime(${value}, '%n'), 3)` : `''`;
  const text = `rtrim(${timestampText(clock, TIMESTAMP)}, 'Z') || ${digits} || ${offset} || ${`CASE WHEN ${rest} > 0 THEN format(':{:02d}', ${rest}) ELSE '' END`}`;
  return `CASE WHEN isfinite(${value}) THEN ${text} ELSE CAST(${value} AS VARCHAR) END`;
}

/** @returns SQL of a TIMESTAMP: what a clock in the time zone shows */
export function clockIn(zone: string, value: string, actual: DuckDBType): string {
  const instant = actual.typeId === Id.TIMESTAMP_TZ ? value : `CAST(${utcClock(value, actual)} AS TIMESTAMPTZ)`;
  return `timezone(${literal(zone)}, ${instant})`;
}

/** @returns SQL of a TIMESTAMP: the time in UTC */
export function utcClock(value: string, { typeId }: DuckDBType): string {
  return typeId === Id.TIMESTAMP ? value : `CAST(${value} AS TIMESTAMP)`;
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
