import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { decodeJobId } from '../contracts/job-id.ts';
import { COLUMNS, makeChangingWarehouse } from './changing-warehouse.ts';
import { closeAtEnd } from './cleanup.ts';
import { openLedger, startOwnServices } from './context.ts';
import { createHttpClient } from './http-client.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { createRecurringClient } from './recurring-client.ts';
import { findSecrets, formsOf, remainsInPostgres, remainsInTemporal } from './remains.ts';
import { openTemporal } from './temporal.ts';
import { waitUntil } from './wait-until.ts';
import { type ReceivedWebhook, startReceiver, verified, withStatus } from './webhook-receiver.ts';

const warehouse = await makeChangingWarehouse(['user', 'seat'], [], 'on-demand, recurring');
const services = await startOwnServices({
  ...{ ...warehouse.settings, WAYBILL_LOG_LEVEL: 'trace' },
  // Only tests start passes.
  WAYBILL_RECONCILE_SECONDS: '31536000',
});
let { worker } = services;
const ledger = openLedger(services.settings);
const raw = new pg.Client({ connectionString: services.settings.WAYBILL_LEDGER_URL });
await raw.connect();
closeAtEnd(() => raw.end());
const temporal = await openTemporal(services.settings);

const ORDER = { ...ALWAYS, exportType: 'user', format: 'CSV' };
/** Secrets and addresses that must be nowhere. */
const secrets: string[] = [];

async function addTenant() {
  const key = `t-${randomUUID()}`;
  const secret = `s-${randomUUID()}`;
  await ledger.tenants.add({ key, title: 'A tenant' });
  await ledger.credentials.add({ tenant: key, clientId: key, scopes: ['read', 'write'], secret });
  const http = createHttpClient(services.url, { 'api-key': secret });
  const answer = async (method: string, path: string, body?: object) => {
    const found = await http.json<{ secret: string; webhook: object; delivered: boolean }>(method, `/webhooks${path}`, {
      ...(body && { body }),
    });
    if (found.secret) secrets.push(found.secret.slice('whsec_'.length));
    return found;
  };
  const deliveries = async () =>
    (await http.json<{ deliveries: Record<string, unknown>[] }>('GET', '/webhooks/deliveries')).deliveries;
  return {
    ...{ key, ...http, onDemand: createOnDemandClient(services.url, key, secret) },
    recurring: createRecurringClient(services.url, secret),
    put: (body: object) => answer('PUT', '', body),
    post: (path: string) => answer('POST', path),
    deliveries,
    /** Waits until all events are in this state. */
    settled: (state: string, count: number, seconds = 60) =>
      waitUntil(deliveries, (all) => all.length >= count && all.every((one) => one.state === state), seconds),
  };
}
type Tenant = Awaited<ReturnType<typeof addTenant>>;

/** Each order is another one, unless it has the same number. */
const order = (tenant: Tenant, more: object = {}, keepDays = 3) =>
  tenant.onDemand.order({ ...ORDER, keepDays, ...more });
const reconcile = () =>
  temporal.client.workflow.execute('reconcile', {
    ...{ workflowId: `reconcile-${randomUUID()}`, taskQueue: 'waybill', args: [] },
  });

