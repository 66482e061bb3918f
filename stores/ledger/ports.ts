import type { AttemptedObject } from '../../contracts/attempts.ts';
import type { Period } from '../../contracts/deltas.ts';
import type { DestinationConfig } from '../../contracts/destination.ts';
import type { PublicKey } from '../../contracts/envelope.ts';
import type { Failure } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Limits } from '../../contracts/limits.ts';
import type { Order, Delivery as Place, RequestOrder } from '../../contracts/order.ts';
import type { Day } from '../../contracts/recurrence.ts';
import type { RequestState } from '../../contracts/requests.ts';
import type { ExportKind, Removal, RunStatus } from '../../contracts/run.ts';
import type { SshKey } from '../../contracts/ssh-key.ts';
import type { KeptFiles, MissingDataset } from '../../contracts/steps.ts';
import type { WebhookEvent, WebhookFailure, WebhookState } from '../../contracts/webhook.ts';
import type {
  Acknowledgement,
  AuditAction,
  AuditEntry,
  Credential,
  DeliveredColumn,
  DeliveryRow,
  Destination,
  MailKind,
  Notice,
  Recurrence,
  Run,
  RunFile,
  Scope,
  SftpKey,
  StandingFile,
  StandingOrder,
  Tenant,
  Webhook,
  WebhookEventRow,
} from './tables.ts';

export type {
  Acknowledgement,
  AuditAction,
  AuditEntry,
  Credential,
  DeliveredColumn,
  DeliveryRow,
  Destination,
  MailKind,
  Notice,
  OwnAction,
  Recurrence,
  Run,
  RunFile,
  Scope,
  SftpKey,
  StandingFile,
  StandingOrder,
  StandingVerb,
  Tenant,
  Webhook,
  WebhookEventRow,
} from './tables.ts';

/*
 * Words
 *
 * run             one execution of an order. Its final state never changes; the state of its files is kept separately
 *                 (current, expiresAt, removeAfter, removedAt, removal)
 * active          pending or running
 * series          runs for the same thing: at most one is active, at most one is current
 * current         the run of a series that downloads use
 * standing order  what a tenant wants exported repeatedly
 * epoch           of a standing order: incremented when the recipient changes or is removed. A run of an older epoch cannot
 *                 commit
 * version         of a standing order: incremented with every change
 * notice          an e-mail owed to a tenant's contacts
 * destination     a tenant's own server or bucket that files are pushed to
 * delivery        of one run's files to the destination of its tenant
 * webhook         where a tenant is told of outcomes, and the secret that signs it
 * callback        an address that is told of one run
 * event           one outcome, for one webhook or callback
 *
 * Every method is one transaction. Errors: WaybillError `ledger_unavailable` if the database cannot be reached or
 * refuses (a retry may help); its message holds no host and no SQL.
 */

export interface Ledger {
  readonly runs: Runs;
  readonly requests: Requests;
  readonly standingOrders: StandingOrders;
  readonly registrations: Registrations;
  readonly notices: Notices;
  readonly destinations: Destinations;
  readonly deliveries: Deliveries;
  readonly webhooks: Webhooks;
  readonly webhookEvents: WebhookEvents;
  readonly tenants: Tenants;
  readonly credentials: Credentials;
  readonly audit: Audit;
  readonly idempotency: Idempotency;
  readonly signingKeys: SigningKeys;
  readonly sftpKeys: SftpKeys;
  readonly sftpHostKey: SftpHostKey;
  readonly portalSessions: PortalSessions;
  readonly operatorSessions: OperatorSessions;
  readonly operations: Operations;
  /** Brings the schema up to date under a lock, so several processes may start at once. */
  migrate(): Promise<void>;
  /** @throws WaybillError `ledger_unavailable` */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A run with its own order. Its series is its workflow id. */
export interface OrderedRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly order: Order;
  readonly requestedAt: Date;
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
    | { readonly order: RequestOrder; readonly series: string; readonly expiresAt: Date }
    | { readonly tenant: string; readonly kind: ExportKind; readonly subject: string; readonly recipient: string }
    | RestoredChanges
  );

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
  request(run: OrderedRun, lost?: string): Promise<{ readonly run: Run; readonly inserted: boolean }>;
  /** Records that the run is running. Idempotent. @param lost as for {@link request} */
  begin(run: OrderedRun | StandingRun, lost?: string): Promise<BeginResult>;
  /** The same for a request, which begins once its turn has come. @param runningMax requests that run at once */
  beginRequest(run: RequestedRun, runningMax: number, lost?: string): Promise<BeginResult>;
  /**
   * running -> completed. Refused unless the standing order, if there is one, is enabled and still has the run's epoch, and for a
   * request that has been deleted.
   * Ends a series of failures with a notice. Idempotent.
   *
   * @returns whether the run has completed
   */
  commit(runId: string, commit: Commit): Promise<boolean>;
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
   * Records that no object is left; no effect on a run that is active, current or already removed. Expiry is audited
   * here; a deletion is audited by the caller, who knows the actor.
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
   * is left alone. A run of a standing order becomes current if the standing order has its recipient and no current run; a
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

