import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId as Id,
} from '@duckdb/node-api';
import { identifier, literal } from './sql-text.ts';
import { dateText, TIMESTAMPS, timestampText } from './time-text.ts';

/**
 * A JSON column as JSON text on one line, by RFC 8259. JSON text of the warehouse keeps its spelling, so that `1.10` and
 * numbers of any length stay as they are.
 *
 * @param value SQL of a VARCHAR or a nested type
 * @returns SQL of a text; NULL for NULL, and `null` for JSON's null
 */
export function jsonText(value: string, actual: DuckDBType): string {
  if (actual.typeId === Id.VARCHAR) {
    // The cast to JSON fails for what is none.
    const json = actual.alias === 'JSON' ? value : `CAST(${value} AS JSON)`;
    return repaired(`CAST(${json} AS VARCHAR)`);
  }
  const text = `CAST(to_json(${withPlainLeaves(value, actual)}) AS VARCHAR)`;
  // The guard distinguishes NULL from JSON's null.
  return `CASE WHEN ${value} IS NOT NULL THEN ${HOLDS_JSON.test(String(actual)) ? repaired(text) : text} END`;
}

/** Matches types that may hold JSON text, or numbers that {@link withPlainLeaves} does not reach. */
const HOLDS_JSON = /JSON|VARIANT|UNION|\(""/;

/**
 * Converts the values within a nested value that JSON lacks or that DuckDB writes in another way than in a column of their
 * own: times, and numbers that are NaN or infinite, which become null. Values of a UNION,
 * a VARIANT or a struct without names are not reached.
 */
function withPlainLeaves(value: string, type: DuckDBType, depth = 0): string {
  const element = `e${depth}`;
  const within = (child: string, childType: DuckDBType) => withPlainLeaves(child, childType, depth + 1);
  if (TIMESTAMPS.includes(type.typeId)) return timestampText(value, type);
  if (type.typeId === Id.DATE) return dateText(value);
  if (type.typeId === Id.DOUBLE) return `CASE WHEN isfinite(${value}) THEN ${value} END`;
  if (type.typeId === Id.FLOAT)
    return `CASE WHEN isfinite(${value}) THEN CAST(CAST(${value} AS VARCHAR) AS DOUBLE) END`;
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const item = within(element, type.valueType);
    if (item === element) return value;
    const list = type instanceof DuckDBArrayType ? `CAST(${value} AS ${type.valueType}[])` : value;
    return `list_transform(${list}, lambda ${element}: ${item})`;
  }
  if (type instanceof DuckDBStructType) {
    const before = type.entryNames.map((name) => `struct_extract(${value}, ${literal(name)})`);
    const after = before.map((entry, index) => within(entry, type.entryTypes[index] as DuckDBType));
    if (after.every((entry, index) => entry === before[index]) || type.entryNames.includes('')) return value;
    const entries = after.map((entry, index) => `${identifier(type.entryNames[index] ?? '')} := ${entry}`);
    return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${entries.join(', ')}) END`;
  }
  if (type instanceof DuckDBMapType) {
    const key = isTime(type.keyType) ? within(`${element}.key`, type.keyType) : `${element}.key`;
    const entry = within(`${element}.value`, type.valueType);
    if (key === `${element}.key` && entry === `${element}.value`) return value;
    const entries = `list_transform(map_entries(${value}), lambda ${element}: {'key': ${key}, 'value': ${entry}})`;
    return `map_from_entries(${entries})`;
  }
  return value;
}

function isTime({ typeId }: DuckDBType): boolean {
  return typeId === Id.DATE || TIMESTAMPS.includes(typeId);
}

/**
 * DuckDB reads NaN, Infinity (in any case) and a comma after the last item, none of which is JSON: the numbers become null,
 * the comma goes. A line break between tokens becomes a space. Only a text that may hold one of these is taken apart.
 */
function repaired(text: string): string {
  const pieces = `regexp_extract_all(${text}, '"(?:[^"\\\\]|\\\\.)*"|[^"]+')`;
  const numbers = `regexp_replace(piece, '-?\\b(?:nan|infinity|inf)\\b', 'null', 'gi')`;
  const commas = `regexp_replace(${numbers}, ',(\\s*[\\]}])', '\\1', 'g')`;
  const oneLine = `translate(${commas}, chr(10) || chr(13), '  ')`;
  const joined = `array_to_string([CASE WHEN piece[1] = '"' THEN piece ELSE ${oneLine} END FOR piece IN ${pieces}], '')`;
  return `CASE WHEN regexp_matches(${text}, '(?i)nan|inf|[\\n\\r]|,\\s*[\\]}]') THEN ${joined} ELSE ${text} END`;
}