describe('an export on demand', () => {
  test('that is completed is told to the webhook and to the callback, once each, with a signature that holds', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    const { secret, webhook } = await tenant.put({ url: `${receiver.url}/all` });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(webhook).toMatchObject({ url: `${receiver.url}/all`, disabledAt: null });
    secrets.push('a-token-to-look-for-2b7d');
    const callbackUrl = `${receiver.url}/one?token=a-token-to-look-for-2b7d`;
    const exportId = await order(tenant, { callbackUrl });
    await receiver.until('export.completed', 2);
    const { workflowId } = await tenant.onDemand.manifest(exportId);
    for (const path of ['/all', '/one?token=a-token-to-look-for-2b7d']) {
      const [request] = receiver.matching('export.completed', path);
      if (!request) throw new Error(`nothing at ${path}`);
      const { data } = verified(secret, request);
      expect(data).toMatchObject({
        ...{ tenant: tenant.key, kind: 'on-demand', exportId, dataset: 'user', format: 'csv', rows: 0, files: 1 },
        window: { from: '1900-01-01T00:00:00.000000Z', to: '2100-01-01T00:00:00.000000Z' },
        links: {
          status: `${services.url}/exports/${exportId}`,
          manifest: `${services.url}/exports/${exportId}/manifest`,
        },
      });
      expect(decodeJobId(data.jobId)).toEqual({ workflowId, runId: exportId });
      expect(() => verified(`whsec_${Buffer.alloc(32).toString('base64')}`, request)).toThrow('No matching signature');
    }
    const deliveries = await tenant.settled('delivered', 2);
    expect(deliveries[0]).toMatchObject({ type: 'export.completed', exportId, attempts: 1, lastStatus: 204 });
    expect(receiver.received).toHaveLength(2);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(2);
  });

  test('that is ordered twice at once, with two callbacks, is one export that calls both', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    await tenant.put({ url: null });
    const callbacks = ['/one', '/two'].map((path) => `${receiver.url}${path}`);
    // Otherwise the first may be done before the second is ordered.
    await worker.kill('SIGSTOP');
    let ids: readonly string[];
    try {
      ids = await Promise.all(callbacks.map((callbackUrl) => order(tenant, { callbackUrl })));
    } finally {
      await worker.kill('SIGCONT');
    }
    expect(new Set(ids).size).toBe(1);
    for (const path of ['/one', '/two']) await receiver.until('export.completed', 1, path);
    await tenant.settled('delivered', 2);
    expect(receiver.received).toHaveLength(2);
    expect(await order(tenant)).not.toBe(ids[0]);
  });

  test('that fails or is cancelled is told as a failure with its code', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    await tenant.put({ url: receiver.url });
    await warehouse.breakIt('user');
    const failed = await order(tenant, { callbackUrl: `${receiver.url}/one` });
    await receiver.until('export.failed', 2);
    await warehouse.write('user', []);
    for (const { event } of receiver.matching('export.failed')) {
      expect(event.data).toMatchObject({ exportId: failed, failure: { code: 'dataset_broken' }, dataset: 'user' });
      expect(event.data.failure.message).not.toMatch(/csv|select/i);
    }
    // What a killed worker has not noted is sent once more.
    await tenant.settled('delivered', 2);
    await worker.kill('SIGKILL');
    const cancelled = await order(tenant, {}, 4);
    await tenant.request('DELETE', `/exports/${cancelled}`);
    worker = await services.startWorker('after-cancel');
    const [, , event] = await receiver.until('export.failed', 3);
    expect(event?.event.data).toMatchObject({ exportId: cancelled, failure: { code: 'cancelled' } });
  });

  test('of which the files expire soon is told once, by the reconciler', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    await tenant.put({ url: receiver.url, events: ['export.expiring'] });
    const exportId = await order(tenant, { callbackUrl: `${receiver.url}/one` });
    await receiver.until('export.completed', 1, '/one');
    await raw.query(
      `update runs set ended_at = ended_at - interval '2 days', expires_at = now() + interval '23 hours',
         remove_after = now() + interval '23 hours' where run_id = $1`,
      [exportId],
    );
    expect(await reconcile()).toMatchObject({ webhooks: 1, failed: 0 });
    const requests = await receiver.until('export.expiring', 2);
    expect(requests.map(({ path }) => path).toSorted()).toEqual(['/', '/one']);
    expect(requests[0]?.event.data).toMatchObject({ exportId, expiresAt: expect.any(String) });
    await tenant.settled('delivered', 3);
    expect(await reconcile()).toMatchObject({ webhooks: 0 });
    expect(receiver.matching('export.completed')).toHaveLength(1);
  });
});

test('recurring runs tell of their day, of failures, of the recovery, and of entities that are held', async () => {
  const [tenant, receiver] = [await addTenant(), await startReceiver()];
  const { secret } = await tenant.put({ url: receiver.url });
  const row = { id: 1, text: 'x', created: '2024-05-01 10:00:00', modified: null, deleted: false, tenant: tenant.key };
  await warehouse.write('user', [row]);
  await tenant.recurring.register({ entityList: ['user', 'seat'] });
  const first = await tenant.recurring.run();
  const [completed] = await receiver.until('export.completed');
  if (!completed) throw new Error('nothing was told');
  expect(verified(secret, completed).data).toMatchObject({
    ...{ kind: 'recurring', exportId: first.run_id, day: first.day, rows: 1 },
    delivered: [
      { dataset: 'seat', load: 'complete', rows: 0 },
      { dataset: 'user', load: 'complete', rows: 1, window: { from: null } },
    ],
    links: { status: `${services.url}/export/runs` },
  });

  await warehouse.breakIt('seat');
  await warehouse.breakIt('user');
  const failed = await tenant.recurring.run();
  expect((await receiver.until('export.failed'))[0]?.event.data).toMatchObject({ exportId: failed.run_id });
  await warehouse.write('seat', []);
  await warehouse.write('user', [row]);
  const recovered = await tenant.recurring.run();
  expect((await receiver.until('export.recovered'))[0]?.event.data).toMatchObject({
    ...{ exportId: recovered.run_id, failingSince: expect.any(String) },
  });

  await warehouse.describe({ user: COLUMNS.replace(', text: text', '') });
  await tenant.settled('delivered', 4);
  await worker.kill('SIGKILL');
  worker = await services.startWorker('narrow');
  await tenant.recurring.run();
  const held = await receiver.until('export.held');
  expect(held[0]?.event.data.held).toEqual([
    { dataset: 'user', code: 'schema_changed', message: expect.stringContaining('column text is gone') },
  ]);
  await tenant.recurring.run();
  await tenant.settled('delivered', 6);
  const types = receiver.received.map(({ event }) => event.type);
  expect(types.filter((type) => type === 'export.held')).toHaveLength(1);
  expect(types.filter((type) => type === 'export.recovered')).toHaveLength(1);
  await warehouse.describe({});
  await worker.kill('SIGKILL');
  worker = await services.startWorker('wide');
});

