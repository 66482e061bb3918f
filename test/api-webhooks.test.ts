import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WEBHOOK_EVENTS } from '../contracts/webhook.ts';
import { LOOPBACK } from '../stack/ports.ts';
import { createWebhookSender } from '../stores/webhooks/http.ts';
import { BODY, type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';
import { startReceiver, verified, withStatus } from './webhook-receiver.ts';

/** Addresses of the hosts that there are. */
const names = new Map([
  ['receiver.example.com', '93.184.215.14'],
  ['inside.example.com', '10.0.0.7'],
]);

let started: StartedApi;
let api: ComposedApi;
let plain: ComposedApi;

beforeAll(async () => {
  started = await startApi();
  const sender = createWebhookSender({
    secretsKeys: [randomBytes(32)],
    allowedNetworks: [LOOPBACK],
    resolve: async (host) => [{ address: names.get(host) ?? host, family: 4 }],
    answerMs: 1000,
  });
  api = started.compose({}, undefined, undefined, null, sender);
  plain = started.compose();
});
afterAll(() => started.stop());

type Headers = Readonly<Record<string, string>>;
const URL_OF = 'https://receiver.example.com/waybill';

async function ask(headers: Headers, method: string, path = '', body?: unknown, at = api) {
  const answer = await at.app.request(`/webhooks${path}`, {
    ...{ method, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) } },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: JSON.parse(text) };
}

