import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import type { Progress } from '../contracts/progress.ts';
import type { PeriodicView } from '../contracts/views/periodic.ts';
import { type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';
import { generationPrefix, periodicScheduleId } from './keys.ts';
import { problemOf } from './periodic-client.ts';
import { NEXT_RUN_AT, runOf } from './scripted-temporal.ts';
import { FILES, publishSealed, SNAPSHOT_AT } from './sealed-generation.ts';

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());
beforeEach(async () => {
  api = started.compose();
  tenant = await started.addTenant();
  started.time.offsetMs = 0;
});

const ask = () => api.app.request('/dataexport', { headers: tenant.headers });
const send = (path: string, body: unknown = {}) => api.app.request(`/dataexport/${path}`, post(tenant.headers, body));

async function status(): Promise<PeriodicView> {
  const answer = await ask();
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
  return (await answer.json()) as PeriodicView;
}

async function begin() {
  const run = runOf(tenant.key);
  await started.ledger.runs.begin(run);
  api.temporal.statuses.set(run.runId, 'open');
  return run;
}

const PROGRESS: Progress = {
  percent: 40,
  rowsDone: 4,
  rowsTotal: 10,
  contentBytes: 40,
  storedBytes: 50,
  partsDone: 1,
  partsTotal: 6,
  final: false,
};

test('of a tenant that never enabled', async () => {
  expect(await status()).toEqual({
    enabled: false,
    recipient: null,
    ownRecipient: false,
    schedule: { at: '01:30', timeZone: 'UTC' },
    nextRunAt: null,
    lastRun: null,
    running: null,
    failingSince: null,
    generation: null,
    files: Object.keys(FILES),
  });
});

test('tells settings, runs and files, and no key', async () => {
  await send('enable', { at: '03:15', timeZone: 'Europe/Amsterdam' });
  const { recipient } = (await started.ledger.standingOrders.find(tenant.key, 'periodic')) ?? {};
  const { runId: generationId, files, rows, bytes } = await publishSealed(started, api, tenant.key);
  const answer = await status();
  expect(answer).toMatchObject({
    enabled: true,
    recipient,
    ownRecipient: false,
    schedule: { at: '03:15', timeZone: 'Europe/Amsterdam' },
    nextRunAt: NEXT_RUN_AT.toISOString(),
    lastRun: { generationId, state: 'published', failure: null },
    running: null,
    failingSince: null,
    generation: { generationId, snapshotAt: SNAPSHOT_AT, rows, bytes },
  });
  const sizesOf = (format: string) => {
    const user = files.find((file) => file.name === 'user' && file.format === format);
    return { bytes: user?.bytes, contentBytes: user?.contentBytes };
  };
  expect(answer.generation?.files[1]).toEqual({
    file: 'user',
    rows: 3,
    csv: sizesOf('csv'),
    json: sizesOf('json'),
  });
  for (const time of [answer.generation?.publishedAt, answer.lastRun?.startedAt, answer.lastRun?.endedAt]) {
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
  expect(JSON.stringify(answer)).not.toMatch(/secret-key|sha256/i);
});

test('HEAD is answered too', async () => {
  const head = await api.app.request('/dataexport', { method: 'HEAD', headers: tenant.headers });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

describe('a run under way', () => {
  test('is told with progress that never falls', async () => {
    await send('enable');
    const run = await begin();
    expect((await status()).running).toMatchObject({ generationId: run.runId, progress: { percent: 0 } });
    for (const [percent, told] of [
      [40, 40],
      [20, 40],
      [100, 99],
    ] as const) {
      started.time.offsetMs += 10_000;
      api.temporal.seen.set(run.runId, { ...PROGRESS, percent });
      expect((await status()).running?.progress.percent).toBe(told);
    }
    await started.ledger.runs.end(run.runId, {
      state: 'failed',
      failure: { code: 'source_changed', message: 'It changed.' },
    });
    await publishSealed(started, api, tenant.key);
    const after = await status();
    expect([after.running, after.generation?.files.length]).toEqual([null, 3]);
  });

  test('that was ended from outside is recorded as failed, and what it left is removed', async () => {
    await send('enable');
    const run = await begin();
    const left = `${generationPrefix(tenant.key, run.runId)}user-a-1.csv.age`;
    api.objects.stored.set(left, Buffer.from('half'));
    api.temporal.statuses.set(run.runId, 'aborted');
    const answer = await status();
    expect(answer).toMatchObject({
      running: null,
      lastRun: { generationId: run.runId, state: 'failed', failure: { code: 'internal' } },
      failingSince: expect.any(String),
    });
    expect(api.objects.stored.has(left)).toBe(false);
  });

  test('stays what it is while Temporal does not answer', async () => {
    await send('enable');
    const run = await begin();
    api.temporal.away.add('all');
    const answer = await status();
    expect([answer.enabled, answer.nextRunAt, answer.running?.generationId]).toEqual([true, null, run.runId]);
  });
});

test('a failure is told, and since when; the last good generation stays', async () => {
  await send('enable');
  const { runId: generationId } = await publishSealed(started, api, tenant.key);
  const run = await begin();
  const failure = { code: 'dataset_broken', message: 'The dataset cannot be read.' } as const;
  await started.ledger.runs.end(run.runId, { state: 'failed', failure });
  expect(await status()).toMatchObject({
    lastRun: { generationId: run.runId, state: 'failed', failure },
    failingSince: expect.any(String),
    generation: { generationId },
  });
});

describe('looking mends the schedule', () => {
  test('when it is missing, as after a process died in the middle', async () => {
    await send('enable');
    api.temporal.scheduled.clear();
    expect((await status()).nextRunAt).toBe(NEXT_RUN_AT.toISOString());
    expect(api.temporal.scheduled.has(periodicScheduleId(tenant.key))).toBe(true);
  });

  test('when it is left over', async () => {
    await send('enable');
    await started.ledger.standingOrders.disable({ tenant: tenant.key, kind: 'periodic' }, 'operator');
    expect((await status()).nextRunAt).toBeNull();
    expect(api.temporal.scheduled.size).toBe(0);
  });
});

describe('files that cannot be read', () => {
  test('are told as what is wrong with them', async () => {
    await send('enable');
    const { runId: generationId } = await publishSealed(started, api, tenant.key);
    api.objects.away = true;
    expect((await problemOf(await ask())).code).toBe('objects_unavailable');
    api.objects.away = false;
    api.objects.stored.set(manifestKey(generationPrefix(tenant.key, generationId)), Buffer.from('{}'));
    expect((await problemOf(await ask())).code).toBe('object_damaged');
  });

  test('are none while they are being removed', async () => {
    await send('enable');
    const { runId: generationId } = await publishSealed(started, api, tenant.key);
    api.objects.stored.delete(manifestKey(generationPrefix(tenant.key, generationId)));
    expect((await status()).generation).toBeNull();
  });
});
