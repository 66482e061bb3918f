import type { Failure } from './failures.ts';
import type { FileLoad } from './order.ts';
import { REQUESTS } from './requests.ts';
import { type ExportKind, ON_DEMAND } from './run.ts';

/** What tenants can be told over webhooks. */
export const WEBHOOK_EVENTS = [
  'export.completed',
  'export.failed',
  'export.recovered',
  'export.held',
  'export.expiring',
] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Type of the event that a test sends. */
export const TEST_EVENT = 'webhook.test';

/** Hours after a rotation in which events are signed with the previous secret too. */
export const ROTATION_HOURS = 24;

/** How long an event is tried, from its outcome on, in milliseconds. */
export const WEBHOOK_GIVE_UP_MS = 86_400_000;

/** Pause after the first attempt, and the longest one, in milliseconds. */
const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 3_600_000;
/** Share of a pause that is random. Source: Standard Webhooks, "Delivery". */
const JITTER = 0.1;

/** Why an attempt was not answered with 2xx. */
export const WEBHOOK_FAILURES = ['webhook_refused', 'webhook_unavailable', 'webhook_rejected', 'internal'] as const;
export type WebhookFailure = (typeof WEBHOOK_FAILURES)[number];

/** `skipped`: the endpoint was removed or disabled meanwhile, or the tenant was. */
export const WEBHOOK_STATES = ['pending', 'delivered', 'failed', 'skipped'] as const;
export type WebhookState = (typeof WEBHOOK_STATES)[number];

/** What an event says of its run, beside its links. Holds no row, key, link with a signature or secret. */
export interface WebhookData {
  readonly tenant: string;
  readonly kind: ExportKind;
  /** Run id; `null`: what happened belongs to no run. */
  readonly exportId: string | null;
  readonly number?: number;
  readonly jobId?: string;
  readonly dataset?: string;
  readonly format?: string;
  /** Of an order on demand: both ends are included. */
  readonly window?: { readonly from: string; readonly to: string };
  /** Of an archive: `<GUID>$<version>`, what it holds, and the interviews' status. */
  readonly questionnaire?: string;
  readonly type?: string;
  readonly status?: string;
  /** Of recurring exports. */
  readonly day?: string;
  readonly snapshotAt?: string | null;
  readonly files?: number | null;
  readonly rows?: number | null;
  readonly bytes?: number | null;
  readonly manifestSha256?: string | null;
  readonly expiresAt?: string | null;
  /** Of recurring exports: what was delivered of each dataset. The end of a window is excluded. */
  readonly delivered?: readonly {
    readonly dataset: string;
    readonly load: FileLoad;
    readonly window: { readonly from: string | null; readonly to: string };
    readonly rows: number | null;
  }[];
  /** Datasets that the run does without. */
  readonly missing?: readonly (Failure & { readonly dataset: string })[];
  /** Datasets that are held from now on. */
  readonly held?: readonly (Failure & { readonly dataset: string })[];
  readonly failure?: Failure;
  /** ISO 8601; the first failure of the series that has ended. */
  readonly failingSince?: string;
}

/** An event, as far as its body depends on it. */
export interface WebhookMessage {
  readonly eventId: string;
  readonly type: string;
  readonly createdAt: Date;
  readonly data: WebhookData;
}

/** The id of an event for its receiver, the same for each attempt. Source: Standard Webhooks, "webhook-id". */
export function webhookId(eventId: string): string {
  return `evt_${eventId.replaceAll('-', '')}`;
}

/** The body of an event, the same bytes for each attempt. @param publicUrl base URL of the API, for its links */
export function webhookBody({ type, createdAt, data }: WebhookMessage, publicUrl: string): string {
  return JSON.stringify({
    type,
    timestamp: createdAt.toISOString(),
    data: { ...data, links: linksOf(data, publicUrl) },
  });
}

/** Where the caller's credentials show more. */
function linksOf({ kind, exportId }: WebhookData, publicUrl: string): Readonly<Record<string, string>> {
  if (kind === ON_DEMAND && exportId !== null) {
    const status = `${publicUrl}/exports/${exportId}`;
    return { status, manifest: `${status}/manifest` };
  }
  if (kind === 'periodic') return { status: `${publicUrl}/dataexport`, manifest: `${publicUrl}/dataexport/manifest` };
  if (kind === REQUESTS) return { status: `${publicUrl}/rest/v1/warehouse/export/requests` };
  return kind === 'recurring' ? { status: `${publicUrl}/export/runs` } : {};
}

/**
 * @param attempts number of attempts so far, at least 1
 * @param random 0 to 1
 * @param retryAfterMs what the receiver asks for; heeded up to the longest pause. @default nothing
 * @returns when an event that was not answered with 2xx is tried again; `null`: it is given up
 */
export function nextAttemptAt(
  event: { readonly createdAt: Date; readonly attempts: number },
  now: Date,
  random: number,
  retryAfterMs = 0,
): Date | null {
  const lastAt = event.createdAt.getTime() + WEBHOOK_GIVE_UP_MS;
  if (now.getTime() >= lastAt) return null;
  const pause = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (event.attempts - 1)) * (1 + JITTER * random);
  return new Date(Math.min(lastAt, now.getTime() + Math.max(pause, Math.min(retryAfterMs, RETRY_MAX_MS))));
}
