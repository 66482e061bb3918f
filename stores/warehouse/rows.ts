import {
  DATE,
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  TIMESTAMP,
  TIMESTAMPTZ,
} from '@duckdb/node-api';
import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { PartSlice } from '../../contracts/plan.ts';
import type { Window } from '../../contracts/window.ts';
import type { Bindings } from './bindings.ts';
import { isTenant, type TenantColumn } from './tenant-filter.ts';

/** All rows: a slice open on both sides. */
export const WHOLE: PartSlice = { from: null, to: null };

/** Where rows come from. */
export interface RowSource {
  /** The FROM item: the dataset's SQL in parentheses, named `source`. */
  readonly fromSql: string;
  readonly tenant: TenantColumn;
  /** Whether the SQL reads an attached PostgreSQL. */
  readonly inPostgres: boolean;
  /** SQL of the deletion marker, a BOOLEAN; `undefined`: there is none. */
  readonly deletedSql: string | undefined;
  /** `undefined`: the dataset has no time columns and ignores window and snapshot. */
  readonly times: Times | undefined;
}

/**
 * The rows of an order: of the tenant, in the window and the slice, not newer than the snapshot.
 *
 * PostgreSQL is sent comparisons of single columns only, so there a disjunction over two columns would read every row of
 * the tenant. Two queries, each with a range of one column, let it use its indexes.
 *
 * @returns SQL from `FROM` on; it names the rows `source`
 */
export function rowsSql(
  source: RowSource,
  order: Pick<FileOrder, 'tenant' | 'window' | 'rows'>,
  cut: Cut,
  bindings: Bindings,
): string {
  const isTenants = isTenant(source, order.tenant, bindings);
  // Without a marker, nothing is deleted.
  const wanted = order.rows === 'deleted' ? all(isTenants, source.deletedSql ?? 'false') : isTenants;
  const cases = source.times ? timeCases(source.times, order.window, cut, bindings) : ['true'];
  const bounded = order.window !== null || cut.slice.from !== null || cut.slice.to !== null;
  if (cases.length === 1 || !bounded || !source.inPostgres) {
    return `FROM ${source.fromSql} WHERE ${wanted} AND (${cases.join(' OR ')})`;
  }
  const queries = cases.map((condition) => `SELECT * FROM ${source.fromSql} WHERE ${wanted} AND ${condition}`);
  return `FROM (${queries.join(' UNION ALL ')}) AS source`;
}

/** What a part takes of an order's rows. */
export interface Cut {
  readonly snapshotAt: Instant;
  readonly slice: PartSlice;
}

/**
 * Conditions of which one holds for each row of the order, and never two. A row is in an inclusive window if its created or
 * modified time is, and in a half-open one if the later of both is. Slices and snapshot go by the partition time,
 * coalesce(modified, created); a row that was changed after the snapshot is left out, which the sums show, rather than
 * silently newer. Rows without a time are in the first slice of an order whose window has no beginning.
 */
function timeCases(
  times: Times,
  window: Window | null,
  { snapshotAt, slice }: Cut,
  bindings: Bindings,
): readonly string[] {
  const [first, second] = times;
  const inPart = (column: TimeColumn) =>
    all(
      ...(slice.from === null ? [] : [atLeast(column, slice.from, bindings)]),
      ...(slice.to === null ? [] : [below(column, slice.to, bindings)]),
      atMost(column, snapshotAt, bindings),
    );
  if (window === null || window.from === null) {
    const isBeforeEnd = window === null ? [] : [changedBefore(times, window.to, bindings)];
    const last = second ?? first;
    const inPartOrWithoutTime = slice.from === null ? `(${isNull(last)} OR ${inPart(last)})` : inPart(last);
    if (!second) return [all(inPartOrWithoutTime, ...isBeforeEnd)];
    return [all(inPart(first), ...isBeforeEnd), all(isNull(first), inPartOrWithoutTime, ...isBeforeEnd)];
  }
  const { from, to, bounds } = window;
  const isBeforeEnd = bounds === 'inclusive' ? atMost : below;
  const inWindow = (column: TimeColumn) => all(atLeast(column, from, bindings), isBeforeEnd(column, to, bindings));
  if (!second) return [all(inPart(first), inWindow(first))];
  if (bounds === 'half-open') {
    const isOlder = (column: TimeColumn, than: Instant) => `(${isNull(column)} OR ${below(column, than, bindings)})`;
    return [
      all(inPart(first), inWindow(first), isOlder(second, to)),
      all(inWindow(second), isOlder(first, from), `(${inPart(first)} OR ${all(isNull(first), inPart(second))})`),
    ];
  }
  const outside = `(${below(first, from, bindings)} OR ${above(first, to, bindings)})`;
  const byCreation = `(${all(isNull(first), inPart(second))} OR ${all(inPart(first), outside)})`;
  return [all(inPart(first), inWindow(first)), all(inWindow(second), byCreation)];
}

/** @returns SQL: no time of the row is at or after the instant */
function changedBefore([first, second]: Times, instant: Instant, bindings: Bindings): string {
  return all(
    ...[first, ...(second ? [second] : [])].map(
      (column) => `(${isNull(column)} OR ${below(column, instant, bindings)})`,
    ),
  );
}

function all(...conditions: readonly string[]): string {
  return `(${conditions.join(' AND ')})`;
}

function isNull({ sql }: TimeColumn): string {
  return `${sql} IS NULL`;
}

/** The partition time, coalesce(modified, created), is at or after the instant; not for rows without one. */
export function sliceFrom([first, second]: Times, from: Instant, bindings: Bindings): string {
  if (!second) return atLeast(first, from, bindings);
  return `(${atLeast(first, from, bindings)} OR ${all(isNull(first), atLeast(second, from, bindings))})`;
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

/** @returns SQL: the column's time is after the instant */
function above(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} > ${bound(column, instant, 'down', bindings)}`;
}

/** @returns SQL: the column's time is at or before the instant */
function atMost(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} <= ${bound(column, instant, 'down', bindings)}`;
}

/**
 * Binds an instant as the column's own type. A DATE means its midnight in UTC, so an instant within a day is
 * rounded up to the next midnight for `>=` and `<`, and down for `<=` and `>`; the results are those of the instant.
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
