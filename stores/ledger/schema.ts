import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { FailureCode } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Order } from '../../contracts/order.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { AuditAction, AuditEntry, Scope } from './ledger.ts';
import type { GenerationState, Notice } from './periodic.ts';

/** Written as JSON text, read back as the value. */
type Json<Value extends object> = JSONColumnType<Value>;
/** Set by the database when a row is inserted. */
type Stamped = ColumnType<Date, never, never>;

export interface TenantsTable {
  key: string;
  title: string;
  created_at: Stamped;
  disabled_at: Date | null;
  exports_max: number | null;
  requests_max: number | null;
  contacts: Generated<string[]>;
}

export interface CredentialsTable {
  id: Generated<string>;
  tenant: string;
  client_id: string;
  scopes: Scope[];
  secret_hash: string;
  lookup: Buffer;
  created_at: Stamped;
  rotated_at: Date | null;
  disabled_at: Date | null;
}

interface DeploymentTable {
  lookup_salt: Buffer;
}

export interface ExportsTable {
  export_id: string;
  workflow_id: string;
  tenant: string;
  dataset: string;
  order: Json<Order>;
  state: ExportState;
  requested_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  snapshot_at: Instant | null;
  rows: number | null;
  bytes: number | null;
  content_bytes: number | null;
  parts: number | null;
  expires_at: Date | null;
  failure_code: FailureCode | null;
  failure_message: string | null;
  links_revoked_at: Date | null;
}

export interface PeriodicExportsTable {
  tenant: string;
  enabled: Generated<boolean>;
  recipient: string | null;
  own_recipient: Generated<boolean>;
  epoch: number;
  version: number;
  run_at: string | null;
  time_zone: string | null;
  generation_id: string | null;
  failing_since: Date | null;
  changed_at: Generated<Date>;
}

export interface GenerationsTable {
  generation_id: string;
  tenant: string;
  workflow_id: string;
  /** 0: put back from a manifest that is sealed to another recipient than the settings have. */
  epoch: number;
  state: Generated<GenerationState>;
  started_at: Date;
  ended_at: Date | null;
  snapshot_at: Instant | null;
  files: number | null;
  rows: number | null;
  bytes: number | null;
  manifest_sha256: string | null;
  /** The generation that was current until this one was published. */
  previous_id: string | null;
  failure_code: FailureCode | null;
  failure_message: string | null;
  /** `null`: it may still own objects. */
  removed_at: Date | null;
}

export interface NoticesTable {
  notice_id: Generated<string>;
  tenant: string;
  kind: Notice['kind'];
  generation_id: string;
  failing_since: Date;
  failure_code: FailureCode | null;
  failure_message: string | null;
  sent_at: Date | null;
  /** A count of addresses. */
  recipients: number | null;
}

interface IdempotencyTable {
  tenant: string;
  key_hash: Buffer;
  request_hash: string;
  /** `null`: claimed, not yet settled. */
  export_id: string | null;
  claimed_at: Generated<Date>;
}

interface AuditTable {
  id: ColumnType<number, never, never>;
  at: Stamped;
  tenant: string | null;
  actor: string;
  action: AuditAction;
  export_id: string | null;
  detail: Json<AuditEntry['detail']>;
}

/** What migrations/ makes, as the queries see it. */
export interface Tables {
  tenants: TenantsTable;
  credentials: CredentialsTable;
  deployment: DeploymentTable;
  exports: ExportsTable;
  periodic_exports: PeriodicExportsTable;
  generations: GenerationsTable;
  notices: NoticesTable;
  idempotency: IdempotencyTable;
  audit: AuditTable;
}
