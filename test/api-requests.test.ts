import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCatalog } from '../config/catalog.ts';
import type { Dataset } from '../config/dataset.ts';
import { runPrefix } from '../contracts/keys.ts';
import { REQUESTS, REQUESTS_ALIAS, REQUESTS_PATH } from '../contracts/requests.ts';
import type { RequestRow } from '../contracts/views/requests.ts';
import { type ComposedApi, type StartedApi, startApi } from './api-set-up.ts';
import type { Answer } from './requests-client.ts';

const DAY_MS = 86_400_000;
const FORM = { realm: 'Jobs', start_date: '2016-01-01', end_date: '2016-12-31', format: 'CSV' };

const JOBS: Dataset = {
  ...{ name: 'jobs', offeredAs: 'Jobs', title: 'All jobs', sql: 'select 1', tenantColumn: 'tenant', doors: [REQUESTS] },
  ...{
    createdColumn: 'ended_at',
    modifiedColumn: null,
    deletedColumn: null,
    key: [],
    parameters: [],
    formats: ['csv', 'xlsx'],
  },
  columns: [
    { name: 'id', header: 'Job ID', type: 'integer', label: 'Number of the job', valueLabels: null },
    {
      ...{ name: 'user', header: 'User (Deidentified)', type: 'text', label: null, valueLabels: null },
      anonymizedFrom: 'text',
    },
  ],
};

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;
let other: Awaited<ReturnType<StartedApi['addTenant']>>;

beforeAll(async () => {
  started = await startApi();
  api = started.compose({}, createCatalog([JOBS]));
  tenant = await started.addTenant();
  other = await started.addTenant();
});

afterAll(() => started?.stop());

type Who = { readonly headers: Readonly<Record<string, string>> };

