import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from './sql-text.ts';

/**
 * Asks every attached server for an answer. DuckDB's own files are open in this process and need no question.
 * @throws an error of DuckDB
 */
export async function probe(connection: DuckDBConnection): Promise<void> {
  const databases = await connection.runAndReadAll(
    "SELECT database_name, type FROM duckdb_databases() WHERE type IN ('postgres', 'mysql')",
  );
  for (const [name, type] of databases.getRows()) {
    await connection.run(`SELECT * FROM ${String(type)}_query(${literal(String(name))}, 'SELECT 1')`);
  }
}