describe('a webhook', () => {
  test('has a secret that is shown once, and kept when it is changed', async () => {
    const { key, headers } = await started.addTenant();
    expect(await ask(headers, 'GET')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    const set = await ask(headers, 'PUT', '', { url: URL_OF });
    const events = ['completed', 'failed', 'recovered', 'held', 'expiring'].map((name) => `export.${name}`);
    expect(set).toMatchObject({
      status: 200,
      body: { webhook: { url: URL_OF, events, disabledAt: null, previousSecretUntil: null } },
    });
    const { secret } = set.body;
    expect(secret).toMatch(/^whsec_/);
    const changed = await ask(headers, 'PUT', '', { url: null, events: ['export.failed', 'export.failed'] });
    expect(changed.body).toMatchObject({ webhook: { url: null, events: ['export.failed'] }, secret: null });
    const shown = await ask(headers, 'GET');
    expect(shown.body).toEqual({ webhook: changed.body.webhook });
    const rotated = await ask(headers, 'POST', '/rotate');
    expect(rotated.body.secret).toMatch(/^whsec_/);
    const stored = JSON.stringify(await started.ledger.webhooks.find(key));
    for (const one of [secret, rotated.body.secret]) {
      expect([changed.text, shown.text, stored, ...started.logged].join()).not.toContain(one.slice(6));
    }
    expect(await ask(headers, 'DELETE')).toMatchObject({ status: 200, body: { removed: true } });
    expect(await ask(headers, 'DELETE')).toMatchObject({ status: 200, body: { removed: false } });
    for (const path of ['/rotate', '/test']) expect((await ask(headers, 'POST', path)).status).toBe(404);
    expect((await ask(headers, 'PUT', '', {})).body.secret).not.toBe(secret);
  });

  test('of one tenant is not that of another, and readers cannot change it', async () => {
    const [mine, other] = [await started.addTenant(), await started.addTenant()];
    await ask(mine.headers, 'PUT', '', { url: URL_OF });
    expect((await ask(other.headers, 'GET')).status).toBe(404);
    expect((await ask(other.headers, 'POST', '/rotate')).status).toBe(404);
    expect((await ask(other.headers, 'GET', '/deliveries')).body).toEqual({ deliveries: [] });
    const reader = await started.addCredential(mine.key, ['read']);
    expect((await ask(reader.headers, 'GET')).status).toBe(200);
    expect((await ask(reader.headers, 'GET', '/deliveries')).status).toBe(200);
    for (const [method, path] of [
      ['PUT', ''],
      ['DELETE', ''],
      ['POST', '/test'],
      ['POST', '/rotate'],
    ] as const) {
      const body = method === 'PUT' ? {} : undefined;
      expect((await ask(reader.headers, method, path, body)).status, path).toBe(403);
      expect((await ask({}, method, path, body)).status, path).toBe(401);
    }
  });

  test('is not offered without a key of the deployment', async () => {
    const { headers } = await started.addTenant();
    const refused = { status: 404, body: { code: 'webhooks_not_offered' } };
    expect(await ask(headers, 'PUT', '', {}, plain)).toMatchObject(refused);
    await ask(headers, 'PUT', '', {});
    for (const path of ['/test', '/rotate'])
      expect(await ask(headers, 'POST', path, undefined, plain)).toMatchObject(refused);
  });

  test.each([
    ['another protocol', { url: 'ftp://a.example/' }, 'invalid_field', 'url'],
    ['no address', { url: 'receiver' }, 'invalid_field', 'url'],
    ['a password in the address', { url: 'https://a:b@a.example/' }, 'invalid_field', 'url'],
    ['a fragment', { url: 'https://a.example/#x' }, 'invalid_field', 'url'],
    ['a long address', { url: `https://a.example/${'x'.repeat(2000)}` }, 'invalid_field', 'url'],
    ['an unknown event', { url: URL_OF, events: ['export.started'] }, 'invalid_field', 'events.0'],
    ['no event', { url: URL_OF, events: [] }, 'invalid_field', 'events'],
    ['an unknown field', { url: URL_OF, secret: 'mine' }, 'unknown_field', 'secret'],
    ['an address inside', { url: 'https://inside.example.com/' }, 'webhook_refused', undefined],
    ['an address without TLS', { url: 'http://receiver.example.com/' }, 'webhook_refused', undefined],
    ['an address of the cloud', { url: 'http://169.254.169.254/latest' }, 'webhook_refused', undefined],
  ])('with %s is refused', async (_, body, code, field) => {
    const { headers } = await started.addTenant();
    const answer = await ask(headers, 'PUT', '', body);
    expect(answer).toMatchObject({ status: 400, body: { code, ...(field && { field }) } });
    expect(answer.text).not.toMatch(/10\.0\.0|a:b@/);
    expect((await ask(headers, 'GET')).status).toBe(404);
  });

  test('is tested with a signed event, and the answer is told', async () => {
    const [{ headers, key }, receiver] = [await started.addTenant(), await startReceiver()];
    const { secret } = (await ask(headers, 'PUT', '', { url: receiver.url })).body;
    expect((await ask(headers, 'POST', '/test')).body).toMatchObject({ delivered: true, status: 204, error: null });
    const [request] = receiver.received;
    if (!request) throw new Error('nothing was received');
    expect(verified(secret, request)).toMatchObject({ type: 'webhook.test', data: { tenant: key } });
    receiver.respond(withStatus(503));
    const failed = await ask(headers, 'POST', '/test');
    expect(failed).toMatchObject({ status: 200, body: { delivered: false, status: 503, error: 'webhook_rejected' } });
    expect(failed.text).not.toContain('what a receiver says');
    receiver.respond(() => undefined);
    const [late, second] = await Promise.all([ask(headers, 'POST', '/test'), ask(headers, 'POST', '/test')]);
    const [slow, busy] = late.status === 200 ? [late, second] : [second, late];
    expect(slow.body).toMatchObject({ delivered: false, status: null, error: 'webhook_unavailable' });
    expect(busy).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    const trail = (await started.ledger.audit.list(key, 10)).filter(({ action }) => action === 'webhook.tested');
    expect(trail.map(({ detail }) => detail.outcome).toSorted()).toEqual([
      ...['delivered', 'webhook_rejected', 'webhook_unavailable'],
    ]);
    await ask(headers, 'PUT', '', { url: null });
    expect((await ask(headers, 'POST', '/test')).status).toBe(404);
  });
});

test('events are in the OpenAPI document', async () => {
  const document = (await (await api.app.request('/openapi.json')).json()) as { readonly webhooks: object };
  expect(Object.keys(document.webhooks)).toEqual([...WEBHOOK_EVENTS]);
});

describe('the callback of an order', () => {
  const place = async (headers: Headers, more: object, at = api) => {
    const answer = await at.app.request('/exports', post(headers, { ...BODY, ...more }));
    return {
      status: answer.status,
      body: (await answer.json()) as { job?: { id: string }; code?: string; field?: string },
    };
  };

  test('needs a secret, an offer and an address that is allowed; otherwise nothing is started', async () => {
    const { headers } = await started.addTenant();
    const refused = { status: 400, body: { code: 'invalid_field', field: 'callbackUrl' } };
    const before = api.temporal.latest.size;
    expect(await place(headers, { callbackUrl: URL_OF })).toMatchObject(refused);
    await ask(headers, 'PUT', '', {});
    expect(await place(headers, { callbackUrl: URL_OF }, plain)).toMatchObject(refused);
    for (const callbackUrl of ['https://inside.example.com/', 'http://receiver.example.com/', 'receiver', 7]) {
      expect(await place(headers, { callbackUrl })).toMatchObject(refused);
    }
    expect(api.temporal.latest.size).toBe(before);
    expect(await place(headers, { callbackUrl: URL_OF })).toMatchObject({ status: 202 });
  });

  test('is not part of what is ordered', async () => {
    const { headers } = await started.addTenant();
    await ask(headers, 'PUT', '', {});
    const jobs = new Set<string | undefined>();
    for (const more of [{}, { callbackUrl: URL_OF }, { callbackUrl: `${URL_OF}/2` }]) {
      jobs.add((await place({ ...headers, 'idempotency-key': 'the same' }, more)).body.job?.id);
      jobs.add((await place(headers, more)).body.job?.id);
    }
    expect(jobs.size).toBe(1);
  });

  test('is one of 20', async () => {
    const { headers } = await started.addTenant();
    await ask(headers, 'PUT', '', {});
    for (let count = 0; count < 20; count += 1) {
      expect((await place(headers, { callbackUrl: `${URL_OF}/${count}` })).status).toBe(202);
    }
    expect(await place(headers, { callbackUrl: `${URL_OF}/more` })).toMatchObject({
      status: 400,
      body: { field: 'callbackUrl' },
    });
    expect((await place(headers, { callbackUrl: `${URL_OF}/7` })).status).toBe(202);
  });
});