async function call(method: string, path: string, body?: RequestInit['body'], who: Who = tenant, headers = {}) {
  const response = await api.app.request(`${REQUESTS_PATH}${path}`, {
    method,
    headers: { ...who.headers, ...headers },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as Answer };
}
const post = (form: Readonly<Record<string, string>> = {}, who: Who = tenant) =>
  call('POST', '/request', new URLSearchParams({ ...FORM, ...form }), who);
const json = { 'content-type': 'application/json' };
const list = async (who: Who = tenant) =>
  JSON.parse((await call('GET', '/requests', undefined, who)).text).data as RequestRow[];
const show = async (id: number) => (await list()).find((row) => row.id === id);

/** Dates that no other test has asked for. */
let days = 0;
function fresh() {
  days += 1;
  const day = new Date(Date.UTC(2000, 0, 1) + days * DAY_MS).toISOString().slice(0, 10);
  return { start_date: day, end_date: day };
}
async function submit(who: Who = tenant, form: Readonly<Record<string, string>> = fresh()) {
  const { status, json: read, text } = await post(form, who);
  expect(status, text).toBe(200);
  const id = read().data[0]?.id ?? 0;
  const key = who === other ? other.key : tenant.key;
  const run = await started.ledger.requests.find(key, id);
  if (!run?.order || !('roundsMax' in run.order)) throw new Error('not a request');
  return { id, run, order: run.order };
}

async function complete({ run, order }: Awaited<ReturnType<typeof submit>>, expiresAt: Date) {
  const { runId, workflowId, series, requestedAt, requestedBy } = run;
  await started.ledger.runs.beginRequest(
    { runId, workflowId, series, order, requestedAt, requestedBy: requestedBy ?? '', startsAt: null },
    1_000_000,
  );
  await started.ledger.runs.commit(runId, {
    ...{ snapshotAt: '2026-11-21T07:00:00.123456Z' as never, files: 1, parts: 1, rows: 3, bytes: 3, contentBytes: 3 },
    manifestSha256: 'ab'.repeat(32),
    retention: { expiresAt, graceSeconds: 60 },
  });
}

const error = (message: string | RegExp, code = 0) => ({
  ...{ success: false, count: 0, total: 0, totalCount: 0, results: [], data: [], code },
  message: typeof message === 'string' ? message : expect.stringMatching(message),
});

describe('realms', () => {
  test('have fields with their documentation', async () => {
    const answer = await call('GET', '/realms');
    expect(answer.json()).toEqual({
      success: true,
      data: [
        {
          id: 'Jobs',
          name: 'All jobs',
          fields: [
            { name: 'id', alias: 'id', display: 'Job ID', anonymize: false, documentation: 'Number of the job' },
            { name: 'user', alias: 'user', display: 'User (Deidentified)', anonymize: true, documentation: '' },
          ],
        },
      ],
      total: 1,
    });
  });

  test('are listed for a token in the query, which never reaches the log; the header takes precedence', async () => {
    const secret = `${tenant.clientId}:${tenant.secret}`;
    const path = (token: string) => `/realms?Bearer=${encodeURIComponent(token)}`;
    expect((await call('GET', path(secret), undefined, { headers: {} })).status).toBe(200);
    expect((await call('GET', path('wrong'), undefined, { headers: {} })).json()).toEqual(error(/credentials/i, 2));
    expect((await call('GET', path('wrong'))).status).toBe(200);
    expect((await call('GET', `/requests?Bearer=${secret}`, undefined, { headers: {} })).status).toBe(401);
    expect(started.logged.join('')).not.toContain(tenant.secret);
  });

  test.each(['/rest/warehouse/export/realms', '//rest/v1//warehouse/export/realms/'])(
    'are also at %s',
    async (path) => {
      expect((await api.app.request(path, { headers: tenant.headers })).status).toBe(200);
      expect(path).not.toBe(`${REQUESTS_ALIAS}/`);
    },
  );
});

describe('the states of a request', () => {
  test('are Submitted, Available, and Expired at the very moment', async () => {
    const request = await submit();
    const submitted = await show(request.id);
    expect(submitted).toEqual({
      ...{ id: request.id, realm: 'Jobs', start_date: request.order.window.from.slice(0, 10) },
      end_date: request.order.window.to.slice(0, 10),
      ...{ export_succeeded: null, export_expired: 0, export_expires_datetime: null, export_created_datetime: null },
      export_file_format: 'CSV',
      requested_datetime: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      ...{ downloaded_datetime: null, state: 'Submitted' },
    });
    const expiresAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 30 * DAY_MS);
    await complete(request, expiresAt);
    const datetime = expiresAt.toISOString().slice(0, 19).replace('T', ' ');
    const available = { export_succeeded: 1, export_expired: 0, export_expires_datetime: datetime, state: 'Available' };
    expect(await show(request.id)).toMatchObject(available);
    started.time.offsetMs = 29 * DAY_MS;
    expect(await show(request.id)).toMatchObject(available);
    started.time.offsetMs = expiresAt.getTime() - Date.now();
    try {
      expect(await show(request.id)).toMatchObject({ export_succeeded: 1, export_expired: 1, state: 'Expired' });
      expect((await call('GET', `/download/${request.id}`)).json()).toEqual(
        error(`Request ${request.id} expired on ${datetime} UTC. Request the data again.`),
      );
    } finally {
      started.time.offsetMs = 0;
    }
  });

  test('are Failed with a reason when the download is asked for', async () => {
    const { id, run } = await submit();
    await started.ledger.runs.end(run.runId, {
      state: 'failed',
      failure: { code: 'memory_exhausted', message: 'It needs too much memory.' },
    });
    expect(await show(id)).toMatchObject({ export_succeeded: 0, export_expired: 0, state: 'Failed' });
    const answer = await call('GET', `/download/${id}`);
    expect([answer.status, answer.json()]).toEqual([400, error(`Request ${id} failed: It needs too much memory.`)]);
  });

  test('are listed by date, the newest first, in pages that Link leads through', async () => {
    const own = await started.addTenant();
    for (let count = 0; count < 5; count += 1) await post(fresh(), own);
    const all = (await list(own)).map(({ id }) => id);
    expect(all).toEqual(all.toSorted((a, b) => b - a));
    const found: number[] = [];
    for (let next: string | null = '/requests?limit=2'; next !== null; ) {
      const page: Awaited<ReturnType<typeof call>> = await call('GET', next, undefined, own);
      const answer = page.json();
      expect(answer.total).toBe(answer.data.length);
      found.push(...answer.data.map(({ id }) => id));
      next =
        /<http:\/\/waybill\.test\/rest\/v1\/warehouse\/export([^>]+)>; rel="next"/.exec(
          page.headers.get('link') ?? '',
        )?.[1] ?? null;
    }
    expect(found).toEqual(all);
  });
});

