import type { ColumnType, Generated, Selectable } from 'kysely';
import type { AttemptedObject } from '../../contracts/attempts.ts';
import type { DestinationConfig } from '../../contracts/destination.ts';
import type { Failure } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Order, RequestOrder } from '../../contracts/order.ts';
import type { ArchiveOrder } from '../../contracts/questionnaires.ts';
import type { Frequency } from '../../contracts/recurrence.ts';
import type { ExportKind, Removal, RunState } from '../../contracts/run.ts';
import type { WebhookData, WebhookEvent, WebhookFailure, WebhookState } from '../../contracts/webhook.ts';

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
  /** At most one run of a series is active, and at most one is current. With an order of its own: the workflow id. Of changes: the day. */
  series: string;
  /** Name of the dataset or of the bundle; lists filter by it. */
  subject: string;
  workflowId: string;
  /** `null`: the run has its own order. */
  standingOrderId: string | null;
  /** The standing order's epoch when the run began. 0: restored from a manifest that is sealed to another recipient. */
  epoch: number | null;
  /** `null`: the standing order determines what is exported. */
  order: JsonOrNull<Order | RequestOrder | ArchiveOrder>;
  state: RunState;
  requestedAt: Date;
  /** Of a request: client id or subject of whoever made it. */
  requestedBy: string | null;
  /** Of a request: when its batch begins; `null`: it waits for none. */
  startsAt: Date | null;
  startedAt: Date | null;
  endedAt: Date | null;
  /** From here to `manifestSha256`: `null` until the run has completed. */
  snapshotAt: Instant | null;
  /** Number of files; a file in two formats counts once. */
  files: number | null;
  /** Number of objects. */
  parts: number | null;
  /** Number of rows; each file counts once. */
  rows: number | null;
  /** Bytes of all objects as stored. */
  bytes: number | null;
  /** Bytes before compression and sealing. */
  contentBytes: number | null;
  /** Lower-case hex SHA-256 of the manifest. */
  manifestSha256: string | null;
  /** The run that was current until this one replaced it. */
  previousRunId: string | null;
  /** Whether downloads of the series use this run. Runs that replace nothing are never current. */
  current: Generated<boolean>;
  /** When the files stop being offered; `null`: when they are replaced. */
  expiresAt: Date | null;
  /** When the objects may be removed; `null`: not yet known. */
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
  /** Links issued before this time are invalid; `null`: none was revoked. */
  linksRevokedAt: Date | null;
  /** When the tenant deleted it; files of a completed run may still be there. */
  deletedAt: Date | null;
  /** Of a request: when its file was last downloaded. */
  downloadedAt: Date | null;
  /** Of a request that has ended: when everybody had been told. */
  mailedAt: Date | null;
  /** What the tenant says it has received; `null`: nothing yet. */
  acknowledgement: JsonOrNull<Acknowledgement>;
}
export type Run = Selectable<RunsTable>;

/** The latest statement of a tenant about the files of a run. */
export interface Acknowledgement {
  /** ISO 8601. */
  readonly at: string;
  /** Whether it names every entity of the run, with the rows and the hash of the manifest. */
  readonly matched: boolean;
  /** Number of entities that it names. */
  readonly entities: number;
  readonly differences: readonly { readonly entity: string; readonly message: string }[];
}

/** What a tenant wants exported repeatedly. Rows are never deleted, so an epoch is never reused. */
export interface StandingOrdersTable {
  standingOrderId: Generated<string>;
  tenant: string;
  kind: ExportKind;
  enabled: Generated<boolean>;
  /** age recipient (public key) that files are sealed to; `null`: never enabled, or deleted since. */
  recipient: string | null;
  /** Whether the tenant supplied the recipient, so the server never had a private key. */
  ownRecipient: Generated<boolean>;
  /** Incremented whenever the recipient changes or is removed; a run of an older epoch cannot commit. */
  epoch: number;
  /** Incremented with every change except of `failingSince`; the schedule is synchronized with this version. */
  version: number;
  /** `null`, also for a member: the deployment's default. */
  recurrence: JsonOrNull<Recurrence>;
  /** When the first run failed after the last success; `null`: the last run succeeded. */
  failingSince: Date | null;
  changedAt: Generated<Date>;
  /** The version that the schedule is known to match; `null`: none yet. */
  syncedVersion: number | null;
}
export interface Recurrence {
  /** Absent: the kind has only one. */
  readonly frequency?: Frequency;
  /** `null` or absent: the deployment's. 0 to 1439. */
  readonly jitterMinutes?: number | null;
  /** Hours after which a run that is not acknowledged owes a notice; `null` or absent: none is expected. */
  readonly ackHours?: number | null;
  /** `HH:MM` */
  readonly at: string | null;
  /** IANA name. */
  readonly timeZone: string | null;
}
/** With its current run, read in the same statement; `null` until the epoch's first run commits. */
export type StandingOrder = Selectable<StandingOrdersTable> & { readonly currentRunId: string | null };

