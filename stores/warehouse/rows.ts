import type { Instant } from '../../contracts/instant.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { PartSlice } from '../../contracts/plan.ts';
import type { Window } from '../../contracts/window.ts';
import type { Bindings, Values } from './bindings.ts';
import { POSTGRES_VALUES } from './postgres-values.ts';
import { filterInPostgres, filterSql } from './row-filter.ts';
import type { SourceColumn } from './source-column.ts';
import { isTenant, type TenantColumn } from './tenant-filter.ts';
import { above, atLeast, atMost, below, type TimeColumn } from './time-column.ts';

/** All rows: a slice open on both sides. */
export const WHOLE: PartSlice = { from: null, to: null };

/** Where rows come from. */
export interface RowSource {
  /** The FROM item: the dataset's SQL in parentheses, named `source`. */
  readonly fromSql: string;
  readonly tenant: TenantColumn;
  /** The catalog's columns, in its order. */
  readonly columns: readonly SourceColumn[];
  /** Whether the SQL reads an attached PostgreSQL. */
  readonly inPostgres: boolean;
  /** SQL of the deletion marker, a BOOLEAN; `undefined`: there is none. */
  readonly deletedSql: string | undefined;
  /** Set if a query of Waybill's own reads the rows in PostgreSQL. */
  readonly query: PostgresQuery | undefined;
  /** `undefined`: the dataset has no time columns and ignores window and snapshot. */
  readonly times: Times | undefined;
}

/** A query of Waybill's own in PostgreSQL, to which DuckDB passes no conditions on. */
export interface PostgresQuery {
  /** Further conditions of the rows, SQL of PostgreSQL. */
  readonly conditions: readonly string[];
  /** @returns the FROM item, named `source`, of the rows for which these conditions, SQL of PostgreSQL, hold */
  fromSql(conditions: readonly string[]): string;
  /** @returns SQL of PostgreSQL that holds at least for the tenant's rows */
  mayBeTenant(key: string): string;
  /** @returns in SQL of PostgreSQL, the table's column that the dataset selects under this name */
  columnSql(name: string): string | undefined;
  /** Whether that column is a `numeric`. */
  isNumeric(name: string): boolean;
}

/** @returns the FROM item of the rows of all tenants, named `source` */
export function everyRow({ fromSql, query }: Pick<RowSource, 'fromSql' | 'query'>): string {
  return query ? query.fromSql(query.conditions) : fromSql;
}

/**
 * The rows of an order: of the tenant, in the window and the slice, not newer than the snapshot, and in its filter.
 *
 * A query of Waybill's own gets the conditions twice: in PostgreSQL, for its indexes, and in DuckDB, where they are exact.
 *
 * PostgreSQL is sent comparisons of single columns only, so there a disjunction over two columns would read every row of
 * the tenant. Two queries, each with a range of one column, let it use its indexes.
 *
 * @returns SQL from `FROM` on; it names the rows `source`
 */
export function rowsSql(
  source: RowSource,
  order: Pick<FileOrder, 'tenant' | 'window' | 'rows' | 'filter'>,
  cut: Cut,
  bindings: Bindings,
): string {
  const isTenants = isTenant(source, order.tenant, bindings);
  const { times, query } = source;
  const filter = order.filter ?? [];
  const wanted = all(
    isTenants,
    // Without a marker, nothing is deleted.
    ...(order.rows === 'deleted' ? [source.deletedSql ?? 'false'] : []),
    ...filterSql(filter, source, bindings),
  );
  const cases = times ? timeCases(times, order.window, cut, bindings) : ['true'];
  const sent = times && query ? timeCases(inPostgres(times), order.window, cut, POSTGRES_VALUES) : ['true'];
  const sentFilter = query ? filterInPostgres(filter, source.columns, query.columnSql) : [];
  const from = (rows: string) =>
    query ? query.fromSql([query.mayBeTenant(order.tenant), rows, ...sentFilter, ...query.conditions]) : source.fromSql;
  const bounded = order.window !== null || cut.slice.from !== null || cut.slice.to !== null;
  if (cases.length === 1 || !bounded || !source.inPostgres) {
    return `FROM ${from(`(${sent.join(' OR ')})`)} WHERE ${wanted} AND (${cases.join(' OR ')})`;
  }
  const queries = cases.map(
    (condition, at) => `SELECT * FROM ${from(sent[at] ?? 'true')} WHERE ${wanted} AND ${condition}`,
  );
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
function timeCases(times: Times, window: Window | null, { snapshotAt, slice }: Cut, values: Values): readonly string[] {
  const [first, second] = times;
  const inPart = (column: TimeColumn) =>
    all(
      ...(slice.from === null ? [] : [atLeast(column, slice.from, values)]),
      ...(slice.to === null ? [] : [below(column, slice.to, values)]),
      atMost(column, snapshotAt, values),
    );
  if (window === null || window.from === null) {
    const isBeforeEnd = window === null ? [] : [changedBefore(times, window.to, values)];
    const last = second ?? first;
    const inPartOrWithoutTime = slice.from === null ? `(${isNull(last)} OR ${inPart(last)})` : inPart(last);
    if (!second) return [all(inPartOrWithoutTime, ...isBeforeEnd)];
    return [all(inPart(first), ...isBeforeEnd), all(isNull(first), inPartOrWithoutTime, ...isBeforeEnd)];
  }
  const { from, to, bounds } = window;
  const isBeforeEnd = bounds === 'inclusive' ? atMost : below;
  const inWindow = (column: TimeColumn) => all(atLeast(column, from, values), isBeforeEnd(column, to, values));
  if (!second) return [all(inPart(first), inWindow(first))];
  if (bounds === 'half-open') {
    const isOlder = (column: TimeColumn, than: Instant) => `(${isNull(column)} OR ${below(column, than, values)})`;
    return [
      all(inPart(first), inWindow(first), isOlder(second, to)),
      all(inWindow(second), isOlder(first, from), `(${inPart(first)} OR ${all(isNull(first), inPart(second))})`),
    ];
  }
  const outside = `(${below(first, from, values)} OR ${above(first, to, values)})`;
  const byCreation = `(${all(isNull(first), inPart(second))} OR ${all(inPart(first), outside)})`;
  return [all(inPart(first), inWindow(first)), all(inWindow(second), byCreation)];
}

/** @returns SQL: no time of the row is at or after the instant */
function changedBefore([first, second]: Times, instant: Instant, values: Values): string {
  return all(
    ...[first, ...(second ? [second] : [])].map((column) => `(${isNull(column)} OR ${below(column, instant, values)})`),
  );
}

function all(...conditions: readonly string[]): string {
  return `(${conditions.join(' AND ')})`;
}

function isNull({ sql }: TimeColumn): string {
  return `${sql} IS NULL`;
}

/** The partition time, coalesce(modified, created), is at or after the instant; not for rows without one. */
export function sliceFrom([first, second]: Times, from: Instant, values: Values): string {
  if (!second) return atLeast(first, from, values);
  return `(${atLeast(first, from, values)} OR ${all(isNull(first), atLeast(second, from, values))})`;
}

/** A row's time columns: at least one; modified before created if there are both. */
export type Times = readonly [first: TimeColumn, second?: TimeColumn];

function inPostgres([first, second]: Times): Times {
  const column = (time: TimeColumn) => ({ ...time, sql: time.inPostgres ?? time.sql });
  return second ? [column(first), column(second)] : [column(first)];
}
