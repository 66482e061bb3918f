import type { DuckDBConnection } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { manifestColumn } from '../../config/manifest-column.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { type Instant, instantFromMicros } from '../../contracts/instant.ts';
import { type FileOrder, isSplittable } from '../../contracts/order.ts';
import type { Plan, PlannedPart } from '../../contracts/plan.ts';
import { XLSX_ROWS_MAX } from '../../streams/xlsx.ts';
import { sumDays, windowOfDays } from './days.ts';
import { toFailure } from './errors.ts';
import { withAllMemory } from './memory.ts';
import { addSums, type Reading, sumRows } from './row-sum.ts';
import { WHOLE } from './rows.ts';
import type { Session } from './session.ts';
import { divideRows, splitRows } from './slices.ts';
import { describeSource } from './source.ts';
import { orderedColumns } from './source-column.ts';
import { measureWide } from './wide-rows.ts';

/**
 * Plans files at one snapshot time. The connection is in a transaction, so the sums of a file and of its parts cover the
 * same rows.
 *
 * @param partRows as in the port
 */
export async function planFiles(
  session: Pick<Session, 'postgres' | 'anonymizes' | 'keepsOrder' | 'memory'>,
  connection: DuckDBConnection,
  files: readonly { readonly dataset: Dataset; readonly order: FileOrder }[],
  partRows: number,
): Promise<readonly Plan[]> {
  const snapshotAt = await readClock(connection);
  const plans: Plan[] = [];
  for (const { dataset, order } of files) {
    try {
      const read = await beginReading(session, connection, dataset, order, snapshotAt);
      const plan = () => planFile(session, read, partRows);
      plans.push(await (read.source.collects ? withAllMemory(session.memory, plan) : plan()));
    } catch (error) {
      throw toFailure(error, `Dataset ${dataset.name}`);
    }
  }
  return plans;
}

async function planFile({ keepsOrder }: Pick<Session, 'keepsOrder'>, read: Reading, partRows: number): Promise<Plan> {
  const whole = await planWhole(read);
  const unmeasured = await partsOf(read, whole, partRows);
  // Text is written in batches only to keep its order.
  const parts = keepsOrder || read.order.format === 'parquet' ? await measureWide(read, unmeasured) : unmeasured;
  if (read.order.format === 'xlsx') assertFitsSheet(read.order, parts);
  return { ...whole, parts };
}

/** @returns the parts of one file, or of an order's several files one each */
async function partsOf(read: Reading, { rows, parts }: Plan, partRows: number): Promise<readonly PlannedPart[]> {
  const { order, source } = read;
  const { format, recipients, rowsPerFile } = order;
  if (source.times === undefined) return parts;
  if (rowsPerFile !== undefined) {
    const limit = rowsPerFile === 'auto' ? partRows : rowsPerFile;
    const max = format === 'xlsx' ? Math.min(limit, XLSX_ROWS_MAX) : limit;
    return rows <= max ? parts : divideRows(read, source.times, rows, max);
  }
  if (recipients.length > 0 || !isSplittable(format) || rows <= partRows) return parts;
  return splitRows(read, source.times, Math.ceil(rows / partRows));
}

/** @throws WaybillError `xlsx_too_large` */
function assertFitsSheet({ dataset, rowsPerFile }: FileOrder, parts: readonly PlannedPart[]): void {
  const most = Math.max(...parts.map(({ rows }) => rows));
  if (most <= XLSX_ROWS_MAX) return;
  const [rows, max] = [most, XLSX_ROWS_MAX].map((count) => count.toLocaleString('en'));
  const message =
    rowsPerFile === undefined
      ? `${dataset} has ${rows} rows, and a sheet of Excel holds ${max}. Order PARQUET or CSV, several files, or choose a shorter window or a filter.`
      : `${dataset} has ${rows} rows that no time divides, and a sheet of Excel holds ${max}. Order PARQUET or CSV, or choose a filter.`;
  throw new WaybillError('xlsx_too_large', message);
}

async function beginReading(
  session: Pick<Session, 'postgres' | 'anonymizes'>,
  connection: DuckDBConnection,
  dataset: Dataset,
  order: FileOrder,
  snapshotAt: Instant,
): Promise<Reading> {
  return {
    connection,
    dataset,
    order,
    source: await describeSource(session, connection, dataset, order.parameters),
    snapshotAt,
    slice: WHOLE,
  };
}

/** @returns a plan of one part. */
async function planWhole(read: Reading): Promise<Plan> {
  const { dataset, order, source, snapshotAt } = read;
  const window = windowOfDays(order.window);
  const days = window && source.times ? await sumDays(read, source.times, window) : undefined;
  const sum = days ? addSums(days) : await sumRows(read);
  return {
    snapshotAt,
    rows: sum.rows,
    ...(days && { rowsByDay: days.map(({ day, rows }) => ({ day, rows })) }),
    columns: orderedColumns(order, dataset.columns, (column) => column).map(manifestColumn),
    parts: [{ index: 0, slice: WHOLE, ...sum }],
  };
}

export async function readClock(connection: DuckDBConnection): Promise<Instant> {
  const result = await connection.runAndReadAll('SELECT epoch_us(current_timestamp)');
  const micros = result.getRows()[0]?.[0];
  const now = typeof micros === 'bigint' ? instantFromMicros(micros) : undefined;
  if (now === undefined) throw new WaybillError('internal', 'The clock of the warehouse is out of range.');
  return now;
}
