import { PassThrough } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { run } from '../program.ts';
import { createTerminal } from '../screen/terminal.ts';

/** For tests: runs `waybill compose`. */
export async function compose(...args: readonly string[]) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const terminal = createTerminal(output, errors);
  const cli = { terminal, environment: {}, interruptible: () => new AbortController().signal };
  const code = await run(['compose', ...args], cli, '0.0.0');
  return { code, output: String(output.read() ?? ''), errors: String(errors.read() ?? '') };
}

/** @returns rows of a query, as JSON. @param database a file */
export async function query(sql: string, database = ':memory:'): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson();
  } finally {
    connection.disconnectSync();
    instance.closeSync();
  }
}
