import { WaybillError } from '../contracts/failures.ts';
import type { WebhooksPass } from '../contracts/steps.ts';
import { nextAttemptAt, webhookBody, webhookId } from '../contracts/webhook.ts';
import type { Webhook, WebhookEventRow } from '../stores/ledger/ports.ts';
import { signingSecrets, type WebhookAnswer } from '../stores/webhooks/webhook-sender.ts';
import type { Ports } from './ports.ts';
import { runOrThrow } from './step.ts';

/** Events of one pass, and receivers that get them at once. */
const EVENTS_MAX = 200;
const RECEIVERS_MAX = 8;
/** How long a pass sends; the next one goes on. Milliseconds. */
const PASS_MS = 30_000;

const GONE = 410;

type SendPorts = Pick<Ports, 'ledger' | 'webhooks' | 'publicUrl' | 'logger'>;

/** An event and where it goes. */
interface Addressed {
  readonly event: WebhookEventRow;
  readonly url: string;
}

/**
 * Sends the events of a tenant that are due, to several receivers at once and to each one after the other. A receiver that does
 * not answer at all gets no more of them in this pass, so that it holds up the others once and not for each event.
 *
 * @returns when to send again
 */
export function createSendWebhooks({ ledger, webhooks: sender, publicUrl, logger }: SendPorts) {
  const { webhookEvents } = ledger;

  async function send({ event, url }: Addressed, webhook: Webhook, signal: AbortSignal): Promise<WebhookAnswer> {
    const { tenant, eventId } = event;
    if (!sender) throw new WaybillError('webhooks_not_offered');
    try {
      const secrets = signingSecrets(webhook, new Date());
      const message = { tenant, url, secrets, id: webhookId(eventId), body: webhookBody(event, publicUrl) };
      return await sender.send(message, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.error({ err: error, tenant, eventId }, 'a webhook could not be signed: was WAYBILL_SECRETS_KEY replaced?');
      return { delivered: false, status: null, error: 'internal', retryAfterMs: null };
    }
  }

  /** @returns when it is tried again; `null`: it is not */
  async function record({ event }: Addressed, answer: WebhookAnswer): Promise<Date | null> {
    const { eventId, tenant, type, createdAt } = event;
    const { status } = answer;
    if (answer.delivered) {
      await webhookEvents.record(eventId, { state: 'delivered', status, error: null, nextAttemptAt: null });
      return null;
    }
    const { error, retryAfterMs } = answer;
    const attempts = event.attempts + 1;
    const again =
      status === GONE ? null : nextAttemptAt({ createdAt, attempts }, new Date(), Math.random(), retryAfterMs ?? 0);
    const state = again ? 'pending' : 'failed';
    await webhookEvents.record(eventId, { state, status, error, nextAttemptAt: again });
    logger.info({ tenant, eventId, type, status, code: error, attempts }, 'a webhook was not answered with 2xx');
    return again;
  }

  /** Sends events to one receiver. */
  async function sendInOrder(events: readonly Addressed[], webhook: Webhook, deadline: number, signal: AbortSignal) {
    const { tenant, version } = webhook;
    let isGone = false;
    for (const [place, addressed] of events.entries()) {
      if (Date.now() > deadline) return;
      const { event } = addressed;
      if (isGone && event.callbackUrl === null) continue;
      const answer = await send(addressed, webhook, signal);
      const again = await record(addressed, answer);
      const rest = events.slice(place + 1).map((other) => other.event);
      if (answer.status === GONE && event.callbackUrl === null) {
        isGone = true;
        await ledger.webhooks.disable(tenant, version);
        await webhookEvents.skip(rest.filter(({ callbackUrl }) => callbackUrl === null).map(({ eventId }) => eventId));
      }
      if (answer.status !== null) continue;
      // Those whose day is over have a last attempt of their own.
      const waiting = rest.filter((other) => nextAttemptAt(other, new Date(), 0) !== null);
      if (again)
        await webhookEvents.postpone(
          waiting.map(({ eventId }) => eventId),
          again,
        );
      return;
    }
  }

  return async function sendWebhooks({ tenant }: { readonly tenant: string }): Promise<WebhooksPass> {
    return runOrThrow(logger, { tenant }, async (signal) => {
      const deadline = Date.now() + PASS_MS;
      const due = await webhookEvents.due(tenant, EVENTS_MAX);
      const webhook = await ledger.webhooks.find(tenant);
      const isEnabled = (await ledger.tenants.find(tenant))?.disabledAt === null;
      const addressed = webhook && isEnabled ? due.flatMap((event) => addressesOf(event, webhook)) : [];
      const wanted = new Set(addressed.map(({ event }) => event));
      await webhookEvents.skip(due.filter((event) => !wanted.has(event)).map(({ eventId }) => eventId));
      const receivers = [...Map.groupBy(addressed, ({ url }) => new URL(url).origin).values()];
      const worker = async () => {
        for (let events = receivers.shift(); events && webhook; events = receivers.shift()) {
          await sendInOrder(events, webhook, deadline, signal);
        }
      };
      // All of them end before the step does, so that the next one sends nothing twice.
      const results = await Promise.allSettled(Array.from({ length: RECEIVERS_MAX }, worker));
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      return { nextAt: (await webhookEvents.nextAttemptAt(tenant))?.toISOString() ?? null };
    });
  };
}

/** @returns nothing if it is not wanted any more */
function addressesOf(event: WebhookEventRow, { url, disabledAt }: Webhook): readonly Addressed[] {
  if (event.callbackUrl !== null) return [{ event, url: event.callbackUrl }];
  return url === null || disabledAt !== null ? [] : [{ event, url }];
}
