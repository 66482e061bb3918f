import { DuckDBMapValue, type DuckDBValue } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import { type Instant, instantFromMicros, microsOfInstant } from '../../contracts/instant.ts';
import { DIVIDED_FILES_MAX } from '../../contracts/order.ts';
import type { PlannedPart, RowSum } from '../../contracts/plan.ts';
import type { Bindings } from './bindings.ts';
import { type Reading, selectRows, sumColumns, toSum } from './row-sum.ts';
import { sliceFrom, type Times } from './rows.ts';

/** Keeps the plan small, because it is stored in Temporal's history: about 100 bytes a part. */
const PARTS_MAX = 2000;

/** Steps that are counted for each file, and at most; whole ones are then put together. */
const STEPS_PER_FILE = 8;
const STEPS_MAX = 4000;

/** How often steps with too many rows are cut again, and how many of them each time. */
const REFINEMENTS_MAX = 6;
const REFINED_MAX = 64;

/**
 * Cuts the rows of a file into about `count` parts of about the same size. Rows of the same time stay together, so there can be
 * fewer parts. The cuts are approximate, the sums are exact.
 */
export async function splitRows(read: Reading, times: Times, count: number): Promise<readonly PlannedPart[]> {
  const cuts = await findCuts(read, times, Math.min(count, PARTS_MAX));
  return numbered(cuts, await sumSlices(read, times, cuts));
}

/**
 * Divides the rows of an order over files of at most `max` rows, none of them empty. Rows of the same time stay together, so a
 * file may have more.
 *
 * @param rows of the order; more than `max`
 * @throws WaybillError `too_many_files`
 */
export async function divideRows(
  read: Reading,
  times: Times,
  rows: number,
  max: number,
): Promise<readonly PlannedPart[]> {
  const least = Math.ceil(rows / max);
  if (least > DIVIDED_FILES_MAX) throw tooManyFiles(read, max, least);
  let cuts = await findCuts(read, times, Math.min(least * STEPS_PER_FILE, STEPS_MAX));
  let counts = await countSteps(read, times, cuts);
  for (let tries = 1; tries <= REFINEMENTS_MAX && counts.some((count) => count > max); tries += 1) {
    const more = [...new Set([...cuts, ...(await cutLargeSteps(read, times, cuts, counts, max))])].sort();
    // What is too large has one time.
    if (more.length === cuts.length) break;
    cuts = more;
    counts = await countSteps(read, times, cuts);
  }
  const edges = evenly(counts, max).flatMap((place) => cuts[place] ?? []);
  if (edges.length >= DIVIDED_FILES_MAX) throw tooManyFiles(read, max, edges.length + 1);
  return numbered(edges, await sumSlices(read, times, edges));
}

/** @param max rows of a file that was ordered @param files that they would take */
function tooManyFiles({ order }: Reading, max: number, files: number): WaybillError {
  // A tenth more, because the files are not equally large.
  const enough = Math.ceil((max * files * 1.1) / DIVIDED_FILES_MAX);
  const [many, most, rows] = [files, DIVIDED_FILES_MAX, enough].map((count) => count.toLocaleString('en'));
  return new WaybillError(
    'too_many_files',
    `${order.dataset} would become ${many} files, and at most ${most} are made. Order ${rows} rows per file, or choose a shorter window or a filter.`,
  );
}

/** @returns instants at approximate quantiles of the partition time, ascending */
async function findCuts(read: Reading, times: Times, count: number): Promise<readonly Instant[]> {
  const columns = `unnest(approx_quantile(${micros(times)}, ${shares(count)}))`;
  return toCuts((await selectRows(read, () => ({ columns }))).flat());
}

