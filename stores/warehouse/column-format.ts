import { DuckDBDecimalType, type DuckDBType, DuckDBTypeId as Id } from '@duckdb/node-api';
import type { ColumnType } from '../../config/dataset.ts';
import type { FileFormat } from '../../contracts/order.ts';
import { jsonText } from './json-text.ts';
import { dateText, TIMESTAMPS, timestampText } from './time-text.ts';

/** Integers that any 64-bit JSON reader accepts. */
const INTEGERS: readonly Id[] = [
  Id.TINYINT,
  Id.SMALLINT,
  Id.INTEGER,
  Id.BIGINT,
  Id.UTINYINT,
  Id.USMALLINT,
  Id.UINTEGER,
];
/** Integers that may exceed 64 bits, signed; strings in JSON. */
const HUGE_INTEGERS: readonly Id[] = [Id.UBIGINT, Id.HUGEINT, Id.UHUGEINT, Id.BIGNUM];
const NESTED: readonly Id[] = [Id.LIST, Id.ARRAY, Id.STRUCT, Id.MAP, Id.UNION, Id.VARIANT];

/** Warehouse types that a catalog type accepts, besides those with their own formatting. */
const ACCEPTED: Readonly<Record<ColumnType, readonly Id[]>> = {
  boolean: [Id.BOOLEAN],
  integer: [...INTEGERS, ...HUGE_INTEGERS],
  decimal: [Id.DECIMAL, Id.VARCHAR, ...INTEGERS, ...HUGE_INTEGERS],
  double: [Id.DOUBLE, Id.FLOAT, Id.DECIMAL, ...INTEGERS],
  text: [Id.VARCHAR, Id.ENUM, Id.UUID, ...INTEGERS],
  date: [Id.DATE],
  time: [Id.TIME, Id.TIME_NS, Id.TIME_TZ],
  timestamp: [...TIMESTAMPS, Id.DATE],
  uuid: [Id.UUID, Id.VARCHAR],
  json: [Id.VARCHAR, ...NESTED],
  binary: [Id.BLOB],
};

/** Whether a warehouse type can be exported as the catalog's type. */
export function accepts(type: ColumnType, actual: DuckDBType): boolean {
  return ACCEPTED[type].includes(actual.typeId);
}

/** How a format represents values. */
type Values =
  /** As strings, the same as in CSV. */
  | 'texts'
  /** As strings without tabs and line ends; booleans are 1 and 0, and times have neither a fraction nor a zone. */
  | 'bare-texts'
  /** As JSON that readers with 64-bit integers and doubles read without loss: other numbers are strings. */
  | 'portable-json'
  /** As JSON with numbers of any precision. */
  | 'exact-json'
  /** In the format's native types. */
  | 'native';

const VALUES: Readonly<Record<FileFormat, Values>> = {
  csv: 'texts',
  jsonl: 'portable-json',
  json: 'texts',
  'typed-json': 'exact-json',
  'rows-json': 'portable-json',
  tab: 'bare-texts',
  xlsx: 'texts',
  parquet: 'native',
  sav: 'native',
  zsav: 'native',
  dta: 'native',
};

/**
 * @param value SQL of the column
 * @param actual its type in the warehouse, accepted by the catalog's type
 * @param timeZone in which timestamps are written as text; `null`: UTC
 * @returns SQL whose values DuckDB's writer of the format writes exactly
 */
export function formatColumn(
  value: string,
  type: ColumnType,
  actual: DuckDBType,
  format: FileFormat,
  timeZone: string | null = null,
): string {
  const formatted = formatValue(value, type, actual, VALUES[format], timeZone);
  // The JSON writer needs strings; the CSV writer converts by itself.
  return format === 'json' ? text(formatted) : formatted;
}

/**
 * Whether the value of {@link formatColumn} is JSON text: DuckDB's JSON writer would read it and write its numbers in
 * another way.
 */
export function isJsonText(type: ColumnType, actual: DuckDBType, format: FileFormat): boolean {
  switch (VALUES[format]) {
    case 'portable-json':
      return type === 'json';
    case 'exact-json':
      return type === 'json' || (type === 'decimal' && (actual.typeId === Id.VARCHAR || isWidestFraction(actual)));
    case 'texts':
    case 'bare-texts':
    case 'native':
      return false;
  }
}

