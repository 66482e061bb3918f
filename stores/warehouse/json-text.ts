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
  // The guard distinguishes NULL from JSON's null.
  return `CASE WHEN ${value} IS NOT NULL THEN ${memberText(value, actual)} END`;
}

/** @returns SQL of a value as it stands in JSON: never NULL, and `null` for NULL */
function memberText(value: string, type: DuckDBType, depth = 0): string {
  const element = `t${depth}`;
  if (isJson(type)) return `coalesce(${jsonText(value, type)}, 'null')`;
  if (!holdsJson(type)) {
    const text = `CAST(to_json(${withPlainLeaves(value, type)}) AS VARCHAR)`;
    return `coalesce(${UNREACHED.test(String(type)) ? repaired(text) : text}, 'null')`;
  }
  // DuckDB would read JSON text within and write its numbers in another way, so what holds it is composed here.
  const within = (child: string, childType: DuckDBType) => memberText(child, childType, depth + 1);
  const composed = (begin: string, members: string, end: string) =>
    `CASE WHEN ${value} IS NULL THEN 'null' ELSE '${begin}' || ${members} || '${end}' END`;
  const listed = (list: string, item: string) =>
    `array_to_string(list_transform(${list}, lambda ${element}: ${item}), ',')`;
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    return composed('[', listed(value, within(element, type.valueType)), ']');
  }
  if (type instanceof DuckDBMapType) {
    const { keyType } = type;
    const key = isTime(keyType) ? withPlainLeaves(`${element}.key`, keyType) : `CAST(${element}.key AS VARCHAR)`;
    const entry = `CAST(to_json(${key}) AS VARCHAR) || ':' || ${within(`${element}.value`, type.valueType)}`;
    return composed('{', listed(`map_entries(${value})`, entry), '}');
  }
  const { entryNames, entryTypes } = type as DuckDBStructType;
  const entries = entryNames.map((name, index) => {
    const entry = `struct_extract(${value}, ${literal(name)})`;
    return `${literal(`${JSON.stringify(name)}:`)} || ${within(entry, entryTypes[index] as DuckDBType)}`;
  });
  return composed('{', entries.join(` || ',' || `), '}');
}

function isJson({ typeId, alias }: DuckDBType): boolean {
  return typeId === Id.VARCHAR && alias === 'JSON';
}

/** Whether a list, a map or a struct holds JSON text. */
function holdsJson(type: DuckDBType): boolean {
  const children =
    type instanceof DuckDBListType || type instanceof DuckDBArrayType || type instanceof DuckDBMapType
      ? [type.valueType]
      : type instanceof DuckDBStructType && !type.entryNames.includes('')
        ? type.entryTypes
        : [];
  return children.some((child) => isJson(child) || holdsJson(child));
}

/** Matches types that hold values which {@link withPlainLeaves} does not reach. */
const UNREACHED = /VARIANT|UNION|\(""/;

/**
 * Converts the values within a nested value that JSON lacks or that DuckDB writes in another way than in a column of their
 * own: times, and numbers that are NaN or infinite, which become null. Values of a UNION, a VARIANT or a struct without
 * names are not reached.
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
    return `list_transform(${value}, lambda ${element}: ${item})`;
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
