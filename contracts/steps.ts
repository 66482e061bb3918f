import type { AttemptedObject } from './attempts.ts';
import type { Failure } from './failures.ts';
import type { ManifestPart } from './manifest.ts';
import type { Order } from './order.ts';
import type { Plan, PlannedPart } from './plan.ts';

/** What every step of an export is told about it. It lives in Temporal's history: no rows, no secrets. */
export interface ExportIdentity {
  /** Run id of the workflow's first run. */
  readonly exportId: string;
  readonly workflowId: string;
  readonly order: Order;
}

/** What a door starts an export with. */
export interface ExportInput {
  readonly order: Order;
  /** ISO 8601. */
  readonly requestedAt: string;
}

export interface WritePartInput extends ExportIdentity {
  readonly snapshotAt: Plan['snapshotAt'];
  readonly part: PlannedPart;
}

export interface PublishInput extends ExportIdentity {
  readonly plan: Plan;
  readonly parts: readonly ManifestPart[];
  /** ISO 8601; fixed by the workflow so that a retry writes the very same manifest. */
  readonly createdAt: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** The sums that a finished export is shown with, and what its manifest is known by. */
export interface Published {
  /** Lower-case hex. */
  readonly manifestSha256: string;
  readonly rows: number;
  readonly bytes: number;
  readonly contentBytes: number;
}

/** Names the files of an export that are to be removed. */
export interface RemoveInput {
  readonly exportId: string;
  readonly tenant: string;
  /**
   * Objects that lost attempts may still be writing: the uploads go as well, and the removal is repeated later. Not given:
   * nobody has been writing for long.
   */
  readonly attempted?: readonly AttemptedObject[];
}

export interface RecordStartInput extends ExportIdentity {
  /** ISO 8601. */
  readonly requestedAt: string;
}

/** How an export ended, in the words of Temporal's history: times are ISO 8601. */
export type StepOutcome =
  | ({
      readonly state: 'completed';
      readonly snapshotAt: Plan['snapshotAt'];
      readonly parts: number;
      readonly expiresAt: string;
    } & Published)
  | { readonly state: 'failed' | 'cancelled'; readonly failure: Failure };

/** What one pass of the reconciler changed, in counts. */
export interface Reconciled {
  /** Runs that were active without a workflow, and are ended now. */
  readonly lost: number;
  /** Runs whose objects were due, and are gone. */
  readonly removed: number;
  /** Ended runs that had objects which should not have been there. */
  readonly strays: number;
  /** Schedules that were missing. */
  readonly schedules: number;
  /** Rows that failed; the log says why, and the next pass tries them again. */
  readonly failed: number;
}
