import type { AttemptedObject } from '../../../contracts/attempts.ts';
import type { Period } from '../../../contracts/deltas.ts';
import type { Failure } from '../../../contracts/failures.ts';
import type { Order, Delivery as Place, RequestOrder } from '../../../contracts/order.ts';
import type { ArchiveOrder } from '../../../contracts/questionnaires.ts';
import type { Day } from '../../../contracts/recurrence.ts';
import type { RequestState } from '../../../contracts/requests.ts';
import type { ExportKind, Removal, RunStatus } from '../../../contracts/run.ts';
import type { KeptFiles, MissingDataset } from '../../../contracts/steps.ts';
import type { Acknowledgement, AuditEntry, DeliveredColumn, MailKind, Run, RunFile, StandingOrder } from '../tables.ts';

/** A run with its own order. Its series is its workflow id. */
export interface OrderedRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly order: Order;
  readonly requestedAt: Date;
}

/** The same for an archive of a questionnaire. The archives of a series replace each other. */
export interface ArchiveRun extends Omit<OrderedRun, 'order'> {
  readonly order: ArchiveOrder;
}

/** A run of the request portal, which waits for its turn. */
export interface RequestedRun extends Omit<OrderedRun, 'order'> {
  readonly order: RequestOrder;
  readonly series: string;
  readonly requestedBy: string;
  /** When its batch begins; `null`: it waits for none. */
  readonly startsAt: Date | null;
}

/** A run of a standing order. */
export interface StandingRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly tenant: string;
  readonly kind: ExportKind;
  readonly subject: string;
  readonly startedAt: Date;
  /** Absent: the run exports the complete history. */
  readonly changes?: ChangesRun;
}

/** How a run of changes is cut. The functions are called while the standing order is locked, and must be pure. */
export interface ChangesRun {
  /** @returns what the run covers; a day alone: what has been delivered of that day, once more */
  period(order: Pick<StandingOrder, 'recurrence'>): Period | { readonly day: Day };
  /** @returns the dataset's columns in the catalog; `undefined`: it is not offered */
  columns(dataset: string): readonly DeliveredColumn[] | undefined;
  /** Whether a delta of the dataset is compared with the run that it continues. */
  needsBase(dataset: string): boolean;
}

/** What a run of changes exports. */
export interface RunChanges {
  readonly delivery: Place;
  readonly files: readonly RunFile[];
  /** Datasets that are held, because their columns have changed. */
  readonly missing: readonly MissingDataset[];
}

export type BeginResult =
  | {
      readonly outcome: 'begun';
      readonly standingOrder: StandingOrder | null;
      /** `null`: the run exports the complete history. */
      readonly changes: RunChanges | null;
    }
  /**
   * Nothing to do: the standing order or the tenant is disabled, the epoch has changed, the run has ended, or nothing is new.
   */
  | { readonly outcome: 'off' }
  /** Another run of the series is active. */
  | { readonly outcome: 'busy'; readonly other: Run }
  /** Of a request: others have every place. `ahead`: how many must end first, at least 1. */
  | { readonly outcome: 'queued'; readonly ahead: number };

/** Totals of a completed run. */
type Totals = {
  readonly [Column in
    | 'snapshotAt'
    | 'files'
    | 'parts'
    | 'rows'
    | 'bytes'
    | 'contentBytes'
    | 'manifestSha256']: NonNullable<Run[Column]>;
};

export interface Commit extends Totals {
  /** With `replaceAfterSeconds`, the run becomes current; the files of the run it replaces are kept that long. */
  readonly retention: KeptFiles<Date>;
  /** Of a run of changes: datasets that it does without. Their watermarks stay. */
  readonly missing?: readonly MissingDataset[];
  /** Of a run of changes: number of rows by dataset. */
  readonly datasetRows?: Readonly<Record<string, number>>;
}

/** A completed run as its manifest describes it. */
export type RestoredRun = Totals &
  Pick<OrderedRun, 'runId' | 'workflowId'> & { readonly endedAt: Date } & (
    | { readonly order: Order; readonly expiresAt: Date }
    | RestoredArchive
    | { readonly order: RequestOrder; readonly series: string; readonly expiresAt: Date }
    | { readonly tenant: string; readonly kind: ExportKind; readonly subject: string; readonly recipient: string }
    | RestoredChanges
  );

