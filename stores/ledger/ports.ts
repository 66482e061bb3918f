import type { AttemptedObject } from '../../contracts/attempts.ts';
import type { Failure } from '../../contracts/failures.ts';
import type { Order } from '../../contracts/order.ts';
import type { ExportKind, Removal, RunStatus } from '../../contracts/run.ts';
import type { AuditEntry, Credential, Notice, Recurrence, Run, Scope, StandingOrder, Tenant } from './tables.ts';

export type { AuditAction, AuditEntry, Credential, Notice, Run, Scope, StandingOrder, Tenant } from './tables.ts';

/*
 * Words
 *
 * run             one execution of an order. Its state says how it ended and never changes afterwards; what became of its
 *                 files (current, expiresAt, removeAfter, removedAt, removal) is kept beside it
 * active          pending or running
 * series          runs that stand for the same thing: at most one is active, at most one is current
 * current         the run of a series that downloads are of
 * standing order  what a tenant wants again and again
 * epoch           of a standing order: raised when the recipient changes or goes. A run of an older epoch cannot commit
 * version         of a standing order: raised with every change
 * notice          an e-mail that a tenant's contacts are owed
 *
 * Every method is one transaction. Errors: WaybillError `ledger_unavailable` if the database cannot be reached or
 * refuses (a retry may help); its message holds no host and no SQL.
 */

export interface Ledger {
  readonly runs: Runs;
  readonly standingOrders: StandingOrders;
  readonly notices: Notices;
  readonly tenants: Tenants;
  readonly credentials: Credentials;
  readonly audit: Audit;
  readonly idempotency: Idempotency;
  /** Brings the schema up to date, under a lock, so that several processes may start at once. */
  migrate(): Promise<void>;
  /** @throws WaybillError `ledger_unavailable` */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** A run with an order of its own. Its series is its workflow id. */
export interface OrderedRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly order: Order;
  readonly requestedAt: Date;
}

/** A run of a standing order. */
export interface StandingRun {
  readonly runId: string;
  readonly workflowId: string;
  readonly tenant: string;
  readonly kind: ExportKind;
  readonly subject: string;
  readonly startedAt: Date;
}

export type BeginResult =
  | { readonly outcome: 'begun'; readonly standingOrder: StandingOrder | null }
  /** Nothing to do: the standing order or the tenant is disabled, the epoch has changed, or the run has ended. */
  | { readonly outcome: 'off' }
  /** Another run of the series is active. */
  | { readonly outcome: 'busy'; readonly other: Run };

/** What a run is shown with once it has completed. */
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
  readonly retention:
    | { readonly expiresAt: Date }
    /** The run becomes current; seconds that the files of the one it replaces stay. */
    | { readonly replaceAfterSeconds: number };
}

export type CommitResult =
  /** @param previous id of the run that it replaced */
  { readonly committed: true; readonly previous: string | null } | { readonly committed: false };

/** A completed run as its manifest describes it. */
export type RestoredRun = Totals &
  Pick<OrderedRun, 'runId' | 'workflowId'> & { readonly endedAt: Date } & (
    | { readonly order: Order; readonly expiresAt: Date }
    | { readonly tenant: string; readonly kind: ExportKind; readonly subject: string; readonly recipient: string }
  );

export interface RunFilter {
  readonly kind: ExportKind;
  /** Any of these at the moment `now`; not given: all. */
  readonly statuses?: { readonly anyOf: readonly RunStatus[]; readonly now: Date };
  /** Without regard to case. */
  readonly subject?: string;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Opaque; give it back to continue, or `null` at the end. Stable while rows are added. */
  readonly next: string | null;
}

