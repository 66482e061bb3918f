import type { DuckDBConnection } from '@duckdb/node-api';
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
  readonly name: string;
  /** Whether it has columns of `numeric`, whose NaN and infinities arrive as 0. */
  readonly hasNumeric: boolean;
  /** In lower case, the names of columns that differ only in case. DuckDB finds only the first of them. */
  readonly ambiguous: readonly string[];
}

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
  if (databases.length === 0) return { databasesOf: () => [], relationsOf: () => [], mentions: () => false };
  const definitions = await readTexts(
    connection,
    `SELECT view_name, sql FROM duckdb_views() WHERE NOT internal
     UNION ALL
     SELECT function_name, macro_definition FROM duckdb_functions()
     WHERE NOT internal AND macro_definition IS NOT NULL`,
  );
  const relations: PostgresRelation[] = [];
  for (const [name] of databases) relations.push(...(await readRelations(connection, name)));

  /** @returns the texts that the SQL consists of, views and macros taken in */
  function expand(sql: string): ReadonlySet<string> {
    const texts = new Set([sql]);
    // A set is iterated to its end, also over what is added on the way.
    for (const text of texts) {
      for (const [name, definition] of definitions) if (mentions(text, name)) texts.add(definition);
    }
    return texts;
  }
  function mentioned<Item>(sql: string, items: readonly Item[], nameOf: (item: Item) => string): readonly Item[] {
    const texts = [...expand(sql)];
    return items.filter((item) => texts.some((text) => mentions(text, nameOf(item))));
  }
  const databasesOf = (sql: string) => mentioned(sql, databases, ([name]) => name).map(([name]) => name);
  return {
    databasesOf,
    mentions: (sql, name) => mentioned(sql, [name], (one) => one).length > 0,
    relationsOf(sql) {
      const read = databasesOf(sql);
      return mentioned(sql, relations, ({ name }) => name).filter(
        ({ database, schema }) =>
          read.includes(database) && (schema === DEFAULT_SCHEMA || mentioned(sql, [schema], (name) => name).length > 0),
      );
    },
  };
}

/** Where PostgreSQL looks for tables that are named without their schema. */
const DEFAULT_SCHEMA = 'public';

/** Tables and views, of any schema, with `numeric` columns or with names that differ only in case. */
const RELATIONS = `
  SELECT nspname, relname, bool_or(is_numeric), string_agg(CASE WHEN others > 0 THEN folded END, chr(10))
  FROM (
    SELECT nspname, relname, lower(attname) AS folded, coalesce(nullif(typbasetype, 0), atttypid) = 'numeric'::regtype AS is_numeric,
      count(*) OVER (PARTITION BY attrelid, lower(attname)) - 1 AS others
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_type t ON t.oid = atttypid
      JOIN pg_namespace n ON n.oid = relnamespace
    WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'f')
      AND nspname NOT IN ('pg_catalog', 'information_schema')
  ) AS columns
  GROUP BY nspname, relname
  HAVING bool_or(is_numeric) OR max(others) > 0`;

async function readRelations(connection: DuckDBConnection, database: string): Promise<readonly PostgresRelation[]> {
  const result = await connection.runAndReadAll(
    `SELECT * FROM postgres_query(${literal(database)}, ${literal(RELATIONS)})`,
  );
  return result.getRows().map(([schema, name, hasNumeric, ambiguous]) => ({
    database,
    schema: String(schema),
    name: String(name),
    hasNumeric: hasNumeric === true,
    ambiguous: typeof ambiguous === 'string' ? [...new Set(ambiguous.split('\n'))] : [],
  }));
}

async function readTexts(connection: DuckDBConnection, sql: string): Promise<readonly (readonly [string, string])[]> {
  const result = await connection.runAndReadAll(sql);
  return result.getRows().map(([name, text]) => [String(name), String(text)]);
}

const PART_OF_A_WORD = /[\p{L}\p{N}_]/u;

/** Without regard to case, quoted or not. */
function mentions(text: string, name: string): boolean {
  const within = fold(text);
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
