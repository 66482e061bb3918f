import { DuckDBDecimalType, type DuckDBType, DuckDBTypeId as Id } from '@duckdb/node-api';
import type { ColumnType } from '../../config/dataset.ts';
import type { CsvOptions, FileFormat } from '../../contracts/order.ts';
import { literal } from './sql-text.ts';

/** `2012-09-05T11:12:47.000000Z`; strftime leaves NULL, infinity and -infinity unchanged. */
const TIMESTAMP_FORMAT = literal('%Y-%m-%dT%H:%M:%S.%fZ');

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

/** Whether a warehouse type can be exported as the catalog's type. */
export function accepts(type: ColumnType, actual: DuckDBType): boolean {
  return ACCEPTED[type].includes(actual.typeId);
}

/** How a format represents values. */
type Values =
  /** As strings, the same as in CSV. */
  | 'texts'
  /** As JSON that readers with 64-bit integers and doubles read without loss: other numbers are strings. */
  | 'portable-json'
  /** As JSON with numbers of any precision. */
  | 'exact-json'
  /** In the format's native types. */
  | 'native';

interface FileFormatRules {
  readonly values: Values;
  /** Options of its COPY. */
  readonly copy: (csv: CsvOptions) => string;
}

const RULES: Readonly<Record<FileFormat, FileFormatRules>> = {
  csv: { values: 'texts', copy: csvOptions },
  jsonl: { values: 'portable-json', copy: () => 'FORMAT json, ARRAY false' },
  json: { values: 'texts', copy: () => 'FORMAT json, ARRAY true' },
  'typed-json': { values: 'exact-json', copy: () => 'FORMAT json, ARRAY true' },
  parquet: { values: 'native', copy: () => 'FORMAT parquet, COMPRESSION zstd' },
};

/** @returns options of DuckDB's COPY. No header, because DuckDB would rename duplicate names. */
export function copyOptions({ format, csv }: { readonly format: FileFormat; readonly csv: CsvOptions }): string {
  return RULES[format].copy(csv);
}

function csvOptions(csv: CsvOptions): string {
  return `FORMAT csv, HEADER false, DELIMITER ${literal(csv.delimiter)}, NULLSTR ${literal(csv.nullText)}, QUOTE '"', ESCAPE '"'`;
}

/**
 * @param value SQL of the column
 * @param actual its type in the warehouse, accepted by the catalog's type
 * @returns SQL whose values DuckDB's writer of the format writes exactly
 */
export function formatColumn(
  value: string,
  type: ColumnType,
  actual: DuckDBType,
  format: FileFormat,
  formulaGuard: boolean,
): string {
  const { values } = RULES[format];
  const formatted = formatValue(value, type, actual, values);
  if (format === 'csv' && formulaGuard && type === 'text') return guardFormula(formatted);
  // The JSON writer needs strings; the CSV writer converts by itself.
  return format === 'json' ? text(formatted) : formatted;
}

