import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { orderOf } from '../api/on-demand/view.ts';
import { decodeJobId } from '../contracts/job-id.ts';
import type { Progress } from '../contracts/progress.ts';
import { answerOf, BODY, type ComposedApi, finishExport, post, type StartedApi, startApi } from './api-set-up.ts';

let started: StartedApi;
let api: ComposedApi;

beforeAll(async () => {
  started = await startApi();
  api = started.compose();
});
afterAll(() => started.stop());

type Tenant = Awaited<ReturnType<StartedApi['addTenant']>>;

async function create(tenant: Tenant, more: object = {}, headers: Readonly<Record<string, string>> = {}) {
  const response = await api.app.request('/exports', post({ ...tenant.headers, ...headers }, { ...BODY, ...more }));
  expect(response.status).toBe(202);
  return (await answerOf(response)).job.id;
}

async function recordOf(id: string) {
  const record = await started.ledger.runs.find(decodeJobId(id)?.runId ?? '');
  if (!record) throw new Error('The export is not in the ledger');
  return record;
}

const year = (index: number) => ({ startDate: `${1900 + index}-01-01` });
const progress = (rowsDone: number, percent: number): Progress => ({
  percent,
  rowsDone,
  rowsTotal: 100,
  contentBytes: rowsDone * 10,
  storedBytes: rowsDone,
  partsDone: 0,
  partsTotal: 1,
  final: false,
});

describe('lists', () => {
  test('page through all, newest first, while more are added', async () => {
    const tenant = await started.addTenant();
    const created: string[] = [];
    for (let index = 0; index < 7; index += 1) created.unshift(await create(tenant, year(index)));
    const seen: string[] = [];
    let path: string | undefined = '/exports?limit=3&status=PENDING';
    while (path !== undefined) {
      const response: Response = await api.app.request(path, { headers: tenant.headers });
      const { items, next } = await answerOf(response);
      seen.push(...items.map(({ exportId }) => exportId));
      await create(tenant, year(50 + seen.length));
      const link: string | undefined = /^<http:\/\/waybill\.test(.*)>; rel="next"$/.exec(
        response.headers.get('link') ?? '',
      )?.[1];
      expect(link === undefined).toBe(next === null);
      path = link;
    }
    expect(seen).toEqual(created.map((id) => decodeJobId(id)?.runId));
  });

  test('filter by status, by state and by dataset', async () => {
    const tenant = await started.addTenant();
    const finished = await recordOf(await create(tenant, year(1)));
    await finishExport(started, api, finished, [new Uint8Array(1)]);
    const failed = await recordOf(await create(tenant, year(2)));
    const failure = { code: 'source_changed', message: 'It changed.' } as const;
    await started.ledger.runs.end(failed.runId, { state: 'failed', failure });
    const cancelled = await recordOf(await create(tenant, year(3)));
    await started.ledger.runs.end(cancelled.runId, { state: 'cancelled', failure });
    const running = await recordOf(await create(tenant, { ...year(4), exportType: 'NOTES' }));
    await started.ledger.runs.begin({ ...running, order: orderOf(running) });
    const ids = async (query: string) => {
      const { items } = await answerOf(await api.app.request(`/exports?${query}`, { headers: tenant.headers }));
      return items.map(({ exportId }) => exportId);
    };
    expect(await ids('status=COMPLETED')).toEqual([finished.runId]);
    expect(await ids('status=FAILED')).toEqual([cancelled.runId, failed.runId]);
    expect(await ids('status=cancelled')).toEqual([cancelled.runId]);
    expect(await ids('status=failed')).toEqual([failed.runId]);
    expect(await ids('status=PENDING')).toEqual([running.runId]);
    expect(await ids('status=running')).toEqual([running.runId]);
    expect(await ids('dataset=notes')).toEqual([running.runId]);
    expect(await ids('dataset=learning_activity_interactions')).toEqual([]);
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=x', 'limit'],
    ['status=DONE', 'status'],
    ['cursor=nonsense', 'cursor'],
    ['cursor=', 'cursor'],
  ])('%s is refused', async (query, field) => {
    const tenant = await started.addTenant();
    const response = await api.app.request(`/exports?${query}`, { headers: tenant.headers });
    expect([response.status, await response.json()]).toMatchObject([400, { code: 'invalid_field', field }]);
  });
});

