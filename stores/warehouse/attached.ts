import type { DuckDBConnection } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import { literal } from './sql-text.ts';

/** The attached PostgreSQL databases. */
export interface AttachedPostgres {
  /** @returns the names of those that SQL may read */
  databasesOf(sql: string): readonly string[];
  /** @returns those tables and views that SQL may read and that need care */
  relationsOf(sql: string): readonly PostgresRelation[];
  /** Whether the SQL, with the views and macros in it, mentions a name. */
  mentions(sql: string, name: string): boolean;
}

/** A table or view of PostgreSQL whose columns do not all arrive as they are. */
export interface PostgresRelation {
  readonly database: string;
  readonly schema: string;
  /** Whether it is found without its schema. */
  readonly isDefaultSchema: boolean;
  readonly name: string;
  /** Of all columns, as PostgreSQL spells them, in the order of the table. */
  readonly columns: readonly string[];
  /** Names of columns of `numeric`, whose NaN and infinities arrive as 0. */
  readonly numeric: readonly string[];
  /** Names of columns whose arrays, or composite values, contain `numeric`. */
  readonly nestedNumeric: readonly string[];
  /** Whether some `numeric` arrive as DOUBLE: without a precision, or with more digits than DuckDB's decimals have. */
  readonly hasWideNumeric: boolean;
  /** In lower case, the names of columns that differ only in case. DuckDB finds only the first of them. */
  readonly ambiguous: readonly string[];
}

/** No PostgreSQL is attached. */
export const NO_POSTGRES: AttachedPostgres = { databasesOf: () => [], relationsOf: () => [], mentions: () => false };

/**
 * Finds the attached PostgreSQL databases, and what refers to them.
 *
 * SQL reads a database if it mentions its name, or that of a view or macro that does. Mentioned is any word of the text, so
 * there may be one too many, which costs a connection, and none is missed.
 */
export async function findPostgres(connection: DuckDBConnection): Promise<AttachedPostgres> {
  const databases = await readTexts(
    connection,
    "SELECT database_name, '' FROM duckdb_databases() WHERE type = 'postgres'",
  );
  if (databases.length === 0) return NO_POSTGRES;
  for (const [name] of databases) await requireStandardStrings(connection, name);
  const definitions = await readTexts(
    connection,
    `SELECT view_name, sql FROM duckdb_views() WHERE NOT internal
     UNION ALL
     SELECT function_name, macro_definition FROM duckdb_functions()
     WHERE NOT internal AND macro_definition IS NOT NULL`,
  );
  const relations: PostgresRelation[] = [];
  for (const [name] of databases) relations.push(...(await readRelations(connection, name)));

  /** @returns whether the SQL, views and macros taken in, mentions a name; folds it only once, for many names */
  function mentionedBy(sql: string): (name: string) => boolean {
    const texts = new Set([fold(sql)]);
    // A set is iterated to its end, also over what is added on the way.
    for (const text of texts) {
      for (const [name, definition] of definitions) if (mentions(text, name)) texts.add(fold(definition));
    }
    return (name) => [...texts].some((text) => mentions(text, name));
  }
  return {
    databasesOf: (sql) => databases.map(([name]) => name).filter(mentionedBy(sql)),
    mentions: (sql, name) => mentionedBy(sql)(name),
    relationsOf(sql) {
      const isMentioned = mentionedBy(sql);
      return relations.filter(
        ({ database, schema, isDefaultSchema, name }) =>
          isMentioned(name) && isMentioned(database) && (isDefaultSchema || isMentioned(schema)),
      );
    },
  };
}

/** Where PostgreSQL looks for tables that are named without their schema. */
const DEFAULT_SCHEMA = 'public';

