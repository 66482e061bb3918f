import {
  DuckDBEnumType,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { Values } from './bindings.ts';

/**
 * Quotes a text for PostgreSQL, whatever its `standard_conforming_strings` is.
 *
 * @param text without NUL, which no text of PostgreSQL contains
 */
export function postgresLiteral(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** Writes points in time into SQL for PostgreSQL: a query that DuckDB passes on as text takes no bound values. */
export const POSTGRES_VALUES: Values = {
  add: (value, type) => `CAST(${postgresLiteral(timeText(value))} AS ${type})`,
};

function timeText(value: DuckDBValue): string {
  // The text of a value with zone is in the process's own zone.
  const text = value instanceof DuckDBTimestampTZValue ? `${new DuckDBTimestampValue(value.micros)}+00` : String(value);
  // The year before 1 is not 0 in PostgreSQL.
  return text.startsWith('0000-') ? `0001-${text.slice(5)} BC` : text;
}

/** Types whose values PostgreSQL compares with a number. */
const NUMBERS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.DECIMAL,
]);

/**
 * SQL of PostgreSQL that holds at least for the rows whose column, as text in DuckDB, is the key. It is written so that an
 * index of the column serves it.
 *
 * @param type the column's type in DuckDB
 */
export function mayBeTenant(column: string, type: DuckDBType, key: string): string {
  if (key.includes('\0')) return 'false';
  // A key that the type has no value for would be an error in PostgreSQL.
  const only = (isValue: boolean, sql: string) => (isValue ? sql : 'false');
  if (type instanceof DuckDBEnumType) return only(type.values.includes(key), `${column} = ${postgresLiteral(key)}`);
  if (type.typeId === DuckDBTypeId.VARCHAR) return `${column}::text = ${postgresLiteral(key)}`;
  if (type.typeId === DuckDBTypeId.UUID) return only(UUID.test(key), `${column} = ${postgresLiteral(key)}`);
  if (NUMBERS.has(type.typeId)) return only(/^-?\d{1,40}(?:\.\d{1,40})?$/.test(key), `${column} = ${key}`);
  return 'true';
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