/** An archive, and whether a password opens it. */
export interface RestoredArchive {
  readonly order: ArchiveOrder;
  readonly hasPassword: boolean;
}

/** A run of changes, and what it delivered. */
export interface RestoredChanges {
  readonly tenant: string;
  readonly kind: ExportKind;
  readonly subject: string;
  readonly day: Day;
  readonly delivered: readonly Pick<RunFile, 'dataset' | 'complete' | 'windowFrom' | 'windowTo' | 'columns' | 'rows'>[];
  readonly expiresAt: Date | null;
}

export interface RunFilter {
  readonly kind: ExportKind;
  /** Any of these at `now`; absent: all. */
  readonly statuses?: { readonly anyOf: readonly RunStatus[]; readonly now: Date };
  /** Case-insensitive. */
  readonly subject?: string;
  /** Any of these; `null` or absent: all. */
  readonly subjects?: readonly string[] | null;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Opaque; pass it back to continue; `null` at the end. Stable while rows are added. */
  readonly next: string | null;
}

export interface Runs {
  /**
   * Inserts a pending run unless it exists; never reverts a state.
   *
   * @param lost id of an active run of the series whose workflow is known to be gone; it is first ended as failed
   * @returns the run, or the other active run of its series
   */
  request(run: OrderedRun | ArchiveRun, lost?: string): Promise<{ readonly run: Run; readonly inserted: boolean }>;
  /** Records that the run is running. Idempotent. @param lost as for {@link request} */
  begin(run: OrderedRun | ArchiveRun | StandingRun, lost?: string): Promise<BeginResult>;
  /** The same for a request, which begins once its turn has come. @param runningMax requests that run at once */
  beginRequest(run: RequestedRun, runningMax: number, lost?: string): Promise<BeginResult>;
  /**
   * running -> completed. Refused unless the standing order, if there is one, is enabled and still has the run's epoch, for a
   * request that has been deleted, for an archive if the tenant's settings of archives have changed since it was ordered, and
   * after {@link preventCommit}. Ends a series of failures with a notice. Idempotent.
   *
   * @returns whether the run has completed
   */
  commit(runId: string, commit: Commit): Promise<boolean>;
  /**
   * Before the objects of an active run are removed: a lost worker may still try to commit it. Idempotent.
   *
   * @returns `false` if the run has completed
   */
  preventCommit(runId: string): Promise<boolean>;
  /**
   * Active -> failed or cancelled; no effect once ended. The first failure of a standing order creates a notice; a cancelled run
   * and a run of an older epoch do not.
   */
  end(runId: string, end: { readonly state: 'failed' | 'cancelled'; readonly failure: Failure }): Promise<void>;
  find(runId: string): Promise<Run | undefined>;
  findByNumber(tenant: string, kind: ExportKind, number: number): Promise<Run | undefined>;
  current(tenant: string, series: string): Promise<Run | undefined>;
  /** Every current run of this kind whose files have not expired, by series. */
  listCurrent(tenant: string, kind: ExportKind): Promise<readonly Run[]>;
  /** Newest first. @throws WaybillError `invalid_field` (field `cursor`) if the cursor was not issued here */
  list(
    tenant: string,
    filter: RunFilter,
    page: { readonly cursor: string | null; readonly limit: number },
  ): Promise<Page<Run>>;
  /** Every run of these series, the oldest first. */
  listOfSeries(tenant: string, series: readonly string[]): Promise<readonly Run[]>;
  countActive(tenant: string, kind: ExportKind): Promise<number>;
  /** Runs whose objects may be removed at `now`, longest due first. */
  dueForRemoval(now: Date, limit: number): Promise<readonly Run[]>;
  /** Active runs that were requested before this moment, oldest first, without requests that are not due yet. */
  listActive(requestedBefore: Date, limit: number): Promise<readonly Run[]>;
  /** Runs that ended before this moment and have not been checked since, oldest first. */
  dueForRecheck(endedBefore: Date, limit: number): Promise<readonly Run[]>;
  recordRecheck(runId: string): Promise<void>;
  /** Records which objects lost attempts may still be writing. */
  noteAttempted(runId: string, attempted: readonly AttemptedObject[]): Promise<void>;
  /**
   * Records that the files of a completed run are to be removed, so that the reconciler does it if the caller cannot. Idempotent.
   *
   * @param entry added to the audit trail with the first record, and never again; absent: the trail has the deletion already
   */
  noteDeletion(runId: string, entry?: Omit<AuditEntry, 'at'>): Promise<void>;
  /**
   * Records that no object is left; no effect on a run that is active, current or already removed. Expiry is audited
   * here; a deletion is audited where it is noted, by the actor.
   *
   * @param removal why a completed run's files were removed; for any other run `failed` is recorded
   */
  recordRemoval(runId: string, removal: Exclude<Removal, 'failed'>): Promise<void>;
  revokeLinks(runId: string): Promise<void>;
  /**
   * Records what the tenant says it has received, in place of what it said before. The first mismatch of a run creates a notice.
   * @returns whether there is such a completed run
   */
  acknowledge(
    runId: string,
    change: { readonly acknowledgement: Acknowledgement; readonly actor: string },
  ): Promise<boolean>;
  /**
   * Creates a notice for each current run that was not acknowledged in the time that its tenant has chosen, once a run.
   * @returns the number of notices
   */
  oweMissingAcknowledgements(now: Date): Promise<number>;
  /**
   * Restores a completed run from its manifest. An active run with its own order becomes completed; any other existing run
   * is left alone. The newest archive of a series becomes current, unless it has one; if the tenant has no settings of archives, they become
   * those of the first one restored, whose password is lost, so that none is made without it. A run of a standing order becomes current if the standing order has its recipient and no current run; a
   * missing standing order is created, disabled, with its recipient. The newest run of changes of a day becomes current; what is
   * registered is not restored, so that each entity starts with a complete load.
   *
   * @returns whether the ledger changed
   */
  restore(run: RestoredRun): Promise<boolean>;
}

