import type { DuckDBConnection } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';

/**
 * Table functions that reach databases by a connection string of their own, which the lock-down of DuckDB 1.5 lets
 * through, and those that run SQL out of a text, which would hide them.
 */
const REACHING_OUT =
  /^(?:(?:postgres|mysql|sqlite|mssql|odbc|snowflake|bigquery)_(?:scan|scan_pushdown|attach)|query|query_table|json_execute_serialized_sql)$/i;

/**
 * Checks by DuckDB's own parser that a dataset is one SELECT, which can stand in brackets whatever it holds, and that
 * it reads nothing but what the start-up SQL attached.
 *
 * @throws WaybillError `dataset_broken`
 */
export async function checkDatasetSql(connection: DuckDBConnection, dataset: Dataset): Promise<void> {
  const result = await connection.runAndReadAll('SELECT json_serialize_sql($sql::VARCHAR)', { sql: dataset.sql });
  const tree: unknown = JSON.parse(String(result.getRows()[0]?.[0]));
  if (!isObject(tree) || tree.error !== false || !Array.isArray(tree.statements)) {
    const position = isObject(tree) && tree.position !== undefined ? ` (at character ${String(tree.position)})` : '';
    throw broken(dataset, `the SQL should be one SELECT that DuckDB can parse${position}`);
  }
  if (tree.statements.length !== 1) throw broken(dataset, 'the SQL should be one SELECT, not several statements');
  const name = findFunction(tree);
  if (name !== undefined) {
    throw broken(dataset, `the SQL should not call ${name}; attach the database in the start-up SQL instead`);
  }
}

/** @returns the first function in the tree that reaches out. */
function findFunction(node: unknown): string | undefined {
  if (Array.isArray(node)) {
    for (const child of node) {
      const found = findFunction(child);
      if (found !== undefined) return found;
    }
  } else if (isObject(node)) {
    if (typeof node.function_name === 'string' && REACHING_OUT.test(node.function_name)) return node.function_name;
    return findFunction(Object.values(node));
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function broken(dataset: Dataset, sentence: string): WaybillError {
  return new WaybillError('dataset_broken', `Dataset ${dataset.name}: ${sentence}.`);
}
