import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/** Reads an exported file with DuckDB: values as text, in Parquet as JSON, and NULL as `null`. */
export async function readWithDuckDb(
  file: Uint8Array,
  format: 'csv' | 'jsonl' | 'parquet',
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-read-back-'));
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const path = join(folder, `file.${format}`);
    await writeFile(path, file);
    const readers = {
      csv: `read_csv('${path}', all_varchar = true, header = true, delim = ',', quote = '"', allow_quoted_nulls = false, strict_mode = true, max_line_size = 20000000)`,
      jsonl: `read_json('${path}', format = 'newline_delimited', maximum_object_size = 100000000)`,
      parquet: `read_parquet('${path}')`,
    };
    return (await connection.runAndReadAll(`SELECT * FROM ${readers[format]}`)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(folder, { recursive: true });
  }
}