describe('a request', () => {
  test.each([
    ['the same', {}, 400],
    ['in another case', { realm: 'JOBS', format: 'csv' }, 400],
    ['as another format', { format: 'JSON' }, 200],
    ['with a filter', { filter: '[{"column":"id","op":"eq","value":1}]' }, 200],
    ['with an empty filter', { filter: '' }, 400],
    ['for Excel', { csv_preset: 'excel' }, 200],
    ['in another time zone', { time_zone: 'Asia/Tokyo' }, 200],
    ['for other days', { end_date: '2016-12-30' }, 200],
  ])('%s, while one is Submitted, is answered %j with %i', async (_, form, status) => {
    const own = await started.addTenant();
    const first = (await post({}, own)).json().data[0]?.id;
    const second = await post(form, own);
    expect(second.status).toBe(status);
    if (status === 400) {
      expect(second.json()).toEqual(
        error(`Request ${first} for the same data is submitted already. Wait for it, or delete it first.`),
      );
    }
  });

  test('for the same data is refused while it is Available, and taken once that has expired, failed or been deleted', async () => {
    const form = fresh();
    const first = await submit(tenant, form);
    await complete(first, new Date(Date.now() + 30 * DAY_MS));
    expect((await post(form)).json()).toEqual(error(/^Request \d+ holds the same data and is available until/));
    started.time.offsetMs = 31 * DAY_MS;
    const second = await submit(tenant, form).finally(() => {
      started.time.offsetMs = 0;
    });
    const failure = { code: 'internal', message: 'It failed.' } as const;
    await started.ledger.runs.end(second.run.runId, { state: 'failed', failure });
    await call('DELETE', `/request/${first.id}`);
    const third = await submit(tenant, form);
    await call('DELETE', `/request/${third.id}`);
    await submit(tenant, form);
  });

  test('that is sent ten times at once is taken once; the workflows of the others are cancelled', async () => {
    const form = fresh();
    const before = api.temporal.cancelled.length;
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(form)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(9).fill(400)]);
    const winner = answers.find(({ status }) => status === 200)?.json().data[0]?.id;
    for (const answer of answers)
      if (answer.status === 400) expect(answer.json().message).toContain(`Request ${winner} `);
    const run = await started.ledger.requests.find(tenant.key, winner ?? 0);
    const trail = await started.ledger.audit.listOfRun(run?.runId ?? '', 10);
    expect(trail.map(({ action }) => action)).toEqual(['request.created']);
    expect(api.temporal.cancelled.slice(before)).not.toContain(run?.runId);
  });

  test('can be sent as JSON, with fields that nobody asked for', async () => {
    const body = JSON.stringify({ ...FORM, ...fresh(), Bearer: 'x', other: 1 });
    expect((await call('POST', '/request', body, tenant, json)).status).toBe(200);
  });
});