describe('a receiver', () => {
  const idsOf = (requests: readonly ReceivedWebhook[]) => [...new Set(requests.map(({ id }) => id))];

  test('that fails, redirects and is away gets the same event again, until it answers with 2xx', async () => {
    const [tenant, receiver, target] = [await addTenant(), await startReceiver(), await startReceiver()];
    const { secret } = await tenant.put({ url: receiver.url });
    receiver.respond(withStatus(500));
    await order(tenant);
    await receiver.until('export.completed', 1);
    receiver.respond(withStatus(307, { location: target.url }));
    await receiver.until('export.completed', 2);
    await receiver.stop();
    await waitUntil(tenant.deliveries, ([one]) => one?.attempts === 3, 30);
    expect((await tenant.deliveries())[0]).toMatchObject({
      ...{ state: 'pending', lastStatus: null, lastError: 'webhook_unavailable', nextAttemptAt: expect.any(String) },
    });
    receiver.respond(withStatus(200));
    await receiver.listen();
    await tenant.settled('delivered', 1);
    const requests = receiver.matching('export.completed');
    expect(requests).toHaveLength(3);
    expect(idsOf(requests)).toHaveLength(1);
    expect(new Set(requests.map(({ body }) => body)).size).toBe(1);
    const times = requests.map(({ headers }) => Number(headers['webhook-timestamp']));
    expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(30);
    for (const request of requests) verified(secret, request);
    expect(target.received).toEqual([]);
  });

  test('that hangs delays neither the export, nor another receiver, nor another tenant', async () => {
    const [slow, fast] = [await addTenant(), await addTenant()];
    const [hanging, receiver] = [await startReceiver(), await startReceiver()];
    hanging.respond(() => undefined);
    await slow.put({ url: hanging.url });
    await fast.put({ url: receiver.url });
    const exportId = await order(slow, { callbackUrl: `${receiver.url}/of-slow` });
    await hanging.until('export.completed');
    const hungAt = Date.now();
    await order(fast);
    await receiver.until('export.completed', 1, '/');
    await receiver.until('export.completed', 1, '/of-slow');
    // The first attempt is given up after 15 seconds.
    expect(Date.now() - hungAt).toBeLessThan(14_000);
    expect(await slow.onDemand.show(exportId)).toMatchObject({ state: 'completed' });
    hanging.respond(withStatus(204));
    await slow.settled('delivered', 2);
    expect(idsOf(hanging.received)).toHaveLength(1);
  });

  test('that answers 410 gets nothing any more, until it is set again', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    await tenant.put({ url: receiver.url });
    receiver.respond(withStatus(410));
    await order(tenant);
    await tenant.settled('failed', 1);
    const { webhook } = await tenant.json<{ webhook: object }>('GET', '/webhooks');
    expect(webhook).toMatchObject({ url: receiver.url, disabledAt: expect.any(String) });
    await tenant.onDemand.ended(await order(tenant, {}, 4));
    expect(await tenant.deliveries()).toHaveLength(1);
    receiver.respond(withStatus(204));
    const set = await tenant.put({ url: receiver.url });
    expect(set).toMatchObject({ secret: null, webhook: { disabledAt: null } });
    await order(tenant, {}, 5);
    await receiver.until('export.completed', 2);
  });

  test('verifies with its old secret for a while after a rotation, and with the new one', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    const old = await tenant.put({ url: receiver.url });
    const young = await tenant.post('/rotate');
    expect(young).toMatchObject({ webhook: { previousSecretUntil: expect.any(String) } });
    expect(await tenant.post('/test')).toMatchObject({ delivered: true, status: 204, error: null });
    await order(tenant);
    await receiver.until('export.completed');
    for (const request of receiver.received) {
      for (const { secret } of [old, young]) expect(verified(secret, request).data.tenant).toBe(tenant.key);
    }
    await raw.query('update webhooks set previous_until = now() where tenant = $1', [tenant.key]);
    expect(await tenant.post('/test')).toMatchObject({ delivered: true });
    const last = receiver.received.at(-1);
    if (!last) throw new Error('nothing was received');
    verified(young.secret, last);
    expect(() => verified(old.secret, last)).toThrow('No matching signature');
  });

  test('that is removed while an event waits gets nothing any more', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    await tenant.put({ url: receiver.url });
    receiver.respond(withStatus(503));
    await order(tenant);
    await receiver.until('export.completed', 1);
    await tenant.request('DELETE', '/webhooks');
    await tenant.settled('skipped', 1);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('a worker that is killed', () => {
  test('after the answer and before it is noted sends the event once more, with the same id', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    await tenant.put({ url: receiver.url });
    const killed = Promise.withResolvers<void>();
    // The answer leaves only when the worker is gone, so it cannot note it.
    receiver.respond((_, answer) => {
      receiver.respond(withStatus(204));
      void worker.kill('SIGKILL').then(() => {
        answer.writeHead(204).end();
        killed.resolve();
      });
    });
    await order(tenant);
    await killed.promise;
    expect((await tenant.deliveries())[0]).toMatchObject({ state: 'pending', attempts: 0 });
    worker = await services.startWorker('after-send');
    await receiver.until('export.completed', 2);
    await tenant.settled('delivered', 1);
    expect(receiver.received).toHaveLength(2);
    expect(new Set(receiver.received.map(({ id, body }) => id + body)).size).toBe(1);
  });

  test('before anybody sends leaves the event to the reconciler', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    await tenant.put({ url: receiver.url });
    receiver.respond(withStatus(503));
    await order(tenant);
    await receiver.until('export.completed', 1);
    // Otherwise the worker may still note the failed attempt, and its next time.
    await waitUntil(tenant.deliveries, ([event]) => event?.['attempts'] === 1, 60);
    await temporal.client.workflow.getHandle(`webhooks|${tenant.key}`).terminate();
    receiver.respond(withStatus(204));
    await raw.query('update webhook_events set next_attempt_at = now() where tenant = $1', [tenant.key]);
    expect(await reconcile()).toMatchObject({ webhooks: 1, failed: 0 });
    await tenant.settled('delivered', 1);
  });
});

