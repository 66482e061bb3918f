import type { Instant } from '../../../contracts/instant.ts';
import type { Day } from '../../../contracts/recurrence.ts';
import type { ExportKind } from '../../../contracts/run.ts';
import type { Recurrence, Run, RunFile, StandingFile, StandingOrder } from '../tables.ts';

/** Names a standing order. */
export type StandingOrderRef = Pick<StandingOrder, 'tenant' | 'kind'>;

export interface NewRecipient {
  readonly recipient: string;
  /** Whether the tenant supplied it. */
  readonly ownRecipient: boolean;
}

export interface PutResult {
  /**
   * `enabled`: with a new recipient; `resumed`: with the previous recipient, kept by a plain disable. Unchanged: `already`
   * enabled; `kept`, because the caller's recipient differs from the one that was kept.
   */
  readonly outcome: 'enabled' | 'resumed' | 'already' | 'kept';
  readonly standingOrder: StandingOrder;
}

/** Standing orders that export changes of registered datasets. Every change first locks the standing order. */
export interface Registrations {
  /**
   * Replaces the whole configuration. Datasets that are registered again after a pause start with a complete load; those that
   * are left out become inactive. No dataset at all: the standing order is disabled.
   */
  register(registration: Registration): Promise<void>;
  /** By dataset, inactive ones included. */
  list(ref: StandingOrderRef): Promise<readonly StandingFile[]>;
  /**
   * Lets the next run load these datasets completely.
   * @param load.startsFrom from this moment on; `undefined`: as before
   */
  requestFullLoad(
    load: StandingOrderRef & {
      readonly datasets: readonly string[];
      readonly startsFrom?: Instant | null;
      readonly actor: string;
    },
  ): Promise<void>;
  /**
   * Accepts the columns that the catalog now has: the next run exports the dataset again.
   * @param load whether it begins with a complete load
   * @returns whether it was held
   */
  acceptSchema(ref: StandingOrderRef & { readonly dataset: string }, load: 'complete' | 'delta'): Promise<boolean>;
  /** What runs exported, by run id, then dataset. */
  filesOf(runIds: readonly string[]): Promise<readonly RunFile[]>;
  /** How far what is delivered reaches without a gap, over all days, those included whose files have expired. */
  coverage(ref: StandingOrderRef): Promise<Coverage>;
}

/** What a standing order of changes has delivered. */
export interface Coverage {
  /** Number of delivered days. */
  readonly days: number;
  /** `null`: nothing is delivered. */
  readonly firstDay: Day | null;
  readonly lastDay: Day | null;
  /** Where the latest window ends; `null`: nothing is delivered. */
  readonly to: Instant | null;
  /** By day. */
  readonly gaps: readonly WindowGap[];
}

/** Changes of a dataset that no delivered file has, as after the loss of a day. */
export interface WindowGap {
  readonly dataset: string;
  /** Where the delivered window before ended, and where the one after begins. */
  readonly from: Instant;
  readonly to: Instant;
  /** The delivered days before and after. */
  readonly lastDay: Day;
  readonly nextDay: Day;
  /** The first later day with a complete load of the dataset, which has what was missing; `null`: none. */
  readonly closedBy: Day | null;
}

export interface Registration extends StandingOrderRef {
  readonly datasets: readonly string[];
  readonly recurrence: Recurrence;
  /** Where complete loads begin; `null`: with the first row. */
  readonly startsFrom: Instant | null;
  readonly actor: string;
}

/** Every change first locks the standing order, so concurrent changes and commits are serialized. */
export interface StandingOrders {
  find(tenant: string, kind: ExportKind): Promise<StandingOrder | undefined>;
  /** By tenant. */
  listEnabled(kind: ExportKind): Promise<readonly StandingOrder[]>;
  /** Those that changed before this moment, and whose schedule is not known to match, by tenant. */
  listUnsynced(kind: ExportKind, changedBefore: Date): Promise<readonly StandingOrder[]>;
  /** Records that the schedule matches this version. */
  recordSynced(ref: StandingOrderRef, version: number): Promise<void>;
  /**
   * Creates and enables, or resumes a disabled one.
   * @param change.recurrence when resuming, `undefined` keeps the previous value
   */
  put(
    change: StandingOrderRef & NewRecipient & { readonly recurrence: Recurrence | undefined; readonly actor: string },
  ): Promise<PutResult>;
  /**
   * Keeps files and recipient. No effect when already disabled.
   * @param onlyEpoch only if the standing order still has this epoch
   */
  disable(ref: StandingOrderRef, actor: string, onlyEpoch?: number): Promise<StandingOrder | undefined>;
  /**
   * Replaces the recipient of an enabled standing order; earlier runs are no longer current.
   * @returns every run of earlier epochs that may still own objects, oldest first. @throws WaybillError `not_enabled`
   */
  rotate(change: StandingOrderRef & NewRecipient & { readonly actor: string }): Promise<readonly Run[]>;
  /**
   * Disables and forgets the recipient: nothing can be downloaded any more, and no run can commit.
   * @returns as {@link rotate}, including runs left over from earlier, unfinished calls
   */
  forget(ref: StandingOrderRef, actor: string, onlyEpoch?: number): Promise<readonly Run[]>;
}