export interface Runs {
  /**
   * Inserts a pending run unless it is known; never takes a state back.
   *
   * @param lost id of an active run of the series whose workflow is known to be gone; it is ended as failed first
   * @returns the run as it is, or the other active run of its series
   */
  request(run: OrderedRun, lost?: string): Promise<{ readonly run: Run; readonly inserted: boolean }>;
  /** Records that the run is running. Repeating it is harmless. @param lost as for {@link request} */
  begin(run: OrderedRun | StandingRun, lost?: string): Promise<BeginResult>;
  /**
   * running -> completed. Refused unless the standing order, if there is one, is enabled and of the run's epoch. Ends a
   * series of failures with a notice. Repeating it gives the same answer.
   */
  commit(runId: string, commit: Commit): Promise<CommitResult>;
  /**
   * Active -> failed or cancelled; no effect once ended. The first failure of a standing order leaves a notice; a cancel
   * and a run of an older epoch leave none.
   */
  end(runId: string, end: { readonly state: 'failed' | 'cancelled'; readonly failure: Failure }): Promise<void>;
  find(runId: string): Promise<Run | undefined>;
  findByNumber(tenant: string, kind: ExportKind, number: number): Promise<Run | undefined>;
  current(tenant: string, series: string): Promise<Run | undefined>;
  /** Newest first. @throws WaybillError `invalid_field` (field `cursor`) for a cursor that is not one of ours */
  list(
    tenant: string,
    filter: RunFilter,
    page: { readonly cursor: string | null; readonly limit: number },
  ): Promise<Page<Run>>;
  countActive(tenant: string, kind: ExportKind): Promise<number>;
  /** Runs whose objects may be removed at `now`, longest due first. */
  dueForRemoval(now: Date, limit: number): Promise<readonly Run[]>;
  /** Active runs that were requested before this moment, oldest first. */
  listActive(requestedBefore: Date, limit: number): Promise<readonly Run[]>;
  /** Runs that ended before this moment and have not been checked since, oldest first. */
  dueForRecheck(endedBefore: Date, limit: number): Promise<readonly Run[]>;
  recordRecheck(runId: string): Promise<void>;
  /** Records which objects lost attempts may still be writing. */
  noteAttempted(runId: string, attempted: readonly AttemptedObject[]): Promise<void>;
  /**
   * Records that no object is left; no effect on a run that is active, current or removed already. Expiry is audited
   * here; who asked for a deletion is for the caller to audit.
   *
   * @param removal why a completed run's files went; of any other run it is always `failed`
   */
  recordRemoval(runId: string, removal: Exclude<Removal, 'failed'>): Promise<void>;
  revokeLinks(runId: string): Promise<void>;
  /**
   * Puts a completed run back from its manifest. A run with an order of its own that is active becomes completed; any
   * other known run stays what it is. A run of a standing order becomes current if the standing order has its recipient
   * and no current run; a missing standing order is made, disabled, with its recipient.
   *
   * @returns whether the ledger changed
   */
  restore(run: RestoredRun): Promise<boolean>;
}

/** Names a standing order. */
export type StandingOrderRef = Pick<StandingOrder, 'tenant' | 'kind'>;

export interface NewRecipient {
  readonly recipient: string;
  /** Whether the tenant brought it. */
  readonly ownRecipient: boolean;
}

export interface PutResult {
  /**
   * `enabled`: with a new recipient; `resumed`: with the recipient of before a plain disable. Nothing was changed:
   * `already` enabled; `kept`, because the caller brought another recipient than the one that is kept.
   */
  readonly outcome: 'enabled' | 'resumed' | 'already' | 'kept';
  readonly standingOrder: StandingOrder;
}

/** Every change locks the standing order first, so concurrent changes and runs take effect one after the other. */
export interface StandingOrders {
  find(tenant: string, kind: ExportKind): Promise<StandingOrder | undefined>;
  /** By tenant. */
  listEnabled(kind: ExportKind): Promise<readonly StandingOrder[]>;
  /**
   * Creates and enables, or resumes what was disabled.
   * @param change.recurrence when resuming, `undefined` keeps what was
   */
  put(
    change: StandingOrderRef & NewRecipient & { readonly recurrence: Recurrence | undefined; readonly actor: string },
  ): Promise<PutResult>;
  /**
   * Files and recipient stay. No effect when it is disabled.
   * @param onlyEpoch only if the standing order is still of this epoch
   */
  disable(ref: StandingOrderRef, actor: string, onlyEpoch?: number): Promise<StandingOrder | undefined>;
  /**
   * Replaces the recipient of an enabled standing order; its runs so far are not current any more.
   * @returns every run of earlier epochs that may still own objects, oldest first. @throws WaybillError `not_enabled`
   */
  rotate(change: StandingOrderRef & NewRecipient & { readonly actor: string }): Promise<readonly Run[]>;
  /**
   * Disables and forgets the recipient: no key opens anything any more, and no run commits.
   * @returns as {@link rotate}, those of earlier, unfinished calls included
   */
  forget(ref: StandingOrderRef, actor: string, onlyEpoch?: number): Promise<readonly Run[]>;
}

