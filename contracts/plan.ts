import type { Instant } from './instant.ts';
import type { ManifestColumn } from './manifest.ts';

/**
 * Which rows of the order go into one part: those whose partition time lies in `[from, to)`; `null` leaves that side
 * open. Rows without a partition time belong to the part whose `from` is `null`.
 */
export interface PartSlice {
  readonly from: Instant | null;
  readonly to: Instant | null;
}

/**
 * Order-independent fingerprint of the rows that a query reads. Computed by the plan and again by every read; a read with
 * a different sum ends with `source_changed`. Sums of disjoint sets of rows add up to the sum of their union.
 */
export interface RowSum {
  readonly rows: number;
  /**
   * Sum of the rows' 64-bit hashes, modulo 2^64, as 16 hex digits. Each hash covers the row's key and times, or all its
   * columns if it has neither. Not cryptographic.
   */
  readonly rowsHash: string;
}

/** @param hashes sum of the rows' hashes */
export function rowSum(rows: number, hashes: bigint): RowSum {
  return { rows, rowsHash: BigInt.asUintN(64, hashes).toString(16).padStart(16, '0') };
}

export interface PlannedPart extends RowSum {
  /** Zero-based index in the file. */
  readonly index: number;
  readonly slice: PartSlice;
  /** Bytes of a row as text, about, if rows are wide and many. They are written in a way that needs less memory. */
  readonly wideBytes?: number;
}

/** Most days of a window whose rows are counted by day: a year, and some. */
export const DAYS_MAX = 400;

/** Rows of one day in UTC, `YYYY-MM-DD`. */
export interface RowsOfDay {
  readonly day: string;
  readonly rows: number;
}

/** What the export of one file will read. */
export interface Plan {
  readonly snapshotAt: Instant;
  readonly rows: number;
  readonly columns: readonly ManifestColumn[];
  /** Days that have rows; absent: they were not counted by day. */
  readonly rowsByDay?: readonly RowsOfDay[];
  readonly parts: readonly PlannedPart[];
}
