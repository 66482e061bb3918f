import {
  DATE,
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  TIMESTAMP,
  TIMESTAMPTZ,
  VARCHAR,
} from '@duckdb/node-api';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { PartSlice } from '../../contracts/plan.ts';
import type { Window } from '../../contracts/window.ts';
import type { Bindings } from './bindings.ts';

/** All rows: a slice open on both sides. */
export const WHOLE: PartSlice = { from: null, to: null };

/** @returns the WHERE condition of an order's rows: tenant, window, snapshot, slice */
export function rowFilter(
  source: { readonly tenantSql: string; readonly times: Times | undefined },
  order: Pick<FileOrder, 'tenant' | 'window'>,
  cut: { readonly snapshotAt: Instant; readonly slice: PartSlice },
  bindings: Bindings,
): string {
  const conditions = [`${source.tenantSql} = ${bindings.add(order.tenant, VARCHAR)}`];
  if (source.times) {
    if (order.window !== null) conditions.push(inWindow(source.times, order.window, bindings));
    conditions.push(untilSnapshot(source.times, cut.snapshotAt, bindings));
    if (cut.slice.from !== null) conditions.push(sliceFrom(source.times, cut.slice.from, bindings));
    if (cut.slice.to !== null) conditions.push(sliceTo(source.times, cut.slice.to, bindings));
  }
  return conditions.map((condition) => `(${condition})`).join(' AND ');
}

/** A row is in the window if its created or modified time is. */
function inWindow(times: Times, window: Window, bindings: Bindings): string {
  const ends = window.bounds === 'inclusive' ? atMost : below;
  return present(times)
    .map((column) => `(${atLeast(column, window.from, bindings)} AND ${ends(column, window.to, bindings)})`)
    .join(' OR ');
}

/**
 * Excludes rows whose last change is later than the snapshot. A row that changed after the plan is then missing, which the
 * count shows, rather than silently newer.
 */
function untilSnapshot(times: Times, snapshotAt: Instant, bindings: Bindings): string {
  return partitionTime(times, (column) => atMost(column, snapshotAt, bindings), 'pass');
}

/** The partition time, coalesce(modified, created), is at or after the instant; not for rows without one. */
export function sliceFrom(times: Times, from: Instant, bindings: Bindings): string {
  return partitionTime(times, (column) => atLeast(column, from, bindings), 'fail');
}

function sliceTo(times: Times, to: Instant, bindings: Bindings): string {
  return partitionTime(times, (column) => below(column, to, bindings), 'pass');
}

/**
 * A condition on coalesce(first, second), written as one condition per column, because storage can push those down and not
 * a coalesce.
 */
function partitionTime(times: Times, test: (column: TimeColumn) => string, withoutTime: 'pass' | 'fail'): string {
  const [first, second] = times;
  const pass = (column: TimeColumn) => (withoutTime === 'pass' ? `${column.sql} IS NULL OR ` : '');
  if (!second) return `${pass(first)}${test(first)}`;
  return (
    `(${first.sql} IS NULL OR ${test(first)}) AND ` + `(${first.sql} IS NOT NULL OR ${pass(second)}${test(second)})`
  );
}

function present(times: Times): readonly TimeColumn[] {
  return times.filter((column) => column !== undefined);
}

const DAY_MICROS = 86_400_000_000n;

/** A time column of a dataset. Casts are avoided, so that filters are pushed down to storage. */
interface TimeColumn {
  /** SQL of the column, of type `kind`. */
  readonly sql: string;
  readonly kind: 'TIMESTAMP' | 'TIMESTAMPTZ' | 'DATE';
}

/** A row's time columns: at least one; modified before created if there are both. */
export type Times = readonly [first: TimeColumn, second?: TimeColumn];

/** @returns `undefined` if the type has no points in time */
export function timeColumn(sql: string, type: DuckDBType): TimeColumn | undefined {
  switch (type.typeId) {
    case DuckDBTypeId.TIMESTAMP:
      return { sql, kind: 'TIMESTAMP' };
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { sql, kind: 'TIMESTAMPTZ' };
    case DuckDBTypeId.DATE:
      return { sql, kind: 'DATE' };
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return { sql: `CAST(${sql} AS TIMESTAMP)`, kind: 'TIMESTAMP' };
    default:
      return undefined;
  }
}

/** @returns SQL: the column's time is at or after the instant */
function atLeast(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} >= ${bound(column, instant, 'up', bindings)}`;
}

/** @returns SQL: the column's time is before the instant */
export function below(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} < ${bound(column, instant, 'up', bindings)}`;
}

/** @returns SQL: the column's time is at or before the instant */
function atMost(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} <= ${bound(column, instant, 'down', bindings)}`;
}

/**
 * Binds an instant as the column's own type. A DATE means its midnight in UTC, so an instant within a day is
 * rounded up to the next midnight for `>=` and `<`, and down for `<=`; the results are those of the instant.
 */
function bound(column: TimeColumn, instant: Instant, rounding: 'up' | 'down', bindings: Bindings): string {
  const micros = microsOf(instant);
  switch (column.kind) {
    case 'TIMESTAMP':
      return bindings.add(new DuckDBTimestampValue(micros), TIMESTAMP);
    case 'TIMESTAMPTZ':
      return bindings.add(new DuckDBTimestampTZValue(micros), TIMESTAMPTZ);
    case 'DATE': {
      const rest = ((micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
      const day = (micros - rest) / DAY_MICROS;
      return bindings.add(new DuckDBDateValue(Number(rest > 0n && rounding === 'up' ? day + 1n : day)), DATE);
    }
  }
}

/** @returns microseconds since 1970-01-01T00:00:00Z. */
function microsOf(instant: Instant): bigint {
  return BigInt(Date.parse(`${instant.slice(0, 23)}Z`)) * 1000n + BigInt(instant.slice(23, 26));
}
