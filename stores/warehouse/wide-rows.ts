import type { DuckDBConnection } from '@duckdb/node-api';
import type { Bindings } from './bindings.ts';
import { VECTOR_ROWS } from './chunk-memory.ts';

/*
 * To keep the order of rows, DuckDB's threads collect batches of up to 122,880 rows, and format and write each when it is complete. Of rows
 * that are wide, be it by many columns or by long texts, such batches are hundreds of megabytes, which spill or run out of memory.
 */

/** Bytes of a row from which it is wide: a batch would have more than 128 MB. */
const WIDE_BYTES = 1024;

/** First rows by which the width of all is judged, and how many times that there have to be. */
const SAMPLE_ROWS = 1000;
const SAMPLES_MIN = 10;

/** Content of a row group of wide rows in bytes, about. Each thread collects one of its own. */
const GROUP_BYTES = 32 * 1024 * 1024;

/**
 * Judges the rows of a part by the first of them.
 *
 * @param values SQL of the values
 * @param rows SQL from FROM on, whose values these bindings have
 * @param planned number of rows; of few, none is read
 * @returns bytes of a row as text if rows are wide, otherwise `null`
 */
export async function measureWide(
  connection: DuckDBConnection,
  values: readonly string[],
  { rows, bindings, planned }: { readonly rows: string; readonly bindings: Bindings; readonly planned: number },
): Promise<number | null> {
  // A batch of fewer is small unless its rows are enormous, and the sample would be most of them.
  if (planned < SAMPLES_MIN * SAMPLE_ROWS) return null;
  const statement = await connection.prepare(
    `SELECT avg(bytes) FROM (SELECT strlen(CAST(row(${values.join(', ')}) AS VARCHAR)) AS bytes ${rows} LIMIT ${SAMPLE_ROWS})`,
  );
  try {
    bindings.bindTo(statement);
    const [[width] = []] = (await statement.runAndReadAll()).getRows();
    const bytes = Number(width ?? 0);
    return bytes > WIDE_BYTES ? bytes : null;
  } finally {
    statement.destroySync();
  }
}

/**
 * Options of a COPY of wide rows to Parquet: smaller row groups, which each thread writes as soon as they are full. So the rows are in no
 * particular order, unless the dataset's own SQL ends in one.
 */
export function wideParquet(bytes: number): string {
  const vectors = Math.max(1, Math.floor(GROUP_BYTES / bytes / VECTOR_ROWS));
  return `, PRESERVE_ORDER false, ROW_GROUP_SIZE ${vectors * VECTOR_ROWS}`;
}

/**
 * Makes DuckDB write wide rows as text one after the other, in their order. It collects batches only of sources that number them, which
 * `range` does not: with one that gives no rows, one thread reads, formats and writes; two were no faster.
 *
 * @param query whose rows are written, where the order of rows is kept
 * @param columns their number
 */
export function unbatched(query: string, columns: number): string {
  return `${query} UNION ALL SELECT ${Array(columns).fill('NULL').join(', ')} FROM range(0)`;
}
