import { isStatisticsFormat, isUncounted } from '../../contracts/order.ts';
import type { PlannedPart } from '../../contracts/plan.ts';
import { Bindings } from './bindings.ts';
import { VECTOR_ROWS } from './chunk-memory.ts';
import { rowFormat } from './row-format.ts';
import type { Reading } from './row-sum.ts';
import { rowsSql } from './rows.ts';
import { orderedColumns } from './source-column.ts';

/*
 * To keep the order of rows, DuckDB's threads collect batches of up to 122,880 rows, and format and write each when it is complete. Of rows
 * that are wide, be it by many columns or by long texts, such batches are hundreds of megabytes, which spill or run out of memory.
 */

/** Bytes of a row from which it is wide: a batch would have more than 16 MB, an eighth of what a thread usually has. */
const WIDE_BYTES = 128;

/** Bytes of a row from which composing the text of one vector of rows takes more memory than there usually is for a part. */
const ENORMOUS_BYTES = 2048;

/** Whether a part of such rows is written with all of DuckDB's memory. @param wideBytes as planned */
export function areEnormous(wideBytes: number | undefined): boolean {
  return wideBytes !== undefined && wideBytes > ENORMOUS_BYTES;
}

/** First rows by which the width of all is judged, and how many times that there have to be. */
const SAMPLE_ROWS = 1000;
const SAMPLES_MIN = 10;

/** Content of a row group of wide rows in bytes, about. Each thread collects one of its own, several times as large. */
const GROUP_BYTES = 16 * 1024 * 1024;

/**
 * Judges the rows of a file by the first of them, once for all its parts: a dataset whose SQL groups or sorts computes all of its
 * rows for it.
 *
 * @param parts that the file has; of parts with few rows, none is read
 * @returns the parts, where rows are wide those of many rows with their width
 */
export async function measureWide(read: Reading, parts: readonly PlannedPart[]): Promise<readonly PlannedPart[]> {
  const { connection, dataset, order, source } = read;
  // A batch of fewer is small unless its rows are enormous, and the sample would be most of them.
  const isMany = ({ rows }: PlannedPart) => rows >= SAMPLES_MIN * SAMPLE_ROWS;
  if (isStatisticsFormat(order.format) || isUncounted(order) || !parts.some(isMany)) return parts;
  const columns = orderedColumns(order, source.columns, ({ column }) => column);
  const texts = rowFormat(columns, order).items.map(({ sql }) => `CAST(${sql} AS VARCHAR)`);
  const bindings = new Bindings(dataset, order.parameters);
  const statement = await connection.prepare(
    `SELECT avg(bytes) FROM (SELECT strlen(array_to_string([${texts.join(', ')}], ',')) AS bytes ${rowsSql(source, order, read, bindings)} LIMIT ${SAMPLE_ROWS})`,
  );
  try {
    bindings.bindTo(statement);
    const [[width] = []] = (await statement.runAndReadAll()).getRows();
    const wideBytes = Math.ceil(Number(width ?? 0));
    return wideBytes > WIDE_BYTES ? parts.map((part) => (isMany(part) ? { ...part, wideBytes } : part)) : parts;
  } finally {
    statement.destroySync();
  }
}

/**
 * Option of a COPY to Parquet: each thread writes a row group as soon as it is full. So the rows are in no particular order, even if they
 * were sorted.
 */
export const UNORDERED = ', PRESERVE_ORDER false';

/** Option of a COPY of wide rows to Parquet: smaller row groups. */
export function smallGroups(bytes: number): string {
  const vectors = Math.max(1, Math.floor(GROUP_BYTES / bytes / VECTOR_ROWS));
  return `, ROW_GROUP_SIZE ${vectors * VECTOR_ROWS}`;
}

/**
 * Makes DuckDB write rows one after the other, in their order: wide ones, and those of UNION ALL, of which it otherwise keeps all but
 * the first query's until it has read the last. It collects batches only of sources that number them, which `range` does not: with one that
 * gives no rows, one thread reads, formats and writes; two were no faster.
 *
 * @param query whose rows are written, where the order of rows is kept
 * @param columns their number
 */
export function unbatched(query: string, columns: number): string {
  return `${query} UNION ALL SELECT ${Array(columns).fill('NULL').join(', ')} FROM range(0)`;
}