function formatValue(value: string, type: ColumnType, actual: DuckDBType, values: Values): string {
  switch (type) {
    case 'boolean':
    case 'date':
      return value;
    case 'integer':
      return formatInteger(value, actual, values);
    case 'decimal':
      return formatDecimal(value, actual, values);
    case 'double':
      return formatDouble(value, actual, values);
    case 'text':
      return text(value, actual);
    case 'time':
      return values === 'native' && actual.typeId === Id.TIME ? value : text(value);
    case 'timestamp':
      return formatTimestamp(value, actual, values);
    case 'uuid': {
      const uuid = actual.typeId === Id.VARCHAR ? `CAST(${value} AS UUID)` : value;
      return values === 'native' ? uuid : text(uuid);
    }
    case 'json':
      return formatJson(value, actual, values);
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
  return fits || values === 'texts' || values === 'exact-json' ? value : text(value);
}

function formatDecimal(value: string, actual: DuckDBType, values: Values): string {
  if (values === 'portable-json') return text(value);
  if (!(actual instanceof DuckDBDecimalType)) return formatInteger(value, actual, values);
  if (values !== 'exact-json' || actual.scale < actual.width) return value;
  // DuckDB writes a decimal without whole digits as `.5`, which is not JSON.
  return actual.width < DECIMAL_WIDTH_MAX
    ? `CAST(${value} AS DECIMAL(${actual.width + 1}, ${actual.scale}))`
    : `json(regexp_replace(${text(value)}, '^(-?)\\.', '\\10.'))`;
}

const DECIMAL_WIDTH_MAX = 38;

/** JSON has no NaN and no infinity: null there, `nan`, `inf` and `-inf` in CSV. */
function formatDouble(value: string, actual: DuckDBType, values: Values): string {
  // Through text, a FLOAT keeps its displayed digits: 0.1, not 0.10000000149011612.
  const double = {
    [Id.DOUBLE]: value,
    [Id.FLOAT]: `CAST(CAST(${value} AS VARCHAR) AS DOUBLE)`,
  };
  const exact =
    actual.typeId === Id.DOUBLE || actual.typeId === Id.FLOAT ? double[actual.typeId] : `CAST(${value} AS DOUBLE)`;
  const isJson = values === 'portable-json' || values === 'exact-json';
  return isJson ? `CASE WHEN isfinite(${exact}) THEN ${exact} END` : exact;
}

/** The session's time zone is UTC, so a cast treats a timestamp without time zone as UTC. */
function formatTimestamp(value: string, actual: DuckDBType, values: Values): string {
  const direct = actual.typeId === Id.TIMESTAMP || actual.typeId === Id.TIMESTAMP_TZ;
  const exact = direct ? value : `CAST(${value} AS TIMESTAMP)`;
  return values === 'native' ? `CAST(${exact} AS TIMESTAMPTZ)` : `strftime(${exact}, ${TIMESTAMP_FORMAT})`;
}

function formatJson(value: string, actual: DuckDBType, values: Values): string {
  if (actual.typeId === Id.VARCHAR) {
    const json = actual.alias === 'JSON' ? value : `CAST(${value} AS JSON)`;
    return values === 'texts' ? text(json) : withoutNaN(json);
  }
  // The guard distinguishes NULL from JSON's null.
  const json = `CASE WHEN ${value} IS NOT NULL THEN to_json(${value}) END`;
  if (values === 'texts') return text(json);
  if (MAY_HOLD_NAN.test(String(actual))) return withoutNaN(json);
  return values === 'native' ? json : value;
}

/** Matches nested types that can contain a number that JSON lacks. */
const MAY_HOLD_NAN = /DOUBLE|FLOAT|VARIANT|JSON/;

/**
 * DuckDB reads and writes NaN and Infinity in JSON, in any case, which RFC 8259 does not allow; they become null, except in
 * strings. Only values that may contain one are parsed.
 */
function withoutNaN(json: string): string {
  const pieces = `regexp_extract_all(${text(json)}, '"(?:[^"\\\\]|\\\\.)*"|[^"]+')`;
  const repaired = `regexp_replace(piece, '-?\\b(?:nan|infinity|inf)\\b', 'null', 'gi')`;
  const joined = `array_to_string([CASE WHEN piece[1] = '"' THEN piece ELSE ${repaired} END FOR piece IN ${pieces}], '')`;
  return `CASE WHEN regexp_matches(${text(json)}, '(?i)nan|inf') THEN json(${joined}) ELSE ${json} END`;
}

/**
 * Puts an apostrophe before text that a spreadsheet would run as a formula, but not before numbers.
 * Source: OWASP, CSV Injection.
 */
function guardFormula(value: string): string {
  const begins = `left(${value}, 1) IN ('=', '+', '-', '@', chr(9), chr(13))`;
  const number = `regexp_full_match(${value}, '[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?')`;
  return `CASE WHEN ${begins} AND NOT ${number} THEN '''' || ${value} ELSE ${value} END`;
}