/**
 * Requests of the request portal: runs of their own kind, named by their numbers. A deleted one is as good as gone.
 *
 * A request is Submitted while it is active, Available while its file is, then Expired; or Failed.
 */
export interface Requests {
  /** @returns the request of the series that is Submitted, or Available at `now` */
  findSame(tenant: string, series: string, now: Date): Promise<Run | undefined>;
  /**
   * Records a request unless the same data is Submitted, or Available at `now`.
   * @returns the request, or the one that has the data
   */
  submit(run: RequestedRun, now: Date): Promise<{ readonly run: Run; readonly submitted: boolean }>;
  /** Newest first. */
  list(tenant: string, page: RequestPage): Promise<readonly Run[]>;
  /**
   * Counts the newest requests by their state at `now`.
   * @param of.limit how many are counted at most
   * @param of.subjects only of these datasets; `null`: of all
   */
  count(
    tenant: string,
    of: { readonly now: Date; readonly limit: number; readonly subjects: readonly string[] | null },
  ): Promise<Readonly<Record<RequestState, number>>>;
  find(tenant: string, number: number): Promise<Run | undefined>;
  /**
   * Deletes all of these or, if one of them is not the tenant's, none. One that waits is cancelled; the others' workflows and files
   * are the caller's to end and remove, or the reconciler's.
   *
   * @returns the requests as they were; `undefined`: none was deleted
   */
  remove(tenant: string, numbers: readonly number[], actor: string): Promise<readonly Run[] | undefined>;
  recordDownload(runId: string): Promise<void>;
  /** Lets requests that wait for a batch begin now. @returns all that have not begun, oldest first */
  release(): Promise<readonly Run[]>;
  /** Ended requests whose end not everybody has been told, oldest first. */
  unmailed(endedBefore: Date, limit: number): Promise<readonly Run[]>;
  /** @returns whether the caller may send the mail; `false`: somebody has, or may have */
  claimMail(runId: string, kind: MailKind, address: string): Promise<boolean>;
  /** @param sent `false`: the mail has certainly not been sent, and may be claimed again */
  settleMail(runId: string, kind: MailKind, address: string, sent: boolean): Promise<void>;
  /** Records that everybody has been told who could be. */
  recordMailed(runId: string): Promise<void>;
}

/** Which requests are listed. */
export interface RequestPage {
  /** Only numbers below this one; `null`: from the newest. */
  readonly before: number | null;
  readonly limit: number;
  /** Only those that are in this state at `now`. @default all */
  readonly only?: { readonly state: RequestState; readonly now: Date } | undefined;
  /** Only of these datasets; `null` or absent: of all. */
  readonly subjects?: readonly string[] | null;
}
