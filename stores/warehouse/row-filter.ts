import { VARCHAR } from '@duckdb/node-api';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { PartSlice } from '../../contracts/plan.ts';
import type { Window } from '../../contracts/window.ts';
import type { Bindings } from './bindings.ts';
import type { Source } from './source.ts';
import { atLeast, atMost, below, type TimeColumn, type Times } from './time-column.ts';

/** The whole: a slice that is open on both sides. */
export const WHOLE: PartSlice = { from: null, to: null };

/** @returns the WHERE condition of an order's rows: the tenant's, in the window, at the snapshot, in the slice. */
export function rowFilter(
  source: Source,
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

/** A row is in the window when its created or its modified time lies in it. */
function inWindow(times: Times, window: Window, bindings: Bindings): string {
  const ends = window.bounds === 'inclusive' ? atMost : below;
  return present(times)
    .map((column) => `(${atLeast(column, window.from, bindings)} AND ${ends(column, window.to, bindings)})`)
    .join(' OR ');
}

/**
 * Leaves out rows whose last change is later than the snapshot: one that changed since the plan is then missing, which
 * the count shows, and never silently newer.
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
 * A test of coalesce(first, second), written as one condition a column, because storage can use such to skip rows and
 * cannot look into a coalesce.
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