export interface Notices {
  /** Notices of the tenant that have not been sent, oldest first. */
  due(tenant: string): Promise<readonly Notice[]>;
  /** @param recipients number of addresses it was sent to; 0: the tenant has no contacts, or mail is not set up */
  recordSent(noticeId: string, recipients: number): Promise<void>;
}

/** Each change adds a line to the audit trail. */
export interface Destinations {
  find(tenant: string): Promise<Destination | undefined>;
  /** Sets or replaces the destination of the tenant. */
  put(destination: {
    readonly tenant: string;
    readonly config: DestinationConfig;
    /** Sealed. */
    readonly secret: Buffer;
    readonly actor: string;
  }): Promise<Destination>;
  /** @returns whether there was one */
  remove(tenant: string, actor: string): Promise<boolean>;
}

/** A delivery, and the run whose files it delivers. */
export interface Delivery extends DeliveryRow {
  readonly run: Run;
}

export type DeliveryEnd =
  | { readonly state: 'delivered' | 'skipped' }
  | { readonly state: 'failed'; readonly failure: Failure };

/** `Runs.commit` creates them, so every run that is committed while its tenant has a destination has one. */
export interface Deliveries {
  find(runId: string): Promise<Delivery | undefined>;
  /** The newest one of the tenant. */
  last(tenant: string): Promise<Delivery | undefined>;
  /** Other deliveries that are pending, of runs of the same series that were committed earlier. */
  listOlder(delivery: Delivery): Promise<readonly Delivery[]>;
  /** Counts an attempt, at this version of the destination. */
  recordAttempt(runId: string, destinationVersion: number): Promise<void>;
  /**
   * pending -> delivered, failed or skipped; no effect once ended. The first failure of a destination creates a notice, and so does
   * the first success after it.
   */
  end(runId: string, end: DeliveryEnd): Promise<void>;
  /** Pending ones that were created before this moment, oldest first. */
  listPending(createdBefore: Date, limit: number): Promise<readonly Delivery[]>;
}

/** Each change adds a line to the audit trail. */
export interface Webhooks {
  find(tenant: string): Promise<Webhook | undefined>;
  /**
   * Sets the address and the events of the tenant, and enables the webhook again.
   * @param webhook.secret sealed; used only if the tenant has none
   */
  put(webhook: {
    readonly tenant: string;
    readonly url: string | null;
    readonly events: readonly WebhookEvent[];
    readonly secret: Buffer;
    readonly actor: string;
  }): Promise<Webhook>;
  /** Replaces the secret; the previous one goes on signing for a while. @returns `undefined`: the tenant has no webhook */
  rotate(change: {
    readonly tenant: string;
    readonly secret: Buffer;
    readonly actor: string;
  }): Promise<Webhook | undefined>;
  /** Records that the address is gone, if it still is the one of this version. */
  disable(tenant: string, version: number): Promise<void>;
  /** @returns whether there was one */
  remove(tenant: string, actor: string): Promise<boolean>;
}

/** How an attempt ended, and what follows. */
export interface WebhookAttempt {
  readonly state: Exclude<WebhookState, 'skipped'>;
  /** HTTP status; `null`: there was no answer. */
  readonly status: number | null;
  readonly error: WebhookFailure | null;
  /** `null` unless it stays pending. */
  readonly nextAttemptAt: Date | null;
}