test('an event that is not accepted for a day is given up', async () => {
  const [tenant, receiver] = [await addTenant(), await startReceiver()];
  await tenant.put({ url: receiver.url });
  receiver.respond(withStatus(500));
  await order(tenant);
  await receiver.until('export.completed', 1);
  await raw.query(`update webhook_events set created_at = created_at - interval '1 day' where tenant = $1`, [
    tenant.key,
  ]);
  const [event] = await tenant.settled('failed', 1);
  expect(event).toMatchObject({ attempts: 2, lastStatus: 500, lastError: 'webhook_rejected', nextAttemptAt: null });
  const trail = await ledger.audit.list(tenant.key, 1);
  expect(trail).toMatchObject([{ action: 'webhook.failed', actor: 'waybill', detail: { attempts: 2 } }]);
});

test('secrets and addresses of callbacks are in no history, log or list', async () => {
  const remains = new Map([
    ...(await remainsInTemporal(services.settings)),
    ...(await remainsInPostgres(services.settings.WAYBILL_LEDGER_URL)),
    ['log', Buffer.from(services.lines.join('\n'))] as const,
  ]);
  expect([...remains.keys()].some((place) => place.startsWith('history webhooks|'))).toBe(true);
  expect(remains.get('log')?.length).toBeGreaterThan(1000);
  // Where they are kept; the secrets sealed.
  const token = secrets.find((secret) => secret.startsWith('a-token')) ?? '';
  const found = findSecrets(
    remains,
    secrets.map((secret) => [secret === token ? 'token' : 'secret', formsOf(secret)]),
  );
  expect(secrets.length).toBeGreaterThan(5);
  expect(found.toSorted()).toEqual(['token in table public.run_callbacks', 'token in table public.webhook_events']);
});
