import { randomUUID } from 'node:crypto';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import type { WebhookDelivery } from '../../contracts/views/webhooks.ts';
import { TEST_EVENT, webhookBody, webhookId } from '../../contracts/webhook.ts';
import type { Webhook, WebhookEventRow } from '../../stores/ledger/ports.ts';
import { signingSecrets, type WebhookAnswer, type WebhookSender } from '../../stores/webhooks/webhook-sender.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../http/problems.ts';
import type { RouteAnswer } from '../openapi.ts';
import type * as routes from './routes.ts';

/** Seconds to wait while a test is running. */
const TEST_SECONDS = 15;

type WebhookDeps = Pick<ApiDeps, 'ledger' | 'webhooks'>;

/** Answers `PUT /webhooks`. */
export function putHandler({ ledger, webhooks }: WebhookDeps): RouteAnswer<typeof routes.putWebhook> {
  return async function putWebhook(c) {
    const sender = offeredSender(webhooks);
    const { url, events } = c.req.valid('json');
    const { tenant, actor } = c.get('caller');
    if (url !== null) await sender.check(url);
    const secret = sender.newSecret();
    const sealed = sender.seal(tenant.key, secret);
    const wanted = [...new Set(events)];
    const webhook = await ledger.webhooks.put({ tenant: tenant.key, url, events: wanted, secret: sealed, actor });
    c.header('Cache-Control', 'no-store');
    return c.json({ webhook: viewOf(webhook), secret: webhook.secret.equals(sealed) ? secret : null }, 200);
  };
}

/** Answers `GET /webhooks`. */
export function showHandler({ ledger }: WebhookDeps): RouteAnswer<typeof routes.showWebhook> {
  return async function showWebhook(c) {
    return c.json({ webhook: viewOf(await findWebhook(ledger, c.get('caller').tenant.key)) }, 200);
  };
}

/** Answers `DELETE /webhooks`. Events that are pending are not sent any more. */
export function removeHandler({ ledger }: WebhookDeps): RouteAnswer<typeof routes.removeWebhook> {
  return async function removeWebhook(c) {
    const { tenant, actor } = c.get('caller');
    return c.json({ removed: await ledger.webhooks.remove(tenant.key, actor) }, 200);
  };
}

/** Answers `POST /webhooks/rotate`. */
export function rotateHandler({ ledger, webhooks }: WebhookDeps): RouteAnswer<typeof routes.rotateWebhook> {
  return async function rotateWebhook(c) {
    const sender = offeredSender(webhooks);
    const { tenant, actor } = c.get('caller');
    const secret = sender.newSecret();
    const rotated = await ledger.webhooks.rotate({
      ...{ tenant: tenant.key, secret: sender.seal(tenant.key, secret), actor },
    });
    if (!rotated) throw notSet();
    c.header('Cache-Control', 'no-store');
    return c.json({ webhook: viewOf(rotated), secret }, 200);
  };
}

/** Answers `POST /webhooks/test`. One test of a tenant runs at a time, so that nobody scans networks with it. */
export function testHandler({
  ledger,
  webhooks,
  settings,
  clock,
}: WebhookDeps & Pick<ApiDeps, 'settings' | 'clock'>): RouteAnswer<typeof routes.testWebhook> {
  const running = new Set<string>();

  return async function tryWebhook(c) {
    const sender = offeredSender(webhooks);
    const { tenant, actor } = c.get('caller');
    const webhook = await findWebhook(ledger, tenant.key);
    const { url } = webhook;
    if (url === null) throw new WaybillError('not_found', 'The webhook has no url. Set one with PUT /webhooks.');
    if (running.has(tenant.key)) {
      throw new TryLater('rate_limited', TEST_SECONDS, 'A test of this webhook is running. Wait until it ends.');
    }
    running.add(tenant.key);
    try {
      const began = performance.now();
      const eventId = randomUUID();
      const data = { tenant: tenant.key, kind: 'test', exportId: null };
      const message = { eventId, type: TEST_EVENT, createdAt: clock.now(), data };
      const body = webhookBody(message, settings.WAYBILL_PUBLIC_URL);
      const secrets = signingSecrets(webhook, clock.now());
      const outgoing = { tenant: tenant.key, url, secrets, id: webhookId(eventId), body };
      const answer = await sender.send(outgoing, c.req.raw.signal);
      const outcome = answer.delivered ? 'delivered' : answer.error;
      await ledger.audit.append({
        ...{ tenant: tenant.key, actor, action: 'webhook.tested', runId: null },
        detail: { outcome, status: answer.status },
      });
      return c.json({ ...testedView(answer), milliseconds: Math.round(performance.now() - began) }, 200);
    } finally {
      running.delete(tenant.key);
    }
  };
}

function testedView(answer: WebhookAnswer) {
  const { delivered, status } = answer;
  if (answer.delivered) return { delivered, status, error: null, message: `The webhook answered ${status}.` };
  const { title, advice } = FAILURES[answer.error];
  const said = status === null ? '' : ` It answered ${status}.`;
  return { delivered, status, error: answer.error, message: `${title}.${said} ${advice}` };
}

/** Answers `GET /webhooks/deliveries`. */
export function deliveriesHandler({ ledger }: WebhookDeps): RouteAnswer<typeof routes.listDeliveries> {
  return async function listDeliveries(c) {
    const { limit } = c.req.valid('query');
    const events = await ledger.webhookEvents.list(c.get('caller').tenant.key, limit);
    return c.json({ deliveries: events.map(deliveryView) }, 200);
  };
}

/** Without the address of a callback, which may hold a secret of the caller who ordered. */
function deliveryView(event: WebhookEventRow): WebhookDelivery {
  const { eventId, type, runId, callbackUrl, state, attempts, lastStatus, lastError } = event;
  return {
    ...{ id: webhookId(eventId), type, exportId: runId, target: callbackUrl === null ? 'url' : 'callbackUrl' },
    host: callbackUrl === null ? null : new URL(callbackUrl).host,
    ...{ state, attempts, lastStatus, lastError },
    createdAt: event.createdAt.toISOString(),
    lastAttemptAt: event.lastAttemptAt?.toISOString() ?? null,
    nextAttemptAt: event.nextAttemptAt?.toISOString() ?? null,
  };
}

function viewOf({ url, events, changedAt, disabledAt, previousUntil }: Webhook) {
  return {
    ...{ url, events },
    changedAt: changedAt.toISOString(),
    disabledAt: disabledAt?.toISOString() ?? null,
    previousSecretUntil: previousUntil && previousUntil > new Date() ? previousUntil.toISOString() : null,
  };
}

function offeredSender(sender: WebhookSender | null): WebhookSender {
  if (sender) return sender;
  throw new WaybillError('webhooks_not_offered');
}

async function findWebhook(ledger: ApiDeps['ledger'], tenant: string): Promise<Webhook> {
  const webhook = await ledger.webhooks.find(tenant);
  if (webhook) return webhook;
  throw notSet();
}

function notSet(): WaybillError {
  return new WaybillError('not_found', 'No webhook is set. Set one with PUT /webhooks.');
}