/** A column as it was delivered. */
export interface DeliveredColumn {
  readonly name: string;
  /** Type in the catalog. */
  readonly type: string;
  /** Whether the file of the day before did not have it. @default it had */
  readonly added?: true;
}

/** A dataset of a standing order that exports changes. */
interface StandingFilesTable {
  standingOrderId: string;
  /** Name in the catalog. */
  dataset: string;
  active: boolean;
  /** Incremented when it is registered again; a run of an older generation moves nothing. */
  generation: Generated<number>;
  /** In the order of the file that was delivered last; `null`: none was. */
  columns: JsonOrNull<readonly DeliveredColumn[]>;
  /** Everything that changed before has been delivered; `null`: nothing has. */
  watermark: Instant | null;
  /** Where complete loads begin; `null`: with the first row. */
  startsFrom: Instant | null;
  /** When another complete load was asked for; `null`: none is due. */
  fullLoadAt: Date | null;
  /** Why the dataset is not exported until the operator accepts its columns. */
  held: JsonOrNull<Failure>;
  /** Why its last run failed; `null`: it did not. */
  failure: JsonOrNull<Failure>;
  registeredAt: Generated<Date>;
  changedAt: Generated<Date>;
}
export type StandingFile = Selectable<StandingFilesTable>;

/** What a run exports of a dataset; written when it begins, so that a retry exports the same. */
interface RunFilesTable {
  runId: string;
  dataset: string;
  /** Of the registration, when the run began; 0: the run moves nothing. */
  generation: number;
  /** Whether it is a complete load. */
  complete: boolean;
  /** Whether the day has had a file of it, which must not be left out. */
  replaces: Generated<boolean>;
  /** The run that it continues; `null`: none. */
  baseRunId: Generated<string | null>;
  /** `null`: open. */
  windowFrom: Instant | null;
  windowTo: Instant;
  /** The request for a complete load that the run fulfils; `null`: none. */
  fullLoadAt: Date | null;
  columns: Json<readonly DeliveredColumn[]>;
  /** `null`: not delivered. */
  rows: number | null;
  failure: JsonOrNull<Failure>;
}
export type RunFile = Selectable<RunFilesTable>;

/** An e-mail owed to a tenant's contacts. Written in the transaction that causes it, so none is lost or duplicated. */
export interface NoticesTable {
  noticeId: Generated<string>;
  tenant: string;
  /**
   * `failed`: the first failure after a success; `recovered`: the first success after failures; `ack_mismatch`: the tenant has
   * received something else than the manifest says; `ack_missing`: it has not said in time what it received; `push_`: of
   * deliveries to its own destination; `held`: datasets wait for the operator.
   */
  kind: 'failed' | 'recovered' | 'ack_mismatch' | 'ack_missing' | 'push_failed' | 'push_recovered' | 'held';
  runId: string;
  failingSince: Date;
  failure: JsonOrNull<Failure>;
  sentAt: Date | null;
  /** Number of addresses. */
  recipients: number | null;
}
export type Notice = Omit<Selectable<NoticesTable>, 'sentAt' | 'recipients'>;

/** An e-mail about a request, to one address. It is claimed before it is sent. */
interface MailsTable {
  runId: string;
  /** `ready` and `failed` go to whoever made the request, `support` to the operator. */
  kind: 'ready' | 'failed' | 'support';
  address: string;
  claimedAt: Stamped;
  /** `null`: it is being sent, or its sender died meanwhile. */
  sentAt: Date | null;
}
export type MailKind = MailsTable['kind'];

/** Where a tenant wants its files put. */
interface DestinationsTable {
  tenant: string;
  kind: DestinationConfig['kind'];
  config: Json<DestinationConfig>;
  /** Sealed with a key of the deployment. */
  secret: Buffer;
  /** Incremented with every change. */
  version: Generated<number>;
  /** When the first delivery failed after the last one that did not; `null`: the last one did not. */
  failingSince: Date | null;
  changedAt: Generated<Date>;
}
export type Destination = Selectable<DestinationsTable>;

/** The delivery of a run's files to the destination of its tenant. Written when the run is committed. */
interface DeliveriesTable {
  runId: string;
  /** Of the destination, when the delivery was last attempted. */
  destinationVersion: number;
  /** `skipped`: a newer run of the day was delivered instead, or the destination was removed. Final once it is not `pending`. */
  state: Generated<'pending' | 'delivered' | 'failed' | 'skipped'>;
  /** A count, the running one included. */
  attempts: Generated<number>;
  createdAt: Generated<Date>;
  endedAt: Date | null;
  failure: JsonOrNull<Failure>;
}
export type DeliveryRow = Selectable<DeliveriesTable>;

