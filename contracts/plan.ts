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
 * Says which rows a query reads, whatever their order. Taken by the plan and again with every read; a read that comes to
 * another sum ends with `source_changed`. Sums of disjoint sets of rows add up to the sum of the whole.
 */
export interface RowSum {
  /** A count. */
  readonly rows: number;
  /**
   * Sum of the rows' 64-bit hashes, modulo 2^64, as 16 hex digits. Each is of the row's key and times, or of all its
   * columns where it has neither. Not cryptographic.
   */
  readonly rowsHash: string;
}

export interface PlannedPart extends RowSum {
  /** Zero-based place in the file. */
  readonly index: number;
  readonly slice: PartSlice;
}

/** What an export will do, fixed before the first byte is written. Small: it lives in Temporal's history. */
export interface Plan {
  readonly snapshotAt: Instant;
  readonly rows: number;
  readonly columns: readonly ManifestColumn[];
  readonly parts: readonly PlannedPart[];
}
