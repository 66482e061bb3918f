import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCatalog } from '../config/catalog.ts';
import { DOORS, type Limits } from '../contracts/limits.ts';
import { REQUESTS_PATH } from '../contracts/requests.ts';
import { deliver } from '../stores/delivery-fixture.ts';
import { basic, type ComposedApi, dataset, type StartedApi, startApi } from './api-set-up.ts';
import { waybill } from './cli-run.ts';

const CATALOG = createCatalog([
  dataset('ONE', { doors: [...DOORS], createdColumn: 'at' }),
  dataset('TWO', { doors: [...DOORS], createdColumn: 'at' }),
]);

let started: StartedApi;
let api: ComposedApi;
let tenant: string;

beforeAll(async () => {
  started = await startApi();
  api = started.compose({}, CATALOG);
  tenant = (await started.addTenant()).key;
});
afterAll(() => started?.stop());

/** A credential of the tenant, and what requests with it are answered. */
async function limitedTo(limits: Limits) {
  const clientId = `c-${randomUUID()}`;
  const secret = `s-${randomUUID()}`;
  await started.ledger.credentials.add({ tenant, clientId, secret, limits, scopes: ['read', 'write'] });
  const authorization = basic(clientId, secret);
  return {
    clientId,
    async ask(method: string, path: string, body?: unknown) {
      const response = await api.app.request(path, {
        method,
        headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        text,
        code: text.startsWith('{') ? (JSON.parse(text) as { code?: unknown }).code : undefined,
      };
    },
  };
}

const ORDER = { exportType: 'ONE', format: 'CSV', startDate: '2026-01-01T00:00:00Z', endDate: '2026-01-02T00:00:00Z' };
const FORM = { realm: 'ONE', start_date: '2016-01-01', end_date: '2016-12-31', format: 'CSV' };
const ID = randomUUID();

/** Every route that takes a credential; `each`: one that is limited to a dataset may use it for that. */
const ROUTES = [
  ['on-demand', 'each', 'POST', '/exports', ORDER],
  ['on-demand', 'each', 'GET', '/exports'],
  ['on-demand', 'each', 'GET', `/exports/${ID}`],
  ['on-demand', 'each', 'GET', `/exports/${ID}/events`],
  ['on-demand', 'each', 'GET', `/exports/${ID}/manifest`],
  ['on-demand', 'each', 'GET', `/exports/${ID}/manifest/signature`],
  ['on-demand', 'each', 'GET', `/exports/${ID}/file`],
  ['on-demand', 'each', 'DELETE', `/exports/${ID}`],
  ['on-demand', 'each', 'POST', `/exports/${ID}/resubmit`],
  ['on-demand', 'each', 'DELETE', `/exports/${ID}/links`],
  ['periodic', 'each', 'GET', '/dataexport'],
  ['periodic', 'each', 'GET', '/dataexport/download?file=ONE&fileType=csv&sealed=true'],
  ['periodic', 'each', 'GET', '/dataexport/downloadAll?fileType=csv&sealed=true'],
  ['periodic', 'all', 'GET', '/dataexport/manifest'],
  ['periodic', 'all', 'GET', '/dataexport/manifest/signature'],
  ['periodic', 'all', 'POST', '/dataexport/enable', {}],
  ['periodic', 'all', 'POST', '/dataexport/rotate', {}],
  ['periodic', 'all', 'POST', '/dataexport/disable'],
  ['recurring', 'all', 'POST', '/export', { exportOption: 'disable export' }],
  ['recurring', 'each', 'GET', '/export'],
  ['recurring', 'all', 'POST', '/export/full-load', { entityList: 'ONE' }],
  ['recurring', 'each', 'GET', '/export/runs'],
  ['recurring', 'all', 'POST', '/export/runs', {}],
  ['recurring', 'all', 'GET', `/export/runs/${ID}/manifest`],
  ['recurring', 'all', 'GET', `/export/runs/${ID}/manifest/signature`],
  ['recurring', 'each', 'GET', `/export/runs/${ID}/files/ONE.csv`],
  ['recurring', 'all', 'GET', '/export/destination'],
  ['recurring', 'all', 'DELETE', '/export/destination'],
  ['recurring', 'all', 'POST', '/export/destination/test'],
  ['requests', 'each', 'GET', `${REQUESTS_PATH}/realms`],
  ['requests', 'each', 'GET', `${REQUESTS_PATH}/requests`],
  ['requests', 'each', 'POST', `${REQUESTS_PATH}/request`, FORM],
  ['requests', 'each', 'DELETE', `${REQUESTS_PATH}/request/999`],
  ['requests', 'each', 'DELETE', `${REQUESTS_PATH}/requests`, [999]],
  ['requests', 'each', 'GET', `${REQUESTS_PATH}/download/999`],
  [null, 'all', 'GET', '/webhooks'],
  [null, 'all', 'GET', '/export/sftp-keys'],
] as const;

describe('every route', () => {
  test('refuses a credential that is limited to another door, and lets one of its own door pass', async () => {
    const all = await limitedTo({ doors: null, datasets: null });
    const by = new Map(
      await Promise.all(DOORS.map(async (door) => [door, await limitedTo({ doors: [door], datasets: null })] as const)),
    );
    for (const [door, , method, path, body] of ROUTES) {
      const name = `${method} ${path}`;
      const whole = await all.ask(method, path, body);
      expect(whole.text, name).not.toContain('limited');
      for (const [own, credential] of by) {
        const answer = await credential.ask(method, path, body);
        if (own === door) {
          expect(answer.text, `${name} with ${own}`).not.toContain('The credential is limited to other');
          continue;
        }
        expect(answer.status, `${name} with ${own}`).toBe(403);
        expect(answer.text).toContain(door === null ? 'whole tenant' : `limited to other kinds of export: ${own}`);
        // Each door's own body: of a problem, of the recurring contract, and of the published one of requests.
        if (door === 'requests') expect(answer.code).toBe(0);
        else expect(answer.code).toBe('outside_limits');
      }
    }
    const trail = await started.ledger.audit.list(tenant, 5);
    expect(trail).toContainEqual(expect.objectContaining({ action: 'access.refused' }));
  });

  test('that concerns all datasets refuses a credential that is limited to one', async () => {
    const one = await limitedTo({ doors: null, datasets: ['ONE'] });
    for (const [, reach, method, path, body] of ROUTES) {
      const answer = await one.ask(method, path, body);
      if (reach === 'all')
        expect([answer.status, answer.text.includes('limited')], `${method} ${path}`).toEqual([403, true]);
      else expect(answer.text, `${method} ${path}`).not.toContain('limited');
    }
  });
});

describe('a credential that is limited to a dataset', () => {
  test('orders, sees and reaches exports and requests of that alone', async () => {
    const whole = await limitedTo({ doors: null, datasets: null });
    const one = await limitedTo({ doors: null, datasets: ['ONE'] });
    const two = await limitedTo({ doors: null, datasets: ['TWO'] });
    expect(await two.ask('POST', '/exports', ORDER)).toMatchObject({ status: 403, code: 'outside_limits' });
    expect((await one.ask('POST', '/exports', ORDER)).status).toBe(202);
    const { items } = JSON.parse((await one.ask('GET', '/exports')).text) as { items: { id: string }[] };
    expect(items.length).toBeGreaterThan(0);
    expect(JSON.parse((await two.ask('GET', '/exports')).text)).toMatchObject({ items: [] });
    const { rows } = await started.ledger.runs.list(tenant, { kind: 'on-demand' }, { cursor: null, limit: 1 });
    const id = rows[0]?.runId ?? '';
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/events'],
      ['GET', '/file'],
      ['GET', '/manifest'],
      ['DELETE', ''],
      ['POST', '/resubmit'],
      ['DELETE', '/links'],
    ] as const) {
      expect(await two.ask(method, `/exports/${id}${path}`), path).toMatchObject({
        status: 403,
        code: 'outside_limits',
      });
    }
    expect((await one.ask('GET', `/exports/${id}`)).status).toBe(200);

    const realms = (text: string) => (JSON.parse(text) as { data: { id: string }[] }).data.map((realm) => realm.id);
    expect(realms((await whole.ask('GET', `${REQUESTS_PATH}/realms`)).text)).toEqual(['ONE', 'TWO']);
    expect(realms((await two.ask('GET', `${REQUESTS_PATH}/realms`)).text)).toEqual(['TWO']);
    expect((await two.ask('POST', `${REQUESTS_PATH}/request`, FORM)).status).toBe(403);
    await one.ask('POST', `${REQUESTS_PATH}/request`, FORM);
    const [request] = await started.ledger.requests.list(tenant, { before: null, limit: 1 });
    expect((await two.ask('DELETE', `${REQUESTS_PATH}/request/${request?.number}`)).status).toBe(403);
    expect((await two.ask('GET', `${REQUESTS_PATH}/download/${request?.number}`)).status).toBe(403);
    expect(JSON.parse((await two.ask('GET', `${REQUESTS_PATH}/requests`)).text)).toMatchObject({ total: 0 });
    expect(JSON.parse((await one.ask('GET', `${REQUESTS_PATH}/requests`)).text)).toMatchObject({ total: 1 });
  });

  test('downloads its file of a delivered day and of the nightly bundle, and no other', async () => {
    const two = await limitedTo({ doors: null, datasets: ['TWO'] });
    const { runId } = await deliver({
      ...{ ledgerUrl: started.url, objects: api.objects, tenant, day: '2026-11-21' },
      files: { ONE: [Buffer.from('id\n1\n')], TWO: [Buffer.from('id\n2\n')] },
    });
    expect(await two.ask('GET', `/export/runs/${runId}/files/ONE.csv`)).toMatchObject({ status: 403 });
    expect(await two.ask('GET', `/export/runs/${runId}/files/TWO.csv`)).toMatchObject({ status: 200, text: 'id\n2\n' });
    expect(await two.ask('GET', '/dataexport/download?file=ONE&fileType=csv&sealed=true')).toMatchObject({
      ...{ status: 403, code: 'outside_limits' },
    });
    expect(JSON.parse((await two.ask('GET', '/dataexport')).text)).toMatchObject({ files: ['TWO'] });
  });
});

