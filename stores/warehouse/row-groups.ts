import type { DuckDBConnection } from '@duckdb/node-api';
import type { Bindings } from './bindings.ts';

/** Bytes of a row from which it is wide: DuckDB's own row groups, of 122,880 rows, would then have more than 128 MB. */
const WIDE_BYTES = 1024;
/** Content of a row group of wide rows in bytes, about. Each thread collects one of its own. */
const GROUP_BYTES = 32 * 1024 * 1024;
/** DuckDB hands rows on in vectors of so many. */
const VECTOR_ROWS = 2048;

/** First rows by which the width of all is judged. */
const SAMPLE_ROWS = 1000;

/**
 * Options of a COPY to Parquet. Rows that are wide, be it by many columns or by long texts, get smaller row groups, which each thread
 * writes as soon as they are full: DuckDB would otherwise collect batches of rows in order, several hundred megabytes each, and spill
 * them. So wide rows are in no particular order, unless the dataset's own SQL ends in one.
 *
 * @param values SQL of the values
 * @param rows SQL from FROM on, whose values these bindings have
 */
export async function rowGroupOptions(
  connection: DuckDBConnection,
  values: readonly string[],
  rows: string,
  bindings: Bindings,
): Promise<string> {
  const statement = await connection.prepare(
    `SELECT avg(bytes) FROM (SELECT strlen(CAST(row(${values.join(', ')}) AS VARCHAR)) AS bytes ${rows} LIMIT ${SAMPLE_ROWS})`,
  );
  try {
    bindings.bindTo(statement);
    const [[width] = []] = (await statement.runAndReadAll()).getRows();
    const bytes = Number(width ?? 0);
    if (bytes <= WIDE_BYTES) return '';
    const vectors = Math.max(1, Math.floor(GROUP_BYTES / bytes / VECTOR_ROWS));
    return `, PRESERVE_ORDER false, ROW_GROUP_SIZE ${vectors * VECTOR_ROWS}`;
  } finally {
    statement.destroySync();
  }
}
