import type { DuckDBConnection, DuckDBType } from '@duckdb/node-api';
import type { Bindings } from './bindings.ts';

/** @returns the types of a query's columns, by name in lower case, in the order of the query. Reads no rows. */
export async function columnTypes(
  connection: DuckDBConnection,
  query: string,
  bindings?: Bindings,
): Promise<ReadonlyMap<string, DuckDBType>> {
  const statement = await connection.prepare(`${query} LIMIT 0`);
  try {
    bindings?.bindTo(statement);
    const result = await statement.run();
    const types = result.columnTypes();
    return new Map(
      result.columnNames().flatMap((name, i) => {
        const type = types[i];
        return type ? [[name.toLowerCase(), type]] : [];
      }),
    );
  } finally {
    statement.destroySync();
  }
}
