import type { WebhookFailure } from '../../contracts/webhook.ts';
import type { Webhook } from '../ledger/ports.ts';

/** One attempt to send an event. */
export interface OutgoingWebhook {
  readonly tenant: string;
  readonly url: string;
  /** As {@link WebhookSender.seal} returned them; the event is signed with each. */
  readonly secrets: readonly Uint8Array[];
  /** The same for each attempt: receivers tell by it what they know already. */
  readonly id: string;
  readonly body: string;
}

/** @returns the sealed secrets that sign now, the current one first */
export function signingSecrets(
  { secret, previousSecret, previousUntil }: Pick<Webhook, 'secret' | 'previousSecret' | 'previousUntil'>,
  now: Date,
): readonly Uint8Array[] {
  return previousSecret && previousUntil && previousUntil > now ? [secret, previousSecret] : [secret];
}

/** What the receiver did. */
export type WebhookAnswer =
  | { readonly delivered: true; readonly status: number }
  | {
      readonly delivered: false;
      /** `null`: there was no answer. */
      readonly status: number | null;
      readonly error: WebhookFailure;
      /** What the answer asks for; `null`: nothing. */
      readonly retryAfterMs: number | null;
    };

/** Sends signed events to addresses of tenants. Source: Standard Webhooks 1.0.0. */
export interface WebhookSender {
  /** @returns a new secret, as its tenant uses it: `whsec_` and base64 */
  newSecret(): string;
  /** @returns the secret as the ledger may keep it */
  seal(tenant: string, secret: string): Buffer;
  /** @throws WaybillError `webhook_refused`, `webhook_unavailable` if the host has no address */
  check(url: string): Promise<void>;
  /**
   * Sends an event once; redirects are not followed. What the receiver does is returned, not thrown.
   * @throws Error if the secrets cannot be read any more; the reason of the signal if it aborts
   */
  send(webhook: OutgoingWebhook, signal: AbortSignal): Promise<WebhookAnswer>;
}
