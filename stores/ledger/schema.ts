import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { FailureCode } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Order } from '../../contracts/order.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { AuditAction, AuditEntry, Scope } from './ledger.ts';

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
  idempotency: IdempotencyTable;
  audit: AuditTable;
}