describe('deleting', () => {
  test('removes a request whatever its state, and its file', async () => {
    const [waiting, available, failed] = [await submit(), await submit(), await submit()];
    await complete(available, new Date(Date.now() + DAY_MS));
    api.objects.stored.set(`${runPrefix(available.run)}manifest.json`, Buffer.from('{}'));
    await started.ledger.runs.end(failed.run.runId, { state: 'failed', failure: { code: 'internal', message: 'No.' } });
    for (const { id, run } of [waiting, available, failed]) {
      const answer = await call('DELETE', `/request/${id}`);
      expect(answer.json()).toEqual({ success: true, message: 'Deleted export request', data: [{ id }], total: 1 });
      expect(await show(id)).toBeUndefined();
      for (const [method, path] of [
        ['DELETE', `/request/${id}`],
        ['GET', `/download/${id}`],
      ] as const) {
        expect((await call(method, path)).status).toBe(404);
      }
      expect((await started.ledger.runs.find(run.runId))?.deletedAt).toBeInstanceOf(Date);
    }
    expect(api.temporal.cancelled).toContain(waiting.run.runId);
    expect((await started.ledger.runs.find(waiting.run.runId))?.state).toBe('cancelled');
    expect([...api.objects.stored.keys()].filter((key) => key.startsWith(runPrefix(available.run)))).toEqual([]);
  });

  test('a running one keeps it from being published', async () => {
    const { id, run, order } = await submit();
    const { runId, workflowId, series, requestedAt } = run;
    await started.ledger.runs.beginRequest(
      { runId, workflowId, series, order, requestedAt, requestedBy: 'x', startsAt: null },
      1_000_000,
    );
    expect((await call('DELETE', `/request/${id}`)).status).toBe(200);
    expect(api.temporal.cancelled).toContain(runId);
    const committed = await started.ledger.runs.commit(runId, {
      ...{ snapshotAt: '2026-11-21T07:00:00.123456Z' as never, files: 1, parts: 1, rows: 3, bytes: 3, contentBytes: 3 },
      ...{ manifestSha256: 'ab'.repeat(32), retention: { expiresAt: new Date(Date.now() + DAY_MS) } },
    });
    expect(committed).toBe(false);
  });

  test('several is all or nothing', async () => {
    const [one, two] = [(await submit()).id, (await submit()).id];
    const foreign = (await submit(other)).id;
    const remove = (ids: unknown) => call('DELETE', '/requests', JSON.stringify(ids), tenant, json);
    for (const ids of [
      [one, foreign],
      [one, 999_999_999],
      [two, one, foreign],
    ]) {
      expect((await remove(ids)).status).toBe(404);
      expect(await Promise.all([one, two].map(async (id) => (await show(id))?.state))).toEqual([
        'Submitted',
        'Submitted',
      ]);
    }
    expect((await list(other)).map(({ id }) => id)).toContain(foreign);
    const answer = await remove([one, two, one]);
    expect([answer.status, answer.json().data]).toEqual([200, [{ id: one }, { id: two }]]);
    expect((await remove([one])).status).toBe(404);
  });

  test('goes on in the ledger while Temporal is away, and leaves the rest to the reconciler', async () => {
    const { id, run } = await submit();
    api.temporal.away.add('all');
    expect((await call('DELETE', `/request/${id}`)).status).toBe(200);
    api.temporal.away.clear();
    expect((await started.ledger.runs.find(run.runId))?.state).toBe('cancelled');
  });
});