/** Where a tenant is told of outcomes. */
interface WebhooksTable {
  tenant: string;
  /** `null`: only callbacks of orders are called. */
  url: string | null;
  events: WebhookEvent[];
  /** Sealed with a key of the deployment. */
  secret: Buffer;
  /** Sealed; `null`: there is none. */
  previousSecret: Buffer | null;
  /** Until when the previous secret signs too. */
  previousUntil: Date | null;
  /** Incremented when the address or the events change. */
  version: Generated<number>;
  /** When the address answered that it is gone; `null`: it is in use. */
  disabledAt: Date | null;
  changedAt: Generated<Date>;
}
export type Webhook = Selectable<WebhooksTable>;

/** An address that is told of one run. */
interface RunCallbacksTable {
  runId: string;
  tenant: string;
  url: string;
  createdAt: Generated<Date>;
}

/** An outcome that a tenant is told of. Written in the transaction that records it, so none is lost or duplicated. */
interface WebhookEventsTable {
  eventId: Generated<string>;
  tenant: string;
  type: WebhookEvent;
  /** `null`: of no run. */
  runId: string | null;
  /** `null`: to the tenant's webhook, at whatever address it has then. */
  callbackUrl: string | null;
  data: Json<WebhookData>;
  /** Final once it is not `pending`. */
  state: Generated<WebhookState>;
  attempts: Generated<number>;
  /** HTTP status of the last answer; `null`: there was none. */
  lastStatus: number | null;
  lastError: WebhookFailure | null;
  createdAt: Generated<Date>;
  lastAttemptAt: Date | null;
  /** `null`: it is not pending any more. */
  nextAttemptAt: Generated<Date | null>;
  endedAt: Date | null;
}
export type WebhookEventRow = Selectable<WebhookEventsTable>;

/** A customer whose rows are exported. */
export interface TenantsTable {
  /** As `TENANT_KEY` in contracts/keys.ts; part of object keys. */
  key: string;
  title: string;
  createdAt: Stamped;
  disabledAt: Date | null;
  /** The tenant's value of the tenant column, as text. `null`: its key. Unique among both. */
  warehouseKey: Generated<string | null>;
  /** `null`: the deployment's limit. */
  exportsMax: number | null;
  requestsMax: number | null;
  /** E-mail addresses that are notified when a background export fails and when it recovers. */
  contacts: Generated<string[]>;
  /** Days that files of requests are kept; `null`: the deployment's number. */
  requestKeepDays: number | null;
}
export type Tenant = Selectable<TenantsTable>;

export type Scope = 'read' | 'write';