function formatValue(
  value: string,
  type: ColumnType,
  actual: DuckDBType,
  values: Values,
  timeZone: string | null,
): string {
  switch (type) {
    case 'boolean':
      return values === 'bare-texts' ? `CAST(${value} AS TINYINT)` : value;
    case 'date':
      return values === 'native' ? value : dateText(value);
    case 'integer':
      return formatInteger(value, actual, values);
    case 'decimal':
      return formatDecimal(value, actual, values);
    case 'double':
      return formatDouble(value, actual, values);
    case 'text':
      return values === 'bare-texts' ? withoutSeparators(text(value, actual)) : text(value, actual);
    case 'time':
      return values === 'native' && actual.typeId === Id.TIME ? value : text(value);
    case 'timestamp':
      if (values === 'native') return instant(value, actual);
      // The fraction is always written, unless the time is infinite.
      return values === 'bare-texts'
        ? `split_part(${timestampText(value, actual, timeZone)}, '.', 1)`
        : timestampText(value, actual, timeZone);
    case 'uuid': {
      const uuid = actual.typeId === Id.VARCHAR ? `CAST(${value} AS UUID)` : value;
      return values === 'native' ? uuid : text(uuid);
    }
    case 'json':
      if (values === 'native') return `CAST(${jsonText(value, actual)} AS JSON)`;
      return values === 'bare-texts' ? withoutSeparators(jsonText(value, actual)) : jsonText(value, actual);
    case 'binary':
      return values === 'native' ? value : `to_base64(${value})`;
  }
}

function text(value: string, actual?: DuckDBType): string {
  return actual?.typeId === Id.VARCHAR ? value : `CAST(${value} AS VARCHAR)`;
}

function formatInteger(value: string, actual: DuckDBType, values: Values): string {
  // Parquet has at most 64-bit integers; DuckDB would write wider ones as doubles.
  const fits = !HUGE_INTEGERS.includes(actual.typeId) || (values === 'native' && actual.typeId === Id.UBIGINT);
  return fits || values === 'texts' || values === 'bare-texts' || values === 'exact-json' ? value : text(value);
}

function formatDecimal(value: string, actual: DuckDBType, values: Values): string {
  if (actual.typeId === Id.VARCHAR) return decimalText(value);
  if (values === 'portable-json') return text(value);
  if (!(actual instanceof DuckDBDecimalType)) return formatInteger(value, actual, values);
  if (values !== 'exact-json' || actual.scale < actual.width) return value;
  // DuckDB writes a decimal without whole digits as `.5`, which is not JSON.
  return isWidestFraction(actual)
    ? `regexp_replace(${text(value)}, '^(-?)\\.', '\\10.')`
    : `CAST(${value} AS DECIMAL(${actual.width + 1}, ${actual.scale}))`;
}

const DECIMAL_WIDTH_MAX = 38;

/** Numbers of any length, which a warehouse may hold as text: refused unless they are written as JSON writes numbers. */
function decimalText(value: string): string {
  const isNumber = `regexp_full_match(${value}, '-?(0|[1-9][0-9]*)(\\.[0-9]+)?')`;
  return `CASE WHEN ${value} IS NULL OR ${isNumber} THEN ${value} ELSE error('not a decimal number') END`;
}

/** Whether no wider type has room for a zero before the point. */
function isWidestFraction(actual: DuckDBType): boolean {
  return actual instanceof DuckDBDecimalType && actual.scale === actual.width && actual.width === DECIMAL_WIDTH_MAX;
}

/** JSON and statistics packages have no NaN and no infinity: null there, `nan`, `inf` and `-inf` in CSV. */
function formatDouble(value: string, actual: DuckDBType, values: Values): string {
  // Through text, a FLOAT keeps its displayed digits: 0.1, not 0.10000000149011612.
  const double = {
    [Id.DOUBLE]: value,
    [Id.FLOAT]: `CAST(CAST(${value} AS VARCHAR) AS DOUBLE)`,
  };
  const exact =
    actual.typeId === Id.DOUBLE || actual.typeId === Id.FLOAT ? double[actual.typeId] : `CAST(${value} AS DOUBLE)`;
  const mustBeFinite = values === 'portable-json' || values === 'exact-json' || values === 'bare-texts';
  return mustBeFinite ? `CASE WHEN isfinite(${exact}) THEN ${exact} END` : exact;
}

/** One space for each tab and line end, so that a line is a row. */
function withoutSeparators(value: string): string {
  return `translate(${value}, chr(9) || chr(10) || chr(13), '   ')`;
}

/** Parquet stores points in time in UTC with microseconds, or nanoseconds where the warehouse has them. */
function instant(value: string, actual: DuckDBType): string {
  if (actual.typeId === Id.TIMESTAMP_NS) return value;
  return `CAST(${actual.typeId === Id.TIMESTAMP_TZ ? value : `CAST(${value} AS TIMESTAMP)`} AS TIMESTAMPTZ)`;
}

/**
 * Puts an apostrophe before text that a spreadsheet would run as a formula, but not before numbers.
 * Source: OWASP, CSV Injection.
 */
export function guardFormula(value: string): string {
  const begins = `left(${value}, 1) IN ('=', '+', '-', '@', chr(9), chr(13))`;
  const number = `regexp_full_match(${value}, '[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?')`;
  return `CASE WHEN ${begins} AND NOT ${number} THEN '''' || ${value} ELSE ${value} END`;
}
