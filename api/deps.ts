import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { Catalog } from '../config/dataset.ts';
import type { Settings } from '../config/settings.ts';
import type { Limits } from '../contracts/limits.ts';
import type { ExportKind } from '../contracts/run.ts';
import type { AuditAction, Ledger, Scope, Tenant } from '../stores/ledger/ports.ts';
import type { LoginLimit } from '../stores/limits/login-limit.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Remotes } from '../stores/remotes/remote.ts';
import type { StandingDeployment, SyncSchedule } from '../stores/temporal/sync-schedule.ts';
import type { Temporal } from '../stores/temporal/temporal.ts';
import type { WebhookSender } from '../stores/webhooks/webhook-sender.ts';

/** The settings that the API reads. */
export type ApiSettings = Pick<
  Settings,
  | 'WAYBILL_PUBLIC_URL'
  | 'WAYBILL_BODY_BYTES_MAX'
  | 'WAYBILL_LINK_SECRET'
  | 'WAYBILL_LINK_SECONDS'
  | 'WAYBILL_TOKEN_SECRET'
  | 'WAYBILL_TOKEN_SECONDS'
  | 'WAYBILL_TOKEN_ISSUERS'
  | 'WAYBILL_OPENID_PROVIDERS'
  | 'WAYBILL_KEEP_DAYS'
  | 'WAYBILL_TENANT_REQUESTS_MAX'
  | 'WAYBILL_TENANT_DOWNLOADS_MAX'
  | 'WAYBILL_TENANT_EXPORTS_MAX'
  | 'WAYBILL_TRUSTED_PROXIES'
  | 'WAYBILL_PRIVATE_KEY_IN_QUERY'
  | 'WAYBILL_PERIODIC_AT'
  | 'WAYBILL_PERIODIC_TIME_ZONE'
  | 'WAYBILL_RECURRING_AT'
  | 'WAYBILL_RECURRING_TIME_ZONE'
  | 'WAYBILL_RECURRING_SETTLING_SECONDS'
  | 'WAYBILL_SFTP_PORT'
  | 'WAYBILL_SFTP_PUBLIC_ADDRESS'
  | 'WAYBILL_SFTP_HOST_KEY'
  | 'WAYBILL_REQUESTS_SCHEDULE'
  | 'WAYBILL_REQUESTS_TIME_ZONE'
  | 'WAYBILL_REQUESTS_KEEP_DAYS'
  | 'WAYBILL_SMTP_URL'
>;

export interface Clock {
  now(): Date;
}

/** What the operator's page needs besides. */
export interface OperatorAccess {
  /** Hash of the operator's secret, as `createSecretHash` makes it. */
  readonly secretHash: string;
  /** `null`: Temporal's UI has no known address. */
  readonly temporalUi: { readonly url: string; readonly namespace: string } | null;
  /** Id of the reconciler's schedule. */
  readonly reconcilerId: string;
  readonly deployment: (kind: ExportKind) => StandingDeployment;
}

/** The API's dependencies, composed by `main.ts` and by tests. */
export interface ApiDeps {
  readonly settings: ApiSettings;
  readonly ledger: Ledger;
  readonly loginLimit: LoginLimit;
  readonly catalog: Catalog;
  readonly objects: Objects;
  readonly temporal: Temporal;
  readonly syncSchedule: SyncSchedule;
  /** `null`: push delivery is not set up. */
  readonly remotes: Remotes | null;
  /** `null`: webhooks are not set up. */
  readonly webhooks: WebhookSender | null;
  /** `null`: there is no operator's page. */
  readonly operator: OperatorAccess | null;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted on a stop signal. Event streams then end, so that clients reconnect elsewhere. */
  readonly stopping: AbortSignal;
}

/** The authenticated caller of a request. */
export interface Caller {
  readonly tenant: Tenant;
  /** Client id, or `token:<subject>` for an outside issuer; written to the audit trail. */
  readonly actor: string;
  /** `write` includes reading. */
  readonly scopes: readonly Scope[];
  /** Of its credential. */
  readonly limits: Limits;
}

/** The downloads in progress of each tenant. */
export interface Downloads {
  /** @returns a function that ends the download; may be called repeatedly. @throws TryLater `rate_limited` */
  begin(tenant: string): () => void;
}

/** Hono's environment of a request. `Bindings` are missing if a test calls `app.request()`. */
export interface ApiEnv {
  Bindings: Partial<HttpBindings>;
  Variables: {
    requestId: string;
    logger: Logger;
    caller: Caller;
    downloads: Downloads;
    /** Network address of the client. */
    address: string;
  };
}

type AuditEntry = Parameters<Ledger['audit']['append']>[0];

/** Records an action of the caller in the audit trail, with its address. */
export function auditCaller(
  c: Context<ApiEnv>,
  { ledger }: Pick<ApiDeps, 'ledger'>,
  action: AuditAction,
  runId: string,
  detail: AuditEntry['detail'] = {},
): Promise<void> {
  return ledger.audit.append(callerEntry(c, action, runId, detail));
}

/** What the audit trail has of an action of the caller. */
export function callerEntry(
  c: Context<ApiEnv>,
  action: AuditAction,
  runId: string,
  detail: AuditEntry['detail'] = {},
): AuditEntry {
  const { tenant, actor } = c.get('caller');
  return { tenant: tenant.key, actor, action, runId, detail: { ...detail, address: c.get('address') } };
}
