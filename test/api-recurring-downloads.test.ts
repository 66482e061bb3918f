import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../api/server.ts';
import { findRemoteDays } from '../cli/chain/remote-days.ts';
import { type Client, connect } from '../cli/http/client.ts';
import { deliver, sha256Of } from '../stores/delivery-fixture.ts';
import { type ComposedApi, type StartedApi, startApi } from './api-set-up.ts';

const DAY = '2026-11-21';
const PARTS = [2500, 1, 7001].map((size) => randomBytes(size));
const WHOLE = Buffer.concat(PARTS);

let started: StartedApi;
let api: ComposedApi;
let server: ApiServer;
beforeAll(async () => {
  started = await startApi();
  api = started.compose();
  server = await api.serve();
});
afterAll(async () => {
  await server?.close(0);
  await started?.stop();
});

/** A tenant that may only read, and what is delivered to it. */
async function delivered() {
  const tenant = await started.addTenant(['read']);
  const deliverAgain = () =>
    deliver({
      ...{ ledgerUrl: started.url, objects: api.objects, tenant: tenant.key, day: DAY },
      files: { user: PARTS, 'user.deleted': [Buffer.from('id\n')] },
    });
  const { runId, bytes } = await deliverAgain();
  const get = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    fetch(`http://127.0.0.1:${server.port}/export/runs/${runId}${path}`, {
      method,
      headers: { ...tenant.headers, ...headers },
    });
  return { tenant, runId, bytes, get, deliverAgain };
}

describe('GET /export/runs/{id}', () => {
  test('/manifest sends it as it is stored, and answers 304 to whoever has it', async () => {
    const { get, bytes } = await delivered();
    const response = await get('/manifest');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    const etag = response.headers.get('etag') ?? '';
    expect((await get('/manifest', { 'if-none-match': etag })).status).toBe(304);
    const head = await get('/manifest', {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      String(bytes.length),
      '',
    ]);
  });

  test('/manifest/signature is 404 for a manifest that is not signed', async () => {
    const { get } = await delivered();
    const response = await get('/manifest/signature');
    expect([response.status, await response.json()]).toEqual([
      404,
      expect.objectContaining({ status: 'error', code: 'not_found', message: expect.stringContaining('not signed') }),
    ]);
  });

  test('/files/{file} sends its parts as one file, whole or a range, and audits it once', async () => {
    const { get, tenant, runId } = await delivered();
    const response = await get('/files/user.csv');
    expect(sha256Of(Buffer.from(await response.arrayBuffer()))).toBe(sha256Of(WHOLE));
    expect(response.headers.get('content-disposition')).toContain('filename="user.csv"');
    const rest = await get('/files/user.csv', { range: 'bytes=2400-2600' });
    expect([rest.status, rest.headers.get('content-range')]).toEqual([206, `bytes 2400-2600/${WHOLE.length}`]);
    expect(Buffer.from(await rest.arrayBuffer())).toEqual(WHOLE.subarray(2400, 2601));
    expect((await get('/files/user.csv', { range: `bytes=${WHOLE.length}-` })).status).toBe(416);
    expect(await (await get('/files/user.deleted.csv')).text()).toBe('id\n');
    const trail = await started.ledger.audit.list(tenant.key, 10);
    expect(trail.filter(({ action }) => action === 'recurring.downloaded')).toMatchObject([
      { runId, detail: { file: 'user.deleted.csv', via: 'http' } },
      { runId, detail: { file: 'user.csv', via: 'http' } },
    ]);
  });

  test.each(['other.csv', 'user', 'user-00000-a-1.csv', '..%2Fmanifest.json', 'manifest.json'])(
    '/files/%s is not found',
    async (file) => {
      const { get } = await delivered();
      expect((await get(`/files/${file}`)).status).toBe(404);
    },
  );

  test('is of the caller’s own runs only', async () => {
    const { runId } = await delivered();
    const { headers } = await started.addTenant();
    for (const path of ['manifest', 'manifest/signature', 'files/user.csv']) {
      const response = await api.app.request(`/export/runs/${runId}/${path}`, { headers });
      expect([path, response.status]).toEqual([path, 404]);
      expect((await api.app.request(`/export/runs/${runId}/${path}`)).status).toBe(401);
      expect((await api.app.request(`/export/runs/nonsense/${path}`, { headers })).status).toBe(404);
    }
  });

  test('reads a replaced run until its files are removed', async () => {
    const { get, runId, deliverAgain } = await delivered();
    await deliverAgain();
    expect((await get('/files/user.csv')).status).toBe(200);
    await started.ledger.runs.recordRemoval(runId, 'replaced');
    for (const path of ['/manifest', '/files/user.csv']) {
      const response = await get(path);
      expect([response.status, await response.json()]).toEqual([410, expect.objectContaining({ code: 'gone' })]);
    }
  });

  test('cuts off a damaged file, so that nobody takes it for whole', async () => {
    const { get, runId } = await delivered();
    const [key = ''] = [...api.objects.stored.keys()].filter((name) => name.includes(`${runId}/user-00002`));
    expect(key).not.toBe('');
    api.objects.stored.set(key, randomBytes(7001));
    await expect(get('/files/user.csv').then((response) => response.arrayBuffer())).rejects.toThrow();
  });
});

test('the command line finds the days on all pages, of each the current run only', async () => {
  const tenant = await started.addTenant(['read']);
  const target = { ledgerUrl: started.url, objects: api.objects, tenant: tenant.key, files: { user: PARTS } };
  const days = ['2026-11-23', '2026-11-21', '2026-11-22', '2026-11-21', '2026-11-20'];
  for (const day of days) await deliver({ ...target, day });
  const url = `http://127.0.0.1:${server.port}`;
  const credentials = { WAYBILL_CLIENT_ID: tenant.clientId, WAYBILL_CLIENT_SECRET: tenant.secret };
  const client = connect({ environment: credentials }, { url });
  const asked: string[] = [];
  const small: Client = {
    ...client,
    json(schema, path, signal) {
      asked.push(path);
      return client.json(schema, path.replace('pageSize=200', 'pageSize=2'), signal);
    },
  };
  const found = await findRemoteDays(small, new AbortController().signal);
  expect(found.days.map(({ day }) => day)).toEqual([...new Set(days)].sort());
  expect(asked.length).toBe(3);
});