export interface Notices {
  /** Notices of the tenant that have not been sent, oldest first. */
  due(tenant: string): Promise<readonly Notice[]>;
  /** @param recipients a count of addresses that it went to; 0: the tenant has no contacts, or mail is not set up */
  recordSent(noticeId: string, recipients: number): Promise<void>;
}

/**
 * Each change leaves its line in the audit trail, with actor `operator`. Unknown tenants: WaybillError `not_found`.
 * Taken or malformed values: `invalid_field`.
 */
export interface Tenants {
  add(tenant: Pick<Tenant, 'key' | 'title'>): Promise<void>;
  find(key: string): Promise<Tenant | undefined>;
  list(): Promise<readonly Tenant[]>;
  disable(key: string): Promise<void>;
  /** Lets a disabled tenant in again; those of its credentials that were disabled by themselves stay so. */
  enable(key: string): Promise<void>;
  setLimits(key: string, limits: Pick<Tenant, 'exportsMax' | 'requestsMax'>): Promise<void>;
  /** Replaces the tenant's contacts. @param contacts e-mail addresses, at most 20 */
  setContacts(key: string, contacts: readonly string[]): Promise<void>;
}

/** Changes: as for {@link Tenants}. */
export interface Credentials {
  /** @param credential.secret at least 16 characters; stored as scrypt with a random salt */
  add(credential: {
    readonly tenant: string;
    readonly clientId: string;
    readonly scopes: readonly Scope[];
    readonly secret: string;
  }): Promise<Credential>;
  list(tenant: string): Promise<readonly Credential[]>;
  /** Replaces the secret; the old one is void when this returns. */
  rotate(clientId: string, secret: string): Promise<void>;
  disable(clientId: string): Promise<void>;
  find(clientId: string): Promise<Credential | undefined>;
  /**
   * Checks a client id and secret in constant time, whether the client id exists or not; a disabled credential or
   * tenant never passes. At most two secrets are derived at once, because each takes a thread and a core.
   * @throws WaybillError `rate_limited` when too many wait for that
   */
  verify(clientId: string, secret: string): Promise<Credential | undefined>;
  /** The same for a bare secret (an API key), found by an index that does not help to guess it. */
  verifyKey(secret: string): Promise<Credential | undefined>;
  /**
   * The credential whose secret one of the two above found right in this process within the last minutes, without
   * deriving anything. The row is read, so one that was rotated or disabled since is not recalled.
   * @param clientId `null` for an API key
   */
  recall(clientId: string | null, secret: string): Promise<Credential | undefined>;
}

export interface Audit {
  append(entry: Omit<AuditEntry, 'at'>): Promise<void>;
  /** Newest first. @param tenant `null`: all */
  list(tenant: string | null, limit: number): Promise<readonly AuditEntry[]>;
}

export type ClaimResult =
  /**
   * The caller must settle it.
   * @param attemptedAt when an attempt at the same request began whose result is not known; `null`: there was none
   */
  | { readonly won: true; readonly attemptedAt: Date | null }
  | { readonly won: false; readonly requestHash: string; readonly runId: string | null };

/** What an `Idempotency-Key` answered. Forgotten after 24 hours; a claim that was never settled lapses after 60 seconds. */
export interface Idempotency {
  /**
   * One of any number of callers wins; the others get what is remembered.
   * @param requestHash hash of the request, so that a key used for another request is noticed
   */
  claim(tenant: string, key: string, requestHash: string): Promise<ClaimResult>;
  /**
   * @param result the run that the request made; `failed`: it made none, and the key is free; `unknown`: it may have made
   *   one, which the next owner of the key has to look for
   */
  settle(tenant: string, key: string, result: { readonly runId: string } | 'failed' | 'unknown'): Promise<void>;
}