/** Authenticates a caller as a tenant. The secret is shown once, on creation, and stored only as a scrypt hash. */
export interface CredentialsTable {
  id: Generated<string>;
  tenant: string;
  /** Unique in the deployment. */
  clientId: string;
  scopes: Scope[];
  secretHash: string;
  /** Index entry of the bare secret. */
  lookup: Buffer;
  /** Where mails about its requests go; `null`: to the tenant's contacts. */
  email: string | null;
  createdAt: Stamped;
  /** When the secret was last replaced; access tokens issued before are invalid. */
  rotatedAt: Date | null;
  disabledAt: Date | null;
  /** Kinds of export that it may use; `null`: all. */
  doors: string[] | null;
  /** Names in the catalog; `null`: all. */
  datasets: string[] | null;
  /** From when on it is void; `null`: never. */
  expiresAt: Date | null;
  /** To the minute; `null`: never. */
  lastUsedAt: Date | null;
  /** Network address. */
  lastUsedFrom: string | null;
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

/** Changes, runs and downloads of standing orders are named by their kind, as in `periodic.enabled`. */
export type StandingVerb =
  | 'registered'
  | 'acknowledged'
  | 'full_load'
  | 'schema_accepted'
  | 'run_requested'
  | 'enabled'
  | 'resumed'
  | 'disabled'
  | 'deleted'
  | 'rotated'
  | 'published'
  | 'failed'
  | 'cancelled'
  | 'downloaded';

export type AuditAction = `${ExportKind}.${StandingVerb}` | OwnAction;

/** All others. */
export type OwnAction =
  | 'export.requested'
  | 'export.cancelled'
  | 'export.deleted'
  | 'export.downloaded'
  | 'export.resubmitted'
  | 'export.links_revoked'
  | 'export.completed'
  | 'export.failed'
  | 'export.expired'
  | 'request.created'
  | 'request.deleted'
  | 'request.mailed'
  | 'requests.released'
  | 'destination.set'
  | 'destination.removed'
  | 'destination.tested'
  | 'delivery.delivered'
  | 'delivery.failed'
  | 'delivery.skipped'
  | 'webhook.set'
  | 'webhook.rotated'
  | 'webhook.removed'
  | 'webhook.tested'
  | 'webhook.disabled'
  | 'webhook.failed'
  | 'tenant.added'
  | 'tenant.disabled'
  | 'tenant.enabled'
  | 'tenant.limited'
  | 'tenant.warehouse_key'
  | 'tenant.archives'
  | 'tenant.contacts'
  | 'tenant.request_keep_days'
  | 'credential.added'
  | 'credential.email'
  | 'credential.rotated'
  | 'credential.disabled'
  | 'credential.limited'
  | 'access.refused'
  | 'notice.sent'
  | 'token.issued'
  | 'login.failed'
  | 'portal.logged_in'
  | 'portal.logged_out'
  | 'operator.logged_in'
  | 'operator.logged_out'
  | 'sftp.logged_in'
  | 'sftp_key.added'
  | 'sftp_key.disabled';

/** One line of the append-only audit trail. Holds no secret, link, key or row. */
interface AuditTable {
  id: ColumnType<number, never, never>;
  at: Stamped;
  tenant: string | null;
  /** Client id, `link` for a signed link, `operator` for the command line and the operator's page, `waybill` for the service itself. */
  actor: string;
  action: AuditAction;
  runId: string | null;
  detail: Json<Readonly<Record<string, string | number | boolean | null>>>;
}
export type AuditEntry = Omit<Selectable<AuditTable>, 'id'>;

/** How a tenant wants archives of questionnaires. */
interface ArchiveSettingsTable {
  tenant: string;
  /** Sealed with the deployment's key; empty: lost, so that no archive can be made; `null`: archives have none. */
  password: Buffer | null;
  /** age recipients (public keys) that archives are sealed to; empty: they are not. */
  recipients: Generated<string[]>;
  changedAt: Generated<Date>;
}
export type ArchiveSettings = Selectable<ArchiveSettingsTable>;

/** Public keys of signatures. */
interface SigningKeysTable {
  kid: string;
  /** 32 bytes in base64url. */
  publicKey: string;
  addedAt: Stamped;
}

/** Public keys that tenants log in with over SFTP. Rows are never deleted. */
interface SftpKeysTable {
  tenant: string;
  /** `SHA256:` and base64 without padding. */
  fingerprint: string;
  /** `<type> <base64>` */
  publicKey: string;
  addedAt: Stamped;
  disabledAt: Date | null;
}
export type SftpKey = Selectable<SftpKeysTable>;

/** One row: the host key that the gateway makes on its first start. */
interface SftpHostKeyTable {
  /** In OpenSSH's format. Secret. */
  privateKey: string;
  createdAt: Stamped;
}

/** Log-ins to the portal. */
interface PortalSessionsTable {
  /** SHA-256 of the token in the cookie. */
  tokenHash: Buffer;
  tenant: string;
  actor: string;
  /** Of a log-in through an issuer; a credential's own may change meanwhile. */
  scopes: Scope[];
  /** `null`: logged in through an issuer. */
  credentialId: string | null;
  /** `rotatedAt` of the credential at log-in. */
  generation: Date | null;
  begunAt: Date;
  /** To the minute. */
  usedAt: Date;
}

/** Log-ins to the operator's page. */
interface OperatorSessionsTable {
  /** SHA-256 of the token in the cookie. */
  tokenHash: Buffer;
  /** SHA-256 of the setting that the secret was checked against. */
  generation: Buffer;
  begunAt: Date;
  /** To the minute. */
  usedAt: Date;
}

/** The schema of migrations/, as queries see it. */
export interface Tables {
  runs: RunsTable;
  standingOrders: StandingOrdersTable;
  standingFiles: StandingFilesTable;
  runFiles: RunFilesTable;
  notices: NoticesTable;
  mails: MailsTable;
  destinations: DestinationsTable;
  deliveries: DeliveriesTable;
  webhooks: WebhooksTable;
  runCallbacks: RunCallbacksTable;
  webhookEvents: WebhookEventsTable;
  tenants: TenantsTable;
  credentials: CredentialsTable;
  deployment: DeploymentTable;
  archiveSettings: ArchiveSettingsTable;
  signingKeys: SigningKeysTable;
  sftpKeys: SftpKeysTable;
  sftpHostKey: SftpHostKeyTable;
  idempotency: IdempotencyTable;
  portalSessions: PortalSessionsTable;
  operatorSessions: OperatorSessionsTable;
  audit: AuditTable;
}