describe('the error table of the contract', () => {
  const anything = new URLSearchParams(FORM);
  test.each<[string, [string, string, (RequestInit['body'] | undefined)?, object?], number, string | RegExp]>([
    [
      'an unknown realm',
      ['POST', '/request', new URLSearchParams({ ...FORM, realm: 'Beds' })],
      400,
      'There is no realm Beds. Choose one of Jobs.',
    ],
    [
      'no realm',
      ['POST', '/request', new URLSearchParams({ start_date: '2016-01-01', end_date: '2016-01-02', format: 'CSV' })],
      400,
      'realm is missing. Add it.',
    ],
    [
      'no form',
      ['POST', '/request', new URLSearchParams()],
      400,
      /^realm is missing.*start_date is missing.*end_date is missing.*format is missing/,
    ],
    [
      'a day that does not exist',
      ['POST', '/request', new URLSearchParams({ ...FORM, start_date: '2016-02-30' })],
      400,
      /^2016-02-30 is not a date/,
    ],
    [
      'the future',
      ['POST', '/request', new URLSearchParams({ ...FORM, end_date: '2999-01-01' })],
      400,
      /^The end date lies ahead/,
    ],
    [
      'an end before the start',
      ['POST', '/request', new URLSearchParams({ ...FORM, end_date: '2015-12-31' })],
      400,
      /^Choose an end date of 2016-01-01 or later/,
    ],
    [
      'more than a year',
      ['POST', '/request', new URLSearchParams({ ...FORM, end_date: '2017-01-01' })],
      400,
      /^Choose an end date of 2016-12-31 or earlier: one year is the most/,
    ],
    [
      'another format',
      ['POST', '/request', new URLSearchParams({ ...FORM, format: 'XLS' })],
      400,
      'Choose CSV, JSON or XLSX as the format.',
    ],
    [
      'a filter that is no JSON',
      ['POST', '/request', new URLSearchParams({ ...FORM, filter: '[{' })],
      400,
      /^filter: Should be an array/,
    ],
    [
      'a filter by an anonymized column',
      ['POST', '/request', new URLSearchParams({ ...FORM, filter: '[{"column":"user","op":"isNull"}]' })],
      400,
      'filter.0.column: user is anonymized; rows cannot be chosen by it.',
    ],
    [
      'a preset that there is not',
      ['POST', '/request', new URLSearchParams({ ...FORM, csv_preset: 'word' })],
      400,
      /^csv_preset: Should be/,
    ],
    ['a JSON array', ['POST', '/request', '[]', json], 400, /^realm is missing/],
    ['broken JSON', ['POST', '/request', '{', json], 400, /not valid JSON/],
    ['a page of another size', ['GET', '/requests?limit=1001'], 400, /limit/],
    ['a misspelled parameter', ['GET', '/requests?limits=1'], 400, /limits/],
    ['an id that is no number', ['GET', '/download/abc'], 404, 'There is no request 0 of yours. Check the number.'],
    ['an id that nobody has', ['DELETE', '/request/999999999'], 404, /^There is no request 999999999 of yours/],
    ['an object instead of ids', ['DELETE', '/requests', '{"ids":[1]}', json], 400, /JSON array/],
    ['no ids', ['DELETE', '/requests', '[]', json], 400, /JSON array/],
    ['ids that are texts', ['DELETE', '/requests', '["1"]', json], 400, /JSON array/],
  ])('%s', async (_, [method, path, body, headers], status, message) => {
    const answer = await call(method, path, body, tenant, headers);
    expect([answer.status, answer.json()]).toEqual([status, error(message)]);
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  test('not logged in, and only allowed to read', async () => {
    const anonymous = await call('GET', '/requests', undefined, { headers: {} });
    expect([anonymous.status, anonymous.json()]).toEqual([401, error(/credentials/i, 2)]);
    expect(anonymous.headers.get('www-authenticate')).toContain('Bearer');
    const reader = await started.addCredential(tenant.key, ['read']);
    expect((await call('GET', '/requests', undefined, reader)).status).toBe(200);
    for (const [method, path, body] of [
      ['POST', '/request', anything],
      ['DELETE', '/request/1', undefined],
    ] as const) {
      expect((await call(method, path, body, reader)).status).toBe(403);
    }
  });

  test('another tenant’s request is as good as none', async () => {
    const { id } = await submit(other);
    for (const [method, path] of [
      ['DELETE', `/request/${id}`],
      ['GET', `/download/${id}`],
    ] as const) {
      const answer = await call(method, path);
      expect([answer.status, answer.json()]).toEqual([
        404,
        error(`There is no request ${id} of yours. Check the number.`),
      ]);
    }
    expect((await list()).map((row) => row.id)).not.toContain(id);
    expect((await list(other)).map((row) => row.id)).toContain(id);
  });

  test('not fulfilled yet', async () => {
    const { id } = await submit();
    const answer = await call('GET', `/download/${id}`);
    expect([answer.status, answer.json()]).toEqual([400, error(/^Request \d+ has not been fulfilled yet/)]);
  });

  test('Temporal is away', async () => {
    api.temporal.away.add('all');
    const answer = await post(fresh());
    api.temporal.away.clear();
    expect([answer.status, answer.json()]).toEqual([503, error(/cannot be reached/)]);
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  test('a form from a foreign page, and a form where JSON is due', async () => {
    const headers = { origin: 'https://evil.example' };
    expect((await call('POST', '/request', anything, tenant, headers)).status).toBe(403);
    expect((await call('DELETE', '/requests', anything)).status).toBe(415);
  });
});

test('a batch that lies ahead is when the run begins; the tenant’s own number of days is how long its file is kept', async () => {
  api = started.compose({ WAYBILL_REQUESTS_SCHEDULE: '0 2 * * *' }, createCatalog([JOBS]));
  await started.ledger.tenants.setRequestKeepDays(tenant.key, 7);
  const { run, order } = await submit();
  expect(run.startsAt?.toISOString()).toMatch(/T02:00:00\.000Z$/);
  expect(run.startsAt?.getTime()).toBeGreaterThan(Date.now());
  expect(order.keepDays).toBe(7);
  expect(run.requestedBy).toBe(tenant.clientId);
  expect(run.workflowId).not.toContain(randomUUID());
});
