import type { ColumnType, Generated, Selectable } from 'kysely';
import type { AttemptedObject } from '../../contracts/attempts.ts';
import type { Failure } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Order } from '../../contracts/order.ts';
import type { ExportKind, Removal, RunState } from '../../contracts/run.ts';

/** Written as JSON text, read back as the value. */
type Json<Value> = ColumnType<Value, string, string>;
type JsonOrNull<Value> = ColumnType<Value | null, string | null | undefined, string | null>;
/** Set by the database when the row is inserted. */
type Stamped = ColumnType<Date, never, never>;

/** One execution of an order: one workflow, one manifest, one prefix in the bucket. */
export interface RunsTable {
  /** Run id of the workflow's first run. */
  runId: string;
  /** Unique in the deployment, for callers that need an integer. */
  number: ColumnType<number, never, never>;
  tenant: string;
  kind: ExportKind;
  /** At most one run of a series is active, and at most one is current. On demand: the workflow id. */
  series: string;
  /** What lists filter by: the name of the dataset or of the bundle. */
  subject: string;
  workflowId: string;
  /** `null`: the run has an order of its own. */
  standingOrderId: string | null;
  /** Of the standing order when the run began. 0: restored from a manifest that is sealed to another recipient. */
  epoch: number | null;
  /** `null`: what is exported follows from the standing order. */
  order: JsonOrNull<Order>;
  state: RunState;
  requestedAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  /** From here to `manifestSha256`: `null` until the run has completed. */
  snapshotAt: Instant | null;
  /** A count of files; the same file in two formats counts once. */
  files: number | null;
  /** A count of objects. */
  parts: number | null;
  /** A count of rows, each file counted once. */
  rows: number | null;
  /** Size of all objects as stored. */
  bytes: number | null;
  /** The same before compression and sealing. */
  contentBytes: number | null;
  /** Lower-case hex SHA-256 of the manifest. */
  manifestSha256: string | null;
  /** The run that was current until this one replaced it. */
  previousRunId: string | null;
  /** Whether downloads of the series get this run. Runs that replace nothing are never current. */
  current: Generated<boolean>;
  /** From then on the files are not offered; `null`: until they are replaced. */
  expiresAt: Date | null;
  /** From then on the objects may be removed; `null`: not yet known. */
  removeAfter: Date | null;
  /** `null`: the run may still own objects. */
  removedAt: Date | null;
  /** Objects that lost attempts may still be writing; `null`: none is known. */
  attempted: JsonOrNull<readonly AttemptedObject[]>;
  /** When the reconciler looked for objects that appeared after the run had ended. */
  recheckedAt: Date | null;
  removal: Removal | null;
  /** Why the run failed or was cancelled. */
  failure: JsonOrNull<Failure>;
  /** Links minted before this moment are void; `null`: none was revoked. */
  linksRevokedAt: Date | null;
}
export type Run = Selectable<RunsTable>;

/** What a tenant wants again and again. Rows are never deleted, so that an epoch never comes again. */
export interface StandingOrdersTable {
  standingOrderId: Generated<string>;
  tenant: string;
  kind: ExportKind;
  enabled: Generated<boolean>;
  /** age recipient (public key) that files are sealed to; `null`: never enabled, or forgotten since. */
  recipient: string | null;
  /** Whether the tenant brought the recipient, so that no private key was ever made here. */
  ownRecipient: Generated<boolean>;
  /** Raised whenever the recipient changes or goes: a run of an older epoch cannot commit. */
  epoch: number;
  /** Raised with every change, except of `failingSince`: what the schedule is brought in line with. */
  version: number;
  /** `null`, also of a member: the deployment's. */
  recurrence: JsonOrNull<Recurrence>;
  /** When the first of the runs failed that have failed since the last success; `null`: the last one succeeded. */
  failingSince: Date | null;
  changedAt: Generated<Date>;
}
export interface Recurrence {
  /** `HH:MM` */
  readonly at: string | null;
  /** IANA name. */
  readonly timeZone: string | null;
}
/** With the run that downloads are of, read in the same statement; `null` until the first run of the epoch commits. */
export type StandingOrder = Selectable<StandingOrdersTable> & { readonly currentRunId: string | null };

