import type { DuckDBConnection } from '@duckdb/node-api';
import type { Dataset } from '../../config/dataset.ts';
import { manifestColumn } from '../../config/manifest-column.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { type Instant, instantFromMicros } from '../../contracts/instant.ts';
import { type FileOrder, isSplittable } from '../../contracts/order.ts';
import type { Plan, PlannedPart } from '../../contracts/plan.ts';
import { XLSX_ROWS_MAX } from '../../streams/xlsx.ts';
import type { Bindings } from './bindings.ts';
import { sumDays, windowOfDays } from './days.ts';
import { toFailure } from './errors.ts';
import { orderedColumns } from './part-query.ts';
import { addSums, type Reading, selectRows, sumColumns, sumRows, toSum } from './row-sum.ts';
import { sliceFrom, type Times, WHOLE } from './rows.ts';
import type { Session } from './session.ts';
import { describeSource } from './source.ts';

/** Keeps the plan small, because it is stored in Temporal's history: about 100 bytes a part. */
const PARTS_MAX = 2000;

/**
 * Plans files at one snapshot time. The connection is in a transaction, so the sums of a file and of its parts cover the
 * same rows.
 *
 * @param partRows as in the port
 */
export async function planFiles(
  session: Pick<Session, 'postgres' | 'anonymizes'>,
  connection: DuckDBConnection,
  files: readonly { readonly dataset: Dataset; readonly order: FileOrder }[],
  partRows: number,
): Promise<readonly Plan[]> {
  const snapshotAt = await readClock(connection);
  const plans: Plan[] = [];
  for (const { dataset, order } of files) {
    try {
      plans.push(await planFile(await beginReading(session, connection, dataset, order, snapshotAt), partRows));
    } catch (error) {
      throw toFailure(error, `Dataset ${dataset.name}`);
    }
  }
  return plans;
}

async function planFile(read: Reading, partRows: number): Promise<Plan> {
  const plan = await planWhole(read);
  const { order, source } = read;
  if (order.format === 'xlsx' && plan.rows > XLSX_ROWS_MAX) {
    const [rows, max] = [plan.rows, XLSX_ROWS_MAX].map((count) => count.toLocaleString('en'));
    throw new WaybillError(
      'xlsx_too_large',
      `${order.dataset} has ${rows} rows, and a sheet of Excel holds ${max}. Order PARQUET or CSV, or choose a shorter window or a filter.`,
    );
  }
  const splittable = order.recipients.length === 0 && isSplittable(order.format);
  if (!splittable || plan.rows <= partRows || source.times === undefined) return plan;
  const parts = await splitRows(read, source.times, Math.ceil(plan.rows / partRows));
  return parts.length > 0 ? { ...plan, parts } : plan;
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

/**
 * Cuts the rows at approximate quantiles of the partition time; the sums are computed afterwards and are exact. Rows with
 * the same time stay together, so there can be fewer parts than requested.
 */
async function splitRows(read: Reading, times: Times, count: number): Promise<readonly PlannedPart[]> {
  const cuts = await findCuts(read, times, Math.min(count, PARTS_MAX));
  const rows = await selectRows(read, (bindings) => ({
    columns: `${sliceNumber(times, cuts, 0, bindings)}, ${sumColumns(read.source)}`,
    // By place: an alias could be the name of a column.
    groupBy: '1',
  }));
  const sums = new Map(rows.map(([slice, ...sum]) => [Number(slice), toSum(sum)]));
  const edges = [null, ...cuts, null];
  return edges.slice(1).map((to, index) => ({
    index,
    slice: { from: edges[index] ?? null, to },
    ...(sums.get(index) ?? toSum()),
  }));
}

async function findCuts(read: Reading, times: Times, count: number): Promise<readonly Instant[]> {
  const micros = times.flatMap((column) => (column ? [`epoch_us(${column.sql})`] : [])).join(', ');
  const shares = Array.from({ length: count - 1 }, (_, i) => (i + 1) / count).join(', ');
  const columns = `unnest(approx_quantile(coalesce(${micros}), [${shares}]))`;
  const rows = await selectRows(read, () => ({ columns }));
  const cuts = rows.flatMap(([value]) => (typeof value === 'bigint' ? (instantFromMicros(value) ?? []) : []));
  return [...new Set(cuts)].sort();
}

/** SQL of a row's slice number: a binary search. Rows without a partition time are in the first slice. */
function sliceNumber(times: Times, cuts: readonly Instant[], offset: number, bindings: Bindings): string {
  const middle = Math.floor(cuts.length / 2);
  const cut = cuts[middle];
  if (cut === undefined) return String(offset);
  const right = sliceNumber(times, cuts.slice(middle + 1), offset + middle + 1, bindings);
  const left = sliceNumber(times, cuts.slice(0, middle), offset, bindings);
  return `CASE WHEN ${sliceFrom(times, cut, bindings)} THEN ${right} ELSE ${left} END`;
}