describe('one export', () => {
  test('says all that is known, and the alias and doubled slashes lead to it', async () => {
    const tenant = await started.addTenant();
    const record = await recordOf(await create(tenant));
    await finishExport(started, api, record, [new Uint8Array(5)]);
    const shown = await Promise.all(
      ['/exports/', '//exports//', '/tp-api/exports/', '/tp-api//exports/'].map(async (prefix) =>
        answerOf(await api.app.request(`${prefix}${record.runId}`, { headers: tenant.headers })),
      ),
    );
    for (const body of shown) {
      expect(body).toMatchObject({
        exportId: record.runId,
        status: 'COMPLETED',
        state: 'completed',
        dataset: 'LEARNING_ACTIVITIES',
        format: 'csv',
        window: { from: '2012-09-05T11:12:47.000000Z', to: '2015-05-28T17:39:23.000000Z' },
        progress: { percent: 100, rowsDone: 1, rowsTotal: 1, final: true },
        manifest: { rows: 1, bytes: 5, contentBytes: 5, parts: 1, file: 'learning_activities.csv' },
        failure: null,
        downloadUrl: expect.stringMatching(/^http:\/\/waybill\.test\/exports\/.*signature=/),
      });
    }
  });

  test('never tells less progress than before, and 100 percent only when it has completed', async () => {
    const tenant = await started.addTenant();
    const record = await recordOf(await create(tenant));
    const told: number[] = [];
    for (const [rows, percent] of [
      [10, 10],
      [80, 80],
      [5, 5],
      [100, 100],
    ] as const) {
      api.temporal.seen.set(record.runId, progress(rows, percent));
      started.time.offsetMs += 1000;
      const body = await answerOf(await api.app.request(`/exports/${record.runId}`, { headers: tenant.headers }));
      told.push(body.progress.percent);
      expect(body.progress.rowsDone).toBe(Math.max(rows, told.length > 2 ? 80 : 0));
    }
    expect(told).toEqual([10, 80, 80, 99]);
  });

  test('keeps its status while Temporal is away, because that comes from the ledger', async () => {
    const tenant = await started.addTenant();
    const record = await recordOf(await create(tenant));
    api.temporal.away.add('all');
    const response = await api.app.request(`/exports?id=${record.runId}`, { headers: tenant.headers });
    api.temporal.away.clear();
    expect((await answerOf(response)).job.status).toBe('PENDING');
  });
});

