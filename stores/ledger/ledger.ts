import type { Failure } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Order } from '../../contracts/order.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { PeriodicLedger } from './periodic.ts';

/** A customer whose rows are exported. */
export interface Tenant {
  /** As `TENANT_KEY` in contracts/keys.ts; the value of the tenant column in the warehouse, and part of object keys. */
  readonly key: string;
  readonly title: string;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
  /** `null`: the deployment's limit. */
  readonly exportsMax: number | null;
  readonly requestsMax: number | null;
  /** E-mail addresses of the people who are told when something that nobody waits for fails, and works again. */
  readonly contacts: readonly string[];
}

export const SCOPES = ['read', 'write'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a caller proves to be a tenant with. The secret itself is shown once, when made, and stored only as scrypt. */
export interface Credential {
  readonly id: string;
  readonly tenant: string;
  /** Unique in the deployment. */
  readonly clientId: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  /** When the secret was last replaced; access tokens issued under an older one are void. */
  readonly rotatedAt: Date | null;
  readonly disabledAt: Date | null;
}

/** An export as the ledger knows it. `exportId` is the run id of the workflow's first run. */
export interface ExportRecord {
  readonly exportId: string;
  readonly workflowId: string;
  readonly tenant: string;
  readonly order: Order;
  readonly state: ExportState;
  readonly requestedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** The rest is `null` until the export has completed. */
  readonly snapshotAt: Instant | null;
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly contentBytes: number | null;
  readonly parts: number | null;
  readonly expiresAt: Date | null;
  /** Why it failed or was cancelled; `null` otherwise. */
  readonly failure: Failure | null;
  /** Links minted before this moment are void; `null`: none was revoked. */
  readonly linksRevokedAt: Date | null;
}

/** How an export ended. */
export type Outcome =
  | {
      readonly state: 'completed';
      readonly snapshotAt: Instant;
      readonly rows: number;
      readonly bytes: number;
      readonly contentBytes: number;
      readonly parts: number;
      readonly expiresAt: Date;
    }
  | { readonly state: 'failed' | 'cancelled'; readonly failure: Failure };

export interface ExportFilter {
  readonly states?: readonly ExportState[];
  /** Catalog name, without regard to case. */
  readonly dataset?: string;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Opaque; give it back to continue, or `null` at the end. Stable while rows are added. */
  readonly next: string | null;
}

export const AUDIT_ACTIONS = [
  'export.requested',
  'export.cancelled',
  'export.deleted',
  'export.downloaded',
  'export.resubmitted',
  'export.links_revoked',
  'export.completed',
  'export.failed',
  'export.expired',
  'tenant.added',
  'tenant.disabled',
  'tenant.enabled',
  'tenant.limited',
  'tenant.contacts',
  'credential.added',
  'credential.rotated',
  'credential.disabled',
  'periodic.enabled',
  'periodic.resumed',
  'periodic.disabled',
  'periodic.deleted',
  'periodic.rotated',
  'periodic.published',
  'periodic.failed',
  'periodic.cancelled',
  'periodic.downloaded',
  'notice.sent',
  'token.issued',
  'login.failed',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** One line of the append-only audit trail. Holds no secret, link, key or row. */
export interface AuditEntry {
  readonly at: Date;
  readonly tenant: string | null;
  /** Client id, `link` for a signed link, `operator` for the command line, `waybill` for the service itself. */
  readonly actor: string;
  readonly action: AuditAction;
  /** The export, or the generation, that it is about. */
  readonly exportId: string | null;
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * What was asked and what came of it, in PostgreSQL. Every method is one transaction.
 *
 * Errors: `WaybillError` `ledger_unavailable` when the database cannot be reached or refuses (a retry may help); its
 * message holds no host and no SQL.
 */
export interface Ledger extends PeriodicLedger {
  /** Brings the schema up to date, under a lock, so that several processes may start at once. */
  migrate(): Promise<void>;

  /** Inserts the export unless it is known; never takes a state back. Both the API and the workflow call it. */
  recordOrder(entry: {
    readonly exportId: string;
    readonly workflowId: string;
    readonly order: Order;
    readonly requestedAt: Date;
  }): Promise<void>;
  /** pending -> running; no effect on any other state. */
  recordStart(exportId: string): Promise<void>;
  /** Active -> terminal, with an audit entry; no effect once terminal, so a retry is harmless. */
  recordOutcome(exportId: string, outcome: Outcome): Promise<void>;
  /**
   * completed -> expired or deleted, when the files are gone. Also failed and cancelled -> deleted. No effect on any
   * other state. Expiry is audited here; who asked for a deletion is for the caller to {@link audit}.
   */
  recordRemoval(exportId: string, state: 'expired' | 'deleted'): Promise<void>;

  /**
   * Puts a finished export back from its manifest; an active one becomes finished, any other stays what it is.
   * @returns whether the ledger changed.
   */
  restoreExport(
    entry: Parameters<Ledger['recordOrder']>[0],
    outcome: Extract<Outcome, { state: 'completed' }>,
    endedAt: Date,
  ): Promise<boolean>;

  findExport(exportId: string): Promise<ExportRecord | undefined>;
  /** Newest first. @throws WaybillError `invalid_field` (field `cursor`) for a cursor that is not one of ours. */
  listExports(
    tenant: string,
    filter: ExportFilter,
    page: { readonly cursor: string | null; readonly limit: number },
  ): Promise<Page<ExportRecord>>;
  /** A count of the tenant's pending and running exports. */
  countActive(tenant: string): Promise<number>;
  revokeLinks(exportId: string): Promise<void>;

  /**
   * Remembers what an `Idempotency-Key` answered. The first caller gets `undefined` and must then call
   * {@link settleIdempotency}; a later one gets what is remembered. Keys are forgotten after 24 hours; a claim that
   * was never settled, after 60 seconds.
   *
   * @param requestHash hash of the request, so that a key used for another request is noticed
   */
  claimIdempotency(
    tenant: string,
    key: string,
    requestHash: string,
  ): Promise<undefined | { readonly requestHash: string; readonly exportId: string | null }>;
  /** @param exportId what the request made, or `null` to forget the claim because it failed. */
  settleIdempotency(tenant: string, key: string, exportId: string | null): Promise<void>;

  // Each of the methods that change tenants and credentials leaves its line in the audit trail, with actor `operator`.
  // Unknown tenants and client ids: WaybillError `not_found`. Taken or malformed ones: `invalid_field`.

  addTenant(tenant: { readonly key: string; readonly title: string }): Promise<void>;
  findTenant(key: string): Promise<Tenant | undefined>;
  listTenants(): Promise<readonly Tenant[]>;
  disableTenant(key: string): Promise<void>;
  /** Lets a disabled tenant in again; those of its credentials that were disabled by themselves stay so. */
  enableTenant(key: string): Promise<void>;
  setTenantLimits(
    key: string,
    limits: { readonly exportsMax: number | null; readonly requestsMax: number | null },
  ): Promise<void>;

  /**
   * Replaces the tenant's contacts.
   * @param contacts e-mail addresses, at most 20. @throws WaybillError `invalid_field` for one that is none
   */
  setTenantContacts(key: string, contacts: readonly string[]): Promise<void>;

  /** @param secret at least 16 characters; stored as scrypt with a random salt. */
  addCredential(credential: {
    readonly tenant: string;
    readonly clientId: string;
    readonly scopes: readonly Scope[];
    readonly secret: string;
  }): Promise<Credential>;
  listCredentials(tenant: string): Promise<readonly Credential[]>;
  /** Replaces the secret; the old one is void when this returns. */
  rotateCredential(clientId: string, secret: string): Promise<void>;
  disableCredential(clientId: string): Promise<void>;
  /**
   * Checks a client id and secret in constant time, whether the client id exists or not; a disabled credential or
   * tenant never passes. At most two secrets are derived at once, because each takes a thread and a core.
   * @throws WaybillError `rate_limited` when too many wait for that
   */
  verifyCredential(clientId: string, secret: string): Promise<Credential | undefined>;
  /** The same for a bare secret (an API key), found by an index that does not help to guess it. */
  verifyApiKey(secret: string): Promise<Credential | undefined>;
  /**
   * The credential whose secret one of the two above found right in this process within the last minutes, without
   * deriving anything. The row is read, so one that was rotated or disabled since is not recalled.
   * @param clientId `null` for an API key
   */
  recallCredential(clientId: string | null, secret: string): Promise<Credential | undefined>;
  findCredential(clientId: string): Promise<Credential | undefined>;

  audit(entry: Omit<AuditEntry, 'at'>): Promise<void>;
  /** Newest first. */
  listAudit(tenant: string | null, limit: number): Promise<readonly AuditEntry[]>;

  /** @throws WaybillError `ledger_unavailable` */
  ping(): Promise<void>;
  close(): Promise<void>;
}