/** @returns rows of each step, one more than there are cuts; those without a time are in the first */
async function countSteps(read: Reading, times: Times, cuts: readonly Instant[]): Promise<readonly number[]> {
  // The bounds of bins are inclusive, and those of steps are not; what is above the last has a bin of its own.
  const bounds = cuts.map((cut) => `${microsOfInstant(cut) - 1n}`).join(', ');
  const columns = `histogram(${micros(times)}, [${bounds}]::BIGINT[]), count(*)`;
  const [[bins, all] = []] = await selectRows(read, () => ({ columns }));
  const found = new Map(
    bins instanceof DuckDBMapValue ? bins.entries.map(({ key, value }) => [String(key), Number(value)]) : [],
  );
  const counts = cuts.map((cut) => found.get(String(microsOfInstant(cut) - 1n)) ?? 0);
  const above = [...found].reduce((sum, [, count]) => sum + count, 0) - counts.reduce((sum, count) => sum + count, 0);
  const timeless = Number(all ?? 0) - counts.reduce((sum, count) => sum + count, above);
  counts.push(above);
  counts[0] = (counts[0] ?? 0) + timeless;
  return counts;
}

/** @returns instants at quantiles of steps that have more than `max` rows */
async function cutLargeSteps(
  read: Reading,
  times: Times,
  cuts: readonly Instant[],
  counts: readonly number[],
  max: number,
): Promise<readonly Instant[]> {
  const time = micros(times);
  const large = counts.flatMap((count, place) => (count > max ? [place] : [])).slice(0, REFINED_MAX);
  const columns = large.map((place) => {
    const [from, to] = [cuts[place - 1], cuts[place]];
    const bounds = [
      ...(from === undefined ? [] : [`${time} >= ${microsOfInstant(from)}`]),
      ...(to === undefined ? [] : [`${time} < ${microsOfInstant(to)}`]),
    ];
    return `unnest(approx_quantile(${time}, ${shares(2 * STEPS_PER_FILE)}) FILTER (WHERE ${bounds.join(' AND ')}))`;
  });
  return toCuts((await selectRows(read, () => ({ columns: columns.join(', ') }))).flat());
}

function micros(times: Times): string {
  return `coalesce(${times.flatMap((column) => (column ? [`epoch_us(${column.sql})`] : [])).join(', ')})`;
}

function shares(count: number): string {
  return `[${Array.from({ length: count - 1 }, (_, i) => (i + 1) / count).join(', ')}]`;
}

function toCuts(values: readonly DuckDBValue[]): readonly Instant[] {
  const cuts = values.flatMap((value) => (typeof value === 'bigint' ? (instantFromMicros(value) ?? []) : []));
  return [...new Set(cuts)].sort();
}

/** @returns the sum of each slice: one more than there are cuts */
async function sumSlices(read: Reading, times: Times, cuts: readonly Instant[]): Promise<readonly RowSum[]> {
  const rows = await selectRows(read, (bindings) => ({
    columns: `${sliceNumber(times, cuts, 0, bindings)}, ${sumColumns(read.source)}`,
    // By place: an alias could be the name of a column.
    groupBy: '1',
  }));
  const sums = new Map(rows.map(([slice, ...sum]) => [Number(slice), toSum(sum)]));
  return Array.from({ length: cuts.length + 1 }, (_, index) => sums.get(index) ?? toSum());
}

function numbered(cuts: readonly Instant[], sums: readonly RowSum[]): readonly PlannedPart[] {
  const edges = [null, ...cuts, null];
  return sums.map((sum, index) => ({
    index,
    slice: { from: edges[index] ?? null, to: edges[index + 1] ?? null },
    ...sum,
  }));
}

/**
 * Puts neighbouring steps together into as few files as `max` allows, of about the same size.
 * @returns the places of the cuts between them
 */
function evenly(counts: readonly number[], max: number): readonly number[] {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const fewest = packed(counts, max);
  const even = packed(counts, Math.min(max, Math.ceil((rows / (fewest.length + 1)) * 1.02)));
  return even.length === fewest.length ? even : fewest;
}

/** Puts neighbouring steps together as long as they have at most `max` rows. @returns the places of the cuts between them */
function packed(counts: readonly number[], max: number): readonly number[] {
  const places: number[] = [];
  let rows = 0;
  for (const [step, count] of counts.entries()) {
    if (rows > 0 && count > 0 && rows + count > max) {
      places.push(step - 1);
      rows = 0;
    }
    rows += count;
  }
  return places;
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
