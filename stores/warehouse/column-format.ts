import { type DuckDBType, DuckDBTypeId as Id } from '@duckdb/node-api';
import type { ColumnType } from '../../config/dataset.ts';
import type { FileFormat, Format } from '../../contracts/order.ts';
import { literal } from './sql-text.ts';

/** `2012-09-05T11:12:47.000000Z`; strftime leaves NULL, infinity and -infinity what they are. */
const TIMESTAMP_FORMAT = literal('%Y-%m-%dT%H:%M:%S.%fZ');

/** Integers that every JSON reader for 64 bits takes. */
const INTEGERS: readonly Id[] = [
  Id.TINYINT,
  Id.SMALLINT,
  Id.INTEGER,
  Id.BIGINT,
  Id.UTINYINT,
  Id.USMALLINT,
  Id.UINTEGER,
];
/** Integers that may go beyond 64 bits, signed; strings in JSON. */
const HUGE_INTEGERS: readonly Id[] = [Id.UBIGINT, Id.HUGEINT, Id.UHUGEINT, Id.BIGNUM];
const NESTED: readonly Id[] = [Id.LIST, Id.ARRAY, Id.STRUCT, Id.MAP, Id.UNION, Id.VARIANT];

/** Types of the warehouse that a type of the catalog takes, beside those that it formats in its own way. */
const ACCEPTED: Readonly<Record<ColumnType, readonly Id[]>> = {
  boolean: [Id.BOOLEAN],
  integer: [...INTEGERS, ...HUGE_INTEGERS],
  decimal: [Id.DECIMAL, ...INTEGERS, ...HUGE_INTEGERS],
  double: [Id.DOUBLE, Id.FLOAT, Id.DECIMAL, ...INTEGERS],
  text: [Id.VARCHAR, Id.ENUM, Id.UUID, ...INTEGERS],
  date: [Id.DATE],
  time: [Id.TIME, Id.TIME_NS, Id.TIME_TZ],
  timestamp: [Id.TIMESTAMP, Id.TIMESTAMP_TZ, Id.TIMESTAMP_S, Id.TIMESTAMP_MS, Id.TIMESTAMP_NS, Id.DATE],
  uuid: [Id.UUID, Id.VARCHAR],
  json: [Id.VARCHAR, ...NESTED],
  binary: [Id.BLOB],
};

/** Whether a column of the catalog's type can be written from the warehouse's. */
export function accepts(type: ColumnType, actual: DuckDBType): boolean {
  return ACCEPTED[type].includes(actual.typeId);
}

/**
 * @param value SQL of the column
 * @param actual its type in the warehouse, which the catalog's type accepts
 * @returns SQL of what DuckDB's CSV or JSON writer then writes exactly; for `json` the text that CSV holds
 */
export function formatColumn(
  value: string,
  type: ColumnType,
  actual: DuckDBType,
  format: FileFormat,
  formulaGuard: boolean,
): string {
  return format === 'json'
    ? text(formatTyped(value, type, actual, 'csv', false))
    : formatTyped(value, type, actual, format, formulaGuard);
}

function formatTyped(
  value: string,
  type: ColumnType,
  actual: DuckDBType,
  format: Format,
  formulaGuard: boolean,
): string {
  switch (type) {
    case 'boolean':
    case 'date':
      return value;
    case 'integer':
      return format === 'jsonl' && HUGE_INTEGERS.includes(actual.typeId) ? text(value) : value;
    case 'decimal':
      return format === 'jsonl' ? text(value) : value;
    case 'double':
      return formatDouble(value, actual, format);
    case 'text':
      return format === 'csv' && formulaGuard ? guardFormula(text(value, actual)) : text(value, actual);
    case 'time':
      return text(value);
    case 'timestamp':
      return formatTimestamp(value, actual);
    case 'uuid':
      return text(actual.typeId === Id.VARCHAR ? `CAST(${value} AS UUID)` : value);
    case 'json':
      return formatJson(value, actual, format);
    case 'binary':
      return `to_base64(${value})`;
  }
}

function text(value: string, actual?: DuckDBType): string {
  return actual?.typeId === Id.VARCHAR ? value : `CAST(${value} AS VARCHAR)`;
}

/** JSON has no NaN and no infinity: null there, `nan`, `inf` and `-inf` in CSV. */
function formatDouble(value: string, actual: DuckDBType, format: Format): string {
  // By way of text, a FLOAT keeps the digits it shows: 0.1, not 0.10000000149011612.
  const double = {
    [Id.DOUBLE]: value,
    [Id.FLOAT]: `CAST(CAST(${value} AS VARCHAR) AS DOUBLE)`,
  };
  const exact =
    actual.typeId === Id.DOUBLE || actual.typeId === Id.FLOAT ? double[actual.typeId] : `CAST(${value} AS DOUBLE)`;
  return format === 'jsonl' ? `CASE WHEN isfinite(${exact}) THEN ${exact} END` : exact;
}

function formatTimestamp(value: string, actual: DuckDBType): string {
  const direct = actual.typeId === Id.TIMESTAMP || actual.typeId === Id.TIMESTAMP_TZ;
  return `strftime(${direct ? value : `CAST(${value} AS TIMESTAMP)`}, ${TIMESTAMP_FORMAT})`;
}

function formatJson(value: string, actual: DuckDBType, format: Format): string {
  if (actual.typeId === Id.VARCHAR) {
    const json = actual.alias === 'JSON' ? value : `CAST(${value} AS JSON)`;
    return format === 'csv' ? text(json) : withoutNaN(json);
  }
  // The guard keeps NULL apart from JSON's null.
  if (format === 'csv') return `CASE WHEN ${value} IS NOT NULL THEN ${text(`to_json(${value})`)} END`;
  return MAY_HOLD_NAN.test(String(actual)) ? withoutNaN(`to_json(${value})`) : value;
}

/** Nested types by their text: those that can hold a number that JSON does not have. */
const MAY_HOLD_NAN = /DOUBLE|FLOAT|VARIANT|JSON/;

/**
 * DuckDB reads and writes NaN and Infinity in JSON, in any case, which RFC 8259 does not have: null, outside of strings.
 * Only values that may hold one are taken apart.
 */
function withoutNaN(json: string): string {
  const pieces = `regexp_extract_all(${text(json)}, '"(?:[^"\\\\]|\\\\.)*"|[^"]+')`;
  const repaired = `regexp_replace(piece, '-?\\b(?:nan|infinity|inf)\\b', 'null', 'gi')`;
  const joined = `array_to_string([CASE WHEN piece[1] = '"' THEN piece ELSE ${repaired} END FOR piece IN ${pieces}], '')`;
  return `CASE WHEN regexp_matches(${text(json)}, '(?i)nan|inf') THEN json(${joined}) ELSE ${json} END`;
}

/**
 * An apostrophe before what a spreadsheet would run, but not before numbers.
 * Source: OWASP, CSV Injection.
 */
function guardFormula(value: string): string {
  const begins = `left(${value}, 1) IN ('=', '+', '-', '@', chr(9), chr(13))`;
  const number = `regexp_full_match(${value}, '[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?')`;
  return `CASE WHEN ${begins} AND NOT ${number} THEN '''' || ${value} ELSE ${value} END`;
}
