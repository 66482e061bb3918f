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
import { type Instant, microsOfInstant } from '../../contracts/instant.ts';
import type { Values } from './bindings.ts';

const DAY_MICROS = 86_400_000_000n;

/** A time column of a dataset. Casts are avoided, so that filters are pushed down to storage. */
export interface TimeColumn {
  /** SQL of the column, of type `kind`. */
  readonly sql: string;
  readonly kind: 'TIMESTAMP' | 'TIMESTAMPTZ' | 'DATE';
  /** SQL of PostgreSQL for the column, if a query of Waybill's own reads it. */
  readonly inPostgres?: string | undefined;
}

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
export function atLeast(column: TimeColumn, instant: Instant, values: Values): string {
  return `${column.sql} >= ${bound(column, instant, 'up', values)}`;
}

/** @returns SQL: the column's time is before the instant */
export function below(column: TimeColumn, instant: Instant, values: Values): string {
  return `${column.sql} < ${bound(column, instant, 'up', values)}`;
}

/** @returns SQL: the column's time is after the instant */
export function above(column: TimeColumn, instant: Instant, values: Values): string {
  return `${column.sql} > ${bound(column, instant, 'down', values)}`;
}

/** @returns SQL: the column's time is at or before the instant */
export function atMost(column: TimeColumn, instant: Instant, values: Values): string {
  return `${column.sql} <= ${bound(column, instant, 'down', values)}`;
}

/**
 * Binds an instant as the column's own type. A DATE means its midnight in UTC, so an instant within a day is
 * rounded up to the next midnight for `>=` and `<`, and down for `<=` and `>`; the results are those of the instant.
 */
function bound(column: TimeColumn, instant: Instant, rounding: 'up' | 'down', values: Values): string {
  const micros = microsOfInstant(instant);
  switch (column.kind) {
    case 'TIMESTAMP':
      return values.add(new DuckDBTimestampValue(micros), TIMESTAMP);
    case 'TIMESTAMPTZ':
      return values.add(new DuckDBTimestampTZValue(micros), TIMESTAMPTZ);
    case 'DATE': {
      const rest = ((micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
      const day = (micros - rest) / DAY_MICROS;
      return values.add(new DuckDBDateValue(Number(rest > 0n && rounding === 'up' ? day + 1n : day)), DATE);
    }
  }
}