/** The methods of {@link Runs} create events, in the transaction of the outcome, so each outcome is told at most once. */
export interface WebhookEvents {
  /**
   * Lets an address be told of a run, also if the run has ended meanwhile or is not recorded yet. Idempotent.
   * @returns `false`: the run has as many callbacks as it may have
   */
  addCallback(callback: { readonly runId: string; readonly tenant: string; readonly url: string }): Promise<boolean>;
  isDue(tenant: string): Promise<boolean>;
  /** Those to be sent now, longest due first. */
  due(tenant: string, limit: number): Promise<readonly WebhookEventRow[]>;
  /** When the next one of the tenant is due; `null`: none is pending. */
  nextAttemptAt(tenant: string): Promise<Date | null>;
  /** Counts an attempt; no effect on one that is not pending. */
  record(eventId: string, attempt: WebhookAttempt): Promise<void>;
  /** Without an attempt. */
  postpone(eventIds: readonly string[], nextAttemptAt: Date): Promise<void>;
  skip(eventIds: readonly string[]): Promise<void>;
  listDueTenants(limit: number): Promise<readonly string[]>;
  /**
   * Creates the events of runs with their own order whose files expire within so many hours.
   * @returns number of runs
   */
  oweExpiring(hours: number, limit: number): Promise<number>;
  /** The newest first. */
  list(tenant: string, limit: number): Promise<readonly WebhookEventRow[]>;
  /** Removes events that ended a month ago, and callbacks of runs that are over. */
  removeOld(limit: number): Promise<void>;
}

/**
 * Each change adds a line to the audit trail, with actor `operator`. Unknown tenants: WaybillError `not_found`.
 * Taken or malformed values: `invalid_field`.
 */
export interface Tenants {
  add(tenant: Pick<Tenant, 'key' | 'title'> & Partial<Pick<Tenant, 'warehouseKey'>>): Promise<void>;
  find(key: string): Promise<Tenant | undefined>;
  list(): Promise<readonly Tenant[]>;
  disable(key: string): Promise<void>;
  /** Re-enables a tenant; credentials that were disabled individually stay disabled. */
  enable(key: string): Promise<void>;
  setLimits(key: string, limits: Pick<Tenant, 'exportsMax' | 'requestsMax'>): Promise<void>;
  /** Sets which rows of the warehouse are the tenant's, from its next run on. @param warehouseKey `null`: those of its key */
  setWarehouseKey(key: string, warehouseKey: string | null): Promise<void>;
  /** Replaces the tenant's contacts. @param contacts e-mail addresses, at most 20 */
  setContacts(key: string, contacts: readonly string[]): Promise<void>;
  /** @param days that files of requests are kept, 1 to 3650; `null`: the deployment's number */
  setRequestKeepDays(key: string, days: number | null): Promise<void>;
}

/** Changes: as for {@link Tenants}, unless an actor is named. */
export interface Credentials {
  /** @param credential.secret at least 16 characters; stored as scrypt with a random salt */
  add(credential: {
    readonly tenant: string;
    readonly clientId: string;
    readonly scopes: readonly Scope[];
    readonly secret: string;
    /** @default none */
    readonly limits?: Limits;
    /** `null`: never. @default never */
    readonly expiresAt?: Date | null;
    /** @default the operator */
    readonly actor?: string;
  }): Promise<Credential>;
  list(tenant: string): Promise<readonly Credential[]>;
  /** Replaces the secret; the old one is invalid when this returns. */
  rotate(clientId: string, secret: string, actor?: string): Promise<void>;
  disable(clientId: string, actor?: string): Promise<void>;
  /** Sets what it may reach; counts from the next request on. */
  limit(clientId: string, limits: Limits, actor?: string): Promise<void>;
  /** Records that it was used, at most once a minute. @param address of the client */
  recordUse(id: string, address: string): Promise<void>;
  /** Sets where mails about its requests go. @param email `null`: to the tenant's contacts */
  setEmail(clientId: string, email: string | null): Promise<void>;
  find(clientId: string): Promise<Credential | undefined>;
  /**
   * Checks a client id and secret in constant time, whether or not the client id exists; a disabled credential or tenant
   * never passes. At most two secrets are derived at once, because each takes a thread and a core.
   * @throws WaybillError `rate_limited` if too many are waiting
   */
  verify(clientId: string, secret: string): Promise<Credential | undefined>;
  /** The same for a bare secret (an API key), found through an index that does not help in guessing it. */
  verifyKey(secret: string): Promise<Credential | undefined>;
  /**
   * The credential for a secret that this process verified within the last minutes, without deriving it again. The row is
   * read, so a credential that was rotated or disabled since is not returned.
   * @param clientId `null` for an API key
   */
  recall(clientId: string | null, secret: string): Promise<Credential | undefined>;
}