/** An e-mail owed to a tenant's contacts. Written with the change that causes it: none is lost, none is doubled. */
export interface NoticesTable {
  noticeId: Generated<string>;
  tenant: string;
  /** `failed`: the first failure after a success; `recovered`: the first success after failures. */
  kind: 'failed' | 'recovered';
  runId: string;
  failingSince: Date;
  failure: JsonOrNull<Failure>;
  sentAt: Date | null;
  /** A count of addresses. */
  recipients: number | null;
}
export type Notice = Omit<Selectable<NoticesTable>, 'sentAt' | 'recipients'>;

/** A customer whose rows are exported. */
export interface TenantsTable {
  /** As `TENANT_KEY` in contracts/keys.ts; the value of the tenant column in the warehouse, and part of object keys. */
  key: string;
  title: string;
  createdAt: Stamped;
  disabledAt: Date | null;
  /** `null`: the deployment's limit. */
  exportsMax: number | null;
  requestsMax: number | null;
  /** E-mail addresses of the people who are told when something that nobody waits for fails, and works again. */
  contacts: Generated<string[]>;
}
export type Tenant = Selectable<TenantsTable>;

export type Scope = 'read' | 'write';

/** What a caller proves to be a tenant with. The secret itself is shown once, when made, and stored only as scrypt. */
export interface CredentialsTable {
  id: Generated<string>;
  tenant: string;
  /** Unique in the deployment. */
  clientId: string;
  scopes: Scope[];
  secretHash: string;
  /** Index entry of the bare secret. */
  lookup: Buffer;
  createdAt: Stamped;
  /** When the secret was last replaced; access tokens issued under an older one are void. */
  rotatedAt: Date | null;
  disabledAt: Date | null;
}
export type Credential = Omit<Selectable<CredentialsTable>, 'secretHash' | 'lookup'>;

interface DeploymentTable {
  lookupSalt: Buffer;
}

interface IdempotencyTable {
  tenant: string;
  keyHash: Buffer;
  requestHash: string;
  /** `null`: claimed, not yet settled. */
  runId: string | null;
  /** When the first attempt at this request began. */
  attemptedAt: Generated<Date>;
  /** When the latest attempt began. */
  claimedAt: Generated<Date>;
}

export type AuditAction =
  | 'export.requested'
  | 'export.cancelled'
  | 'export.deleted'
  | 'export.downloaded'
  | 'export.resubmitted'
  | 'export.links_revoked'
  | 'export.completed'
  | 'export.failed'
  | 'export.expired'
  | 'tenant.added'
  | 'tenant.disabled'
  | 'tenant.enabled'
  | 'tenant.limited'
  | 'tenant.contacts'
  | 'credential.added'
  | 'credential.rotated'
  | 'credential.disabled'
  | 'periodic.enabled'
  | 'periodic.resumed'
  | 'periodic.disabled'
  | 'periodic.deleted'
  | 'periodic.rotated'
  | 'periodic.published'
  | 'periodic.failed'
  | 'periodic.cancelled'
  | 'periodic.downloaded'
  | 'notice.sent'
  | 'token.issued'
  | 'login.failed';

/** One line of the append-only audit trail. Holds no secret, link, key or row. */
interface AuditTable {
  id: ColumnType<number, never, never>;
  at: Stamped;
  tenant: string | null;
  /** Client id, `link` for a signed link, `operator` for the command line, `waybill` for the service itself. */
  actor: string;
  action: AuditAction;
  runId: string | null;
  detail: Json<Readonly<Record<string, string | number | boolean | null>>>;
}
export type AuditEntry = Omit<Selectable<AuditTable>, 'id'>;

/** What migrations/ makes, as the queries see it. */
export interface Tables {
  runs: RunsTable;
  standingOrders: StandingOrdersTable;
  notices: NoticesTable;
  tenants: TenantsTable;
  credentials: CredentialsTable;
  deployment: DeploymentTable;
  idempotency: IdempotencyTable;
  audit: AuditTable;
}