/** Tables and views, of any schema, with `numeric` columns or with names that differ only in case. */
const RELATIONS = `
  SELECT nspname, relname, bool_or(is_numeric AND is_wide) AS has_wide,
    string_agg(attname, chr(10) ORDER BY attnum) AS columns,
    string_agg(CASE WHEN is_numeric THEN attname END, chr(10)) AS numeric_columns,
    string_agg(CASE WHEN is_nested THEN attname END, chr(10)) AS nested_columns,
    string_agg(CASE WHEN others > 0 THEN folded END, chr(10)) AS ambiguous
  FROM (
    SELECT nspname, relname, attname, attnum, lower(attname) AS folded,
      coalesce(nullif(typbasetype, 0), atttypid) = 'numeric'::regtype AS is_numeric,
      atttypmod = -1 OR ((atttypmod - 4) >> 16) & 65535 > 38 AS is_wide,
      coalesce(typelem = 'numeric'::regtype OR EXISTS (
        SELECT FROM pg_attribute f JOIN pg_type e ON e.typrelid = f.attrelid
        WHERE e.typrelid <> 0 AND e.oid IN (t.oid, t.typelem) AND f.atttypid IN ('numeric'::regtype, 'numeric[]'::regtype)
      ), false) AS is_nested,
      count(*) OVER (PARTITION BY attrelid, lower(attname)) - 1 AS others
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_type t ON t.oid = atttypid
      JOIN pg_namespace n ON n.oid = relnamespace
    WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND nspname NOT IN ('pg_catalog', 'information_schema')
  ) AS columns
  GROUP BY nspname, relname
  HAVING bool_or(is_numeric OR is_nested) OR max(others) > 0`;

/**
 * DuckDB quotes texts by the SQL standard. A server that takes a backslash for an escape would read `\\'` as the end of none, and
 * a tenant's text could become SQL.
 *
 * @throws WaybillError `warehouse_misconfigured`
 */
async function requireStandardStrings(connection: DuckDBConnection, database: string): Promise<void> {
  const setting = "SELECT current_setting('standard_conforming_strings') AS value, '' AS nothing";
  const [[value] = []] = await readTexts(
    connection,
    `SELECT * FROM postgres_query(${literal(database)}, ${literal(setting)})`,
  );
  if (value === 'on') return;
  throw new WaybillError(
    'warehouse_misconfigured',
    `PostgreSQL of ${database} reads backslashes in texts as escapes. Set it to the standard for Waybill's role: ALTER ROLE … SET standard_conforming_strings = on.`,
  );
}

async function readRelations(connection: DuckDBConnection, database: string): Promise<readonly PostgresRelation[]> {
  const result = await connection.runAndReadAll(
    `SELECT * FROM postgres_query(${literal(database)}, ${literal(RELATIONS)})`,
  );
  return result.getRows().map(([schema, name, hasWideNumeric, ...lists]) => {
    const [columns = [], numeric = [], nestedNumeric = [], ambiguous = []] = lists.map((list) =>
      typeof list === 'string' ? list.split('\n') : [],
    );
    const names = { columns, numeric, nestedNumeric, ambiguous: [...new Set(ambiguous)] };
    return {
      database,
      schema: String(schema),
      isDefaultSchema: schema === DEFAULT_SCHEMA,
      name: String(name),
      hasWideNumeric: hasWideNumeric === true,
      ...names,
    };
  });
}

async function readTexts(connection: DuckDBConnection, sql: string): Promise<readonly (readonly [string, string])[]> {
  const result = await connection.runAndReadAll(sql);
  return result.getRows().map(([name, text]) => [String(name), String(text)]);
}

const PART_OF_A_WORD = /[\p{L}\p{N}_]/u;

/** Without regard to case, quoted or not. @param within folded */
function mentions(within: string, name: string): boolean {
  const wanted = fold(name);
  for (let at = within.indexOf(wanted); at >= 0; at = within.indexOf(wanted, at + 1)) {
    const around = [within[at - 1], within[at + wanted.length]];
    if (!around.some((character) => character !== undefined && PART_OF_A_WORD.test(character))) return true;
  }
  return false;
}

function fold(text: string): string {
  return text.toLowerCase().replaceAll('""', '"');
}