/** Which lines of the trail are meant; what is absent does not restrict. */
export interface AuditFilter {
  readonly actor?: string;
  readonly actions?: readonly AuditAction[];
  /** The first moment. */
  readonly from?: Date;
  /** The first moment after it. */
  readonly before?: Date;
}

/** A line, and the run that it is about. */
export interface AuditLine extends AuditEntry {
  readonly run: Pick<Run, 'number' | 'kind' | 'subject'> | null;
}

export interface Audit {
  append(entry: Omit<AuditEntry, 'at'>): Promise<void>;
  /** Newest first. @param tenant `null`: all */
  list(tenant: string | null, limit: number): Promise<readonly AuditEntry[]>;
  /** Newest first. @throws WaybillError `invalid_field` (field `cursor`) if the cursor was not issued here */
  page(
    tenant: string,
    filter: AuditFilter,
    page: { readonly cursor: string | null; readonly limit: number },
  ): Promise<Page<AuditLine>>;
  /** Everybody that the trail of the tenant names, by name. */
  actors(tenant: string, limit: number): Promise<readonly string[]>;
  /** What has been recorded of a run, the newest first. */
  listOfRun(runId: string, limit: number): Promise<readonly AuditEntry[]>;
}

export type ClaimResult =
  /**
   * The caller must settle it.
   * @param attemptedAt when an earlier attempt with an unknown result began; `null`: there was none
   */
  | { readonly won: true; readonly attemptedAt: Date | null }
  | { readonly won: false; readonly requestHash: string; readonly runId: string | null };

/** Results by `Idempotency-Key`. Kept for 24 hours; a claim that is never settled lapses after 60 seconds. */
export interface Idempotency {
  /**
   * Exactly one of several callers wins; the others get the stored result.
   * @param requestHash hash of the request, to detect a key that is reused for another request
   */
  claim(tenant: string, key: string, requestHash: string): Promise<ClaimResult>;
  /**
   * @param result the run that the request started; `failed`: it started none, and the key is free; `unknown`: it may have
   *   started one, and the next owner of the key must look for it
   */
  settle(tenant: string, key: string, result: { readonly runId: string } | 'failed' | 'unknown'): Promise<void>;
}

/** Public keys that manifests are, or were, signed with. */
export interface SigningKeys {
  /** Publishes a key; no effect if it is there. */
  add(key: PublicKey): Promise<void>;
  /** The newest first. */
  list(): Promise<readonly PublicKey[]>;
}

/** Public keys that tenants log in with over SFTP. Each change adds a line to the audit trail. */
export interface SftpKeys {
  /** Adds a key, or enables it again. @throws WaybillError `not_found` if there is no such tenant */
  add(tenant: string, key: SshKey, actor: string): Promise<SftpKey>;
  /** Disabled ones too, the oldest first. */
  list(tenant: string): Promise<readonly SftpKey[]>;
  /** Idempotent. @throws WaybillError `not_found` if the tenant has no such key */
  disable(tenant: string, fingerprint: string, actor: string): Promise<void>;
  /**
   * @param user key of a tenant, or a client id of it that is not disabled
   * @returns the enabled key of an enabled tenant, or `undefined`
   */
  find(user: string, fingerprint: string): Promise<SftpKey | undefined>;
}