test('limits are changed, checked and audited, on the command line too; a use is written once a minute', async () => {
  const { clientId, ask } = await limitedTo({ doors: null, datasets: null });
  const operator = (...args: readonly string[]) => waybill(['tenant', ...args], { WAYBILL_LEDGER_URL: started.url });
  expect((await ask('GET', '/exports')).status).toBe(200);
  const used = (await started.ledger.credentials.find(clientId))?.lastUsedAt;
  expect(used).toBeInstanceOf(Date);
  expect((await operator('limit', clientId, '--door', 'periodic', 'requests', '--dataset', 'ONE')).code).toBe(0);
  expect(await started.ledger.credentials.find(clientId)).toMatchObject({
    doors: ['periodic', 'requests'],
    datasets: ['ONE'],
    lastUsedFrom: 'local',
  });
  expect(await ask('GET', '/exports')).toMatchObject({ status: 403, code: 'outside_limits' });
  expect((await started.ledger.credentials.find(clientId))?.lastUsedAt).toEqual(used);
  expect((await operator('limit', clientId, '--door', 'nowhere')).code).toBe(2);
  expect((await operator('limit', clientId)).code).toBe(0);
  expect((await ask('GET', '/exports')).status).toBe(200);
  expect((await operator('show', tenant)).output).toContain('LAST USED');
  expect((await operator('revoke', clientId)).code).toBe(0);
  expect((await ask('GET', '/exports')).status).toBe(401);
  const trail = (await started.ledger.audit.list(tenant, 40)).filter(({ detail }) => detail.clientId === clientId);
  expect(trail.map(({ action }) => action)).toEqual([
    ...['login.failed', 'credential.disabled', 'credential.limited', 'credential.limited', 'credential.added'],
  ]);
});

test('an expired credential opens nothing', async () => {
  const secret = `s-${randomUUID()}`;
  const clientId = `c-${randomUUID()}`;
  const expiresAt = new Date(Date.now() + 10_000);
  await started.ledger.credentials.add({ tenant, clientId, secret, scopes: ['read'], expiresAt });
  const ask = async () =>
    (await api.app.request('/exports', { headers: { authorization: basic(clientId, secret) } })).status;
  expect(await ask()).toBe(200);
  await expect.poll(ask, { timeout: 60_000, interval: 500 }).toBe(401);
});
