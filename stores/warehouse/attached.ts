import type { DuckDBConnection } from '@duckdb/node-api';

/** @returns the attached PostgreSQL databases that SQL may read */
export type PostgresOf = (sql: string) => readonly string[];

/**
 * Finds the attached PostgreSQL databases, and what refers to them.
 *
 * SQL reads a database if it mentions its name, or that of a view or macro that does. Mentioned is any word of the text, so
 * there may be one too many, which costs a connection, and none is missed.
 */
export async function findPostgres(connection: DuckDBConnection): Promise<PostgresOf> {
  const databases = await readTexts(
    connection,
    "SELECT database_name, '' FROM duckdb_databases() WHERE type = 'postgres'",
  );
  if (databases.length === 0) return () => [];
  const definitions = await readTexts(
    connection,
    `SELECT view_name, sql FROM duckdb_views() WHERE NOT internal
     UNION ALL
     SELECT function_name, macro_definition FROM duckdb_functions()
     WHERE NOT internal AND macro_definition IS NOT NULL`,
  );
  return (sql) => {
    const texts = new Set([sql]);
    // A set is iterated to its end, also over what is added on the way.
    for (const text of texts) {
      for (const [name, definition] of definitions) if (mentions(text, name)) texts.add(definition);
    }
    return databases.flatMap(([name]) => ([...texts].some((text) => mentions(text, name)) ? [name] : []));
  };
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
