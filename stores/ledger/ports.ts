import type {
  Credentials,
  Idempotency,
  OperatorSessions,
  PortalSessions,
  SftpHostKey,
  SftpKeys,
  SigningKeys,
  Tenants,
} from './ports/access.ts';
import type { Archives } from './ports/archives.ts';
import type { Deliveries, Destinations, Notices, WebhookEvents, Webhooks } from './ports/deliveries.ts';
import type { Audit, Operations } from './ports/operations.ts';
import type { Requests, Runs } from './ports/runs.ts';
import type { Registrations, StandingOrders } from './ports/standing-orders.ts';

export type * from './ports/access.ts';
export type * from './ports/archives.ts';
export type * from './ports/deliveries.ts';
export type * from './ports/operations.ts';
export type * from './ports/runs.ts';
export type * from './ports/standing-orders.ts';
export type {
  AuditAction,
  AuditEntry,
  Credential,
  Destination,
  MailKind,
  Notice,
  OwnAction,
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
  readonly archives: Archives;
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
