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

export interface PlannedPart {
  /** Zero-based place in the file. */
  readonly index: number;
  readonly slice: PartSlice;
  /** A count of rows at the snapshot; a part that turns out otherwise ends the export with `source_changed`. */
  readonly rows: number;
}

/** What an export will do, fixed before the first byte is written. Small: it lives in Temporal's history. */
export interface Plan {
  readonly snapshotAt: Instant;
  readonly rows: number;
  readonly columns: readonly ManifestColumn[];
  readonly parts: readonly PlannedPart[];
}
