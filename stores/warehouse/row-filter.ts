import { BOOLEAN, DATE, DuckDBDateValue, DuckDBTypeId as Id, VARCHAR } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import type { Condition } from '../../contracts/filter.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Values } from './bindings.ts';
import { type Comparison, conditionSql } from './comparison.ts';
import { digitComparison, doubleComparison, exactComparison } from './number-comparison.ts';
import { mayBeTenant, POSTGRES_VALUES } from './postgres-values.ts';
import type { SourceColumn } from './source-column.ts';
import { isText } from './tenant-filter.ts';
import { atLeast, atMost, timeColumn } from './time-column.ts';

/**
 * The conditions of a filter. A value is bound as the column's own type, so that storage and PostgreSQL get the comparison.
 *
 * @returns SQL, one text a condition
 * @throws WaybillError `unknown_column`
 */
export function filterSql(
  filter: readonly Condition[],
  source: { readonly columns: readonly SourceColumn[]; readonly inPostgres: boolean },
  values: Values,
): readonly string[] {
  return filter.map((condition) => {
    const column = find(source.columns, condition);
    return conditionSql(condition, column.sql, () => comparisonOf(column, values, source.inPostgres));
  });
}

/**
 * The conditions that PostgreSQL can test before it sends rows; {@link filterSql} tests all of them.
 *
 * @param columnSql returns a column in SQL of PostgreSQL, or `undefined` if it is no column there
 * @returns SQL of PostgreSQL that holds at least for the rows of the filter
 */
export function filterInPostgres(
  filter: readonly Condition[],
  columns: readonly SourceColumn[],
  columnSql: (name: string) => string | undefined,
): readonly string[] {
  return filter.flatMap((condition) => {
    const { column, type } = find(columns, condition);
    const sql = columnSql(column.name);
    const comparison = sql === undefined ? undefined : comparisonInPostgres({ column, sql, type });
    if (sql === undefined || (!comparison && condition.op !== 'isNull')) return [];
    return [conditionSql(condition, sql, () => comparison ?? ANYTHING)];
  });
}

const ANYTHING: Comparison = { eq: () => 'true', from: () => 'true', to: () => 'true' };

function find(columns: readonly SourceColumn[], condition: Condition): SourceColumn {
  const column = columns.find((candidate) => candidate.column.name === condition.column);
  if (column) return column;
  throw new WaybillError('unknown_column', `There is no column ${condition.column}.`, { field: 'filter' });
}

/** @throws RangeError if values of the column's type are not compared */
function comparisonOf({ column, sql, type }: SourceColumn, values: Values, inPostgres: boolean): Comparison {
  switch (column.type) {
    case 'boolean':
      return bound(sql, (value) => values.add(value === 'true', BOOLEAN));
    case 'integer':
    case 'decimal':
      if (type.typeId === Id.VARCHAR) return digitComparison(sql, values);
      return exactComparison(sql, type, values) ?? bound(sql, (value) => cast(value, String(type), values));
    case 'double':
      return doubleComparison(sql, type, values);
    case 'text':
      return textComparison(sql, type, values, inPostgres);
    case 'date':
      return bound(sql, (value) => values.add(dateValue(value), DATE));
    case 'time': {
      // Of a time with an offset, the time of day before it counts.
      const time = type.typeId === Id.TIME_TZ ? `CAST(${sql} AS TIME)` : sql;
      return bound(time, (value) => cast(value, type.typeId === Id.TIME_NS ? 'TIME_NS' : 'TIME', values));
    }
    case 'timestamp':
      return timeComparison(sql, type, values);
    case 'uuid': {
      const uuid = type.typeId === Id.UUID ? sql : `TRY_CAST(${sql} AS UUID)`;
      return bound(uuid, (value) => cast(value, 'UUID', values));
    }
    case 'json':
    case 'binary':
      throw new RangeError(`values of type ${column.type} are not compared`);
  }
}

/** @returns `undefined`: the comparison is left to DuckDB */
function comparisonInPostgres({ column, sql, type }: SourceColumn): Comparison | undefined {
  switch (column.type) {
    case 'boolean':
    case 'date':
      return comparisonOf({ column, sql, type }, POSTGRES_VALUES, false);
    case 'integer':
    case 'decimal':
      // A `numeric` that arrives as text. The value has digits and a point only.
      return type.typeId === Id.VARCHAR ? bound(sql, (value) => value) : exactComparison(sql, type, POSTGRES_VALUES);
    case 'timestamp':
      return timeComparison(sql, type, POSTGRES_VALUES);
    case 'text':
      return { ...ANYTHING, eq: (value) => mayBeTenant(sql, type, value) };
    case 'uuid':
      return type.typeId === Id.UUID ? { ...ANYTHING, eq: (value) => mayBeTenant(sql, type, value) } : undefined;
    case 'double':
    case 'time':
    case 'json':
    case 'binary':
      return undefined;
  }
}

/** @param of returns SQL of a value */
function bound(sql: string, of: (value: string) => string): Comparison {
  return {
    eq: (value) => `${sql} = ${of(value)}`,
    from: (value) => `${sql} >= ${of(value)}`,
    to: (value) => `${sql} <= ${of(value)}`,
    in: (list) => `${sql} IN (${list.map(of).join(', ')})`,
  };
}

function cast(value: string, type: string, values: Values): string {
  return `CAST(${values.add(value, VARCHAR)} AS ${type})`;
}

/**
 * Texts are in the order of their code points.
 *
 * DuckDB quotes a text for PostgreSQL without a thought for backslashes, which a server may read as escapes: with one in it, the
 * comparison is of an expression, which is not sent.
 */
function textComparison(sql: string, type: SourceColumn['type'], values: Values, inPostgres: boolean): Comparison {
  const text = type.typeId === Id.VARCHAR ? sql : `CAST(${sql} AS VARCHAR)`;
  const of = (value: string) => values.add(value, VARCHAR);
  const isSent = (list: readonly string[]) => !inPostgres || !list.some((value) => value.includes('\\'));
  const unsent = bound(`(${text} || '')`, of);
  return {
    eq: (value) => (isSent([value]) ? isText({ sql, type }, of(value), inPostgres) : unsent.eq(value)),
    from: (value) => (isSent([value]) ? `${text} >= ${of(value)}` : unsent.from(value)),
    to: (value) => (isSent([value]) ? `${text} <= ${of(value)}` : unsent.to(value)),
    in: (list) => {
      const all = list.map(of).join(', ');
      if (!isSent(list)) return `(${text} || '') IN (${all})`;
      // PostgreSQL gets IN without a collation, and one may hold different texts for equal.
      return inPostgres ? `(${text} IN (${all}) AND (${text} || '') IN (${all}))` : `${text} IN (${all})`;
    },
  };
}

const DAY_MS = 86_400_000;

function dateValue(date: string): DuckDBDateValue {
  return new DuckDBDateValue(Date.parse(date) / DAY_MS);
}

/** Compares instants of microseconds; a time with nanoseconds between two of them equals neither. */
function timeComparison(sql: string, type: SourceColumn['type'], values: Values): Comparison {
  const time = timeColumn(sql, type);
  if (!time) throw new RangeError('the column has no points in time');
  const from = (value: string) => atLeast(time, value as Instant, values);
  const to = (value: string) => {
    const isTo = atMost(time, value as Instant, values);
    if (type.typeId !== Id.TIMESTAMP_NS) return isTo;
    return `(${isTo} AND (CAST(${time.sql} AS TIMESTAMP_NS) = ${sql} OR NOT ${from(value)}))`;
  };
  return { from, to, eq: (value) => `(${from(value)} AND ${to(value)})` };
}
