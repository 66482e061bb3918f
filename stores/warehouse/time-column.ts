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
import type { Bindings } from './bindings.ts';

const DAY_MICROS = 86_400_000_000n;

/** A time column of a dataset. It is never cast where that can be helped, so that filters reach the storage. */
export interface TimeColumn {
  /** SQL of the column, of type `kind`. */
  readonly sql: string;
  readonly kind: 'TIMESTAMP' | 'TIMESTAMPTZ' | 'DATE';
}

/** The columns that tell a row's times: never none, the modified one first where there are both. */
export type Times = readonly [first: TimeColumn, second?: TimeColumn];

/** @returns `undefined` when the type holds no points in time. */
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

/** @returns SQL for: the column's time is at or after the instant. */
export function atLeast(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} >= ${bound(column, instant, 'up', bindings)}`;
}

/** @returns SQL for: the column's time is before the instant. */
export function below(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} < ${bound(column, instant, 'up', bindings)}`;
}

/** @returns SQL for: the column's time is at or before the instant. */
export function atMost(column: TimeColumn, instant: Instant, bindings: Bindings): string {
  return `${column.sql} <= ${bound(column, instant, 'down', bindings)}`;
}

/**
 * Binds an instant as the column's own type. A DATE stands for its midnight in UTC, so an instant within a day becomes
 * the next midnight (`up`) for `>=` and `<`, and the last one (`down`) for `<=`: the answers are those of the instant.
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