/** The host key of the SFTP gateway, the same for all its instances. */
export interface SftpHostKey {
  /** @returns `undefined`: no gateway has made it yet */
  find(): Promise<string | undefined>;
  /** @param make makes a private key in OpenSSH's format. @returns the stored key; of several callers, one makes it */
  obtain(make: () => string): Promise<string>;
}

/** Who has logged in to the portal. */
export interface PortalSession {
  readonly tenant: string;
  /** As in the audit trail. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** A session that is open. */
export interface OpenSession extends PortalSession {
  readonly limits: Limits;
  /** `null`: logged in through an issuer. */
  readonly credentialId: string | null;
}

/**
 * `idle`: not used for too long. `over`: open for too long. `revoked`: its credential was rotated or disabled, or its tenant
 * was disabled.
 */
export type SessionLookup =
  | { readonly state: 'open'; readonly session: OpenSession }
  | { readonly state: 'idle' | 'over' | 'revoked' | 'unknown' };

/** Log-ins to the portal, by the SHA-256 of their token. */
export interface PortalSessions {
  begin(
    session: PortalSession & {
      readonly tokenHash: Buffer;
      /** `null`: logged in through an issuer. */
      readonly credential: Pick<Credential, 'id' | 'rotatedAt'> | null;
      readonly now: Date;
    },
  ): Promise<void>;
  /**
   * @param options.idleMs how long a session may be unused, in milliseconds
   * @param options.lastsMs how long it is open at most
   * @param options.use whether this is a use of it
   */
  find(
    tokenHash: Buffer,
    options: { readonly now: Date; readonly idleMs: number; readonly lastsMs: number; readonly use: boolean },
  ): Promise<SessionLookup>;
  /** Idempotent. */
  end(tokenHash: Buffer): Promise<void>;
}

/** Log-ins to the operator's page, by the SHA-256 of their token. */
export interface OperatorSessions {
  /** @param session.generation SHA-256 of the setting that the secret was checked against */
  begin(session: { readonly tokenHash: Buffer; readonly generation: Buffer; readonly now: Date }): Promise<void>;
  /** @param options as for {@link PortalSessions}; one of another generation is `revoked` */
  find(
    tokenHash: Buffer,
    options: {
      readonly generation: Buffer;
      readonly now: Date;
      readonly idleMs: number;
      readonly lastsMs: number;
      readonly use: boolean;
    },
  ): Promise<SessionLookup['state']>;
  /** Idempotent. */
  end(tokenHash: Buffer): Promise<void>;
}

/** Runs that have ended, counted. */
export interface EndedRuns {
  readonly tenant: string;
  readonly kind: ExportKind;
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly runs: number;
  readonly lastAt: Date;
}

/** An enabled standing order of an enabled tenant, and how its runs go. */
export interface StandingHealth extends Pick<StandingOrder, 'tenant' | 'kind' | 'recurrence' | 'changedAt'> {
  /** When the newest run that has completed was due; `null`: none has. */
  readonly completedAt: Date | null;
  /** The newest run, in any state. */
  readonly lastRun: Pick<Run, 'runId' | 'workflowId' | 'state' | 'requestedAt' | 'failure'> | null;
}

/** What the operator sees of all tenants. Each method reads a bounded part of the ledger, however many runs it has. */
export interface Operations {
  /** Runs that are under way, the oldest first. @returns at most `limit` of them, and how many there are */
  active(limit: number): Promise<{
    readonly runs: readonly Run[];
    readonly running: number;
    /** Pending ones: requests that wait, and runs that are about to begin. */
    readonly waiting: number;
  }>;
  endedSince(since: Date): Promise<readonly EndedRuns[]>;
  /** Runs that failed, by the code of the failure, the most frequent first. */
  failuresSince(
    since: Date,
  ): Promise<readonly { readonly code: string; readonly runs: number; readonly lastAt: Date }[]>;
  /** The newest first. @param code absent: of any */
  failedSince(since: Date, filter: { readonly code?: string }, limit: number): Promise<readonly Run[]>;
  /** Files that are kept, by tenant, the largest first. */
  storedByTenant(): Promise<readonly { readonly tenant: string; readonly runs: number; readonly bytes: number }[]>;
  standing(): Promise<readonly StandingHealth[]>;
}