describe('Idempotency-Key', () => {
  const key = (value: string) => ({ 'idempotency-key': value });

  test('gives the same export again, also after it has ended', async () => {
    const tenant = await started.addTenant();
    const first = await create(tenant, {}, key('one'));
    await finishExport(started, api, await recordOf(first), [new Uint8Array(1)]);
    expect(await create(tenant, {}, key('one'))).toBe(first);
    expect(await create(tenant, {}, key('two'))).not.toBe(first);
    expect(await create(await started.addTenant(), {}, key('one'))).not.toBe(first);
  });

  test('with another request is a conflict', async () => {
    const tenant = await started.addTenant();
    await create(tenant, {}, key('k'));
    const response = await api.app.request(
      '/exports',
      post({ ...tenant.headers, ...key('k') }, { ...BODY, ...year(9) }),
    );
    expect([response.status, (await answerOf(response)).code]).toEqual([409, 'idempotency_conflict']);
  });

  test('twins that come at once get one export', async () => {
    const tenant = await started.addTenant();
    const start = api.temporal.start;
    api.temporal.start = async (workflowId, ...rest) => {
      const exportId = await start(workflowId, ...rest);
      // As if it had ended before the twin asks: only the key can tell that they are one.
      api.temporal.running.delete(workflowId);
      return exportId;
    };
    const ids = await Promise.all(Array.from({ length: 6 }, () => create(tenant, {}, key('twins'))));
    api.temporal.start = start;
    expect(new Set(ids).size).toBe(1);
  });

  test('is free again when the request failed', async () => {
    const tenant = await started.addTenant();
    api.temporal.away.add('all');
    const refused = await api.app.request('/exports', post({ ...tenant.headers, ...key('again') }, BODY));
    api.temporal.away.clear();
    expect(refused.status).toBe(503);
    await create(tenant, {}, key('again'));
  });

  test('finds the export that Temporal started although it did not answer in time, also after it has ended', async () => {
    const tenant = await started.addTenant();
    const send = () => api.app.request('/exports', post({ ...tenant.headers, ...key('late') }, BODY));
    const before = new Set(api.temporal.latest.keys());
    api.temporal.startsLate = true;
    expect((await send()).status).toBe(503);
    api.temporal.startsLate = false;
    const [workflowId = ''] = [...api.temporal.latest.keys()].filter((id) => !before.has(id));
    const runId = api.temporal.running.get(workflowId);
    api.temporal.running.delete(workflowId);
    const { job } = await answerOf(await send());
    expect(decodeJobId(job.id)).toEqual({ workflowId, runId });
    expect(api.temporal.running.has(workflowId)).toBe(false);
  });

  test.each(['', 'x'.repeat(256)])('"%s" is refused', async (value) => {
    const tenant = await started.addTenant();
    const response = await api.app.request('/exports', post({ ...tenant.headers, ...key(value) }, BODY));
    expect(response.status).toBe(400);
  });
});

describe('events', () => {
  async function listen(response: Response) {
    const events: { event: string; data: { state: string; progress: Progress } }[] = [];
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const event = /^event: (.*)$/m.exec(text.slice(0, end))?.[1];
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        if (event && data) events.push({ event, data: JSON.parse(data) });
        text = text.slice(end + 2);
      }
    }
    return events;
  }

  test('tell every change and the end, then close; many watchers cost one question at a time', async () => {
    const tenant = await started.addTenant();
    const record = await recordOf(await create(tenant, year(20)));
    const open = () =>
      api.app.request(`/exports/${record.runId}/events`, { headers: { ...tenant.headers, 'last-event-id': '7' } });
    const responses = await Promise.all(Array.from({ length: 10 }, open));
    expect(responses[0]?.headers.get('content-type')).toBe('text/event-stream');
    const heard = responses.map(listen);
    api.temporal.asked = 0;
    const began = Date.now();
    api.temporal.seen.set(record.runId, progress(42, 42));
    await vi.waitFor(() => expect(api.temporal.asked).toBeGreaterThan(1), { timeout: 5000 });
    await finishExport(started, api, record, [new Uint8Array(3)]);
    for (const events of await Promise.all(heard)) {
      expect(events.map(({ event }) => event)).toEqual(['progress', 'progress', 'progress', 'end']);
      expect(events.map(({ data }) => data.progress.percent)).toEqual([0, 42, 100, 100]);
      expect(events.at(-1)?.data).toMatchObject({ state: 'completed', downloadUrl: expect.any(String) });
    }
    expect(api.temporal.asked).toBeLessThanOrEqual(3 + (Date.now() - began) / 400);
  });

  test('of an export that has ended: one, and the end', async () => {
    const tenant = await started.addTenant();
    const record = await recordOf(await create(tenant, year(21)));
    await finishExport(started, api, record, [new Uint8Array(3)]);
    const response = await api.app.request(`/exports/${record.runId}/events`, { headers: tenant.headers });
    expect((await listen(response)).map(({ event }) => event)).toEqual(['progress', 'end']);
  });

  test('stop without an end when the process stops, and the poller with the last watcher', async () => {
    const own = started.compose();
    const tenant = await started.addTenant();
    const id = (await answerOf(await own.app.request('/exports', post(tenant.headers, BODY)))).job.id;
    const response = await own.app.request(`/exports/${encodeURIComponent(id)}/events`, { headers: tenant.headers });
    const heard = listen(response);
    own.stopping.abort();
    expect((await heard).map(({ event }) => event)).not.toContain('end');
  });
});
