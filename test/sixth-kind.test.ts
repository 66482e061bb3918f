import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { NativeConnection } from '@temporalio/worker';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { createActivities } from '../activities/index.ts';
import { createPrecedence } from '../activities/precedence.ts';
import { createTurns } from '../activities/turns.ts';
import { createApp, type MountKind } from '../api/app.ts';
import { readUnsealed, sendContent } from '../api/runs/content.ts';
import { withCurrentRun } from '../api/runs/current.ts';
import { createStandingChanges } from '../api/runs/standing.ts';
import { createCatalog, loadCatalog } from '../config/catalog.ts';
import { readSettings } from '../config/settings.ts';
import { kindPrefix, runPrefix, standingSeries } from '../contracts/keys.ts';
import type { StandingKind } from '../contracts/standing.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createLoginLimit } from '../stores/limits/postgres.ts';
import { createAttempts } from '../stores/temporal/attempts.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';
import { generateKey } from '../streams/age/keys.ts';
import { createWorkers } from '../worker/workers.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { basic, useStack } from './context.ts';

/** A kind of export that only this test knows: two datasets on the first of each month. What it needs is the core. */
const EDITIONS: StandingKind = {
  kind: 'editions',
  subject: 'editions',
  formats: ['csv', 'typed-json'],
  name: 'Edition',
  title: 'monthly edition',
  statusPath: '/editions',
  scheduleId: (tenant) => `editions|tenantKey:${tenant}`,
  recurrence: (at) => ({ every: 'month', on: 1, at }),
  catchupHours: 24,
  exports: 'all',
};
const FILES = ['NETWORKS', 'LEARNING_ACTIVITIES'];
const mountEditions: MountKind = (app, deps, { requireCaller }) => {
  const standing = createStandingChanges(deps, EDITIONS);
  app.post('/editions', requireCaller('write', { door: 'editions', datasets: 'all' }), async (c) => {
    const { tenant, actor } = c.get('caller');
    const wanted = { ...(await c.req.json<{ recipient: string }>()), ownRecipient: true, recurrence: undefined };
    await standing.enable({ ...wanted, tenant: tenant.key, actor }, deps.logger);
    return c.json({ next: (await deps.temporal.nextRun(EDITIONS.scheduleId(tenant.key)))?.nextRunAt });
  });
  app.get('/editions', requireCaller('read', { door: 'editions', datasets: 'all' }), async (c) => {
    const { tenant } = c.get('caller');
    const { rows } = await deps.ledger.runs.list(tenant.key, { kind: EDITIONS.kind }, { cursor: null, limit: 20 });
    return c.json(rows.map(({ runId, removal }) => ({ runId, removal })));
  });
  app.get('/editions/:file', requireCaller('read', { door: 'editions', datasets: 'all' }), async (c) => {
    const key = c.req.header('x-private-key') ?? '';
    const ref = { tenant: c.get('caller').tenant.key, kind: EDITIONS.kind };
    return withCurrentRun(deps, ref, { sealed: false, privateKey: key }, async (grant) => {
      const file = grant.manifest.files.find(({ file: name }) => name === `${c.req.param('file')}.age`);
      if (!file) return c.notFound();
      return sendContent(c, {
        headers: { 'x-edition': grant.manifest.runId },
        open: (signal) => readUnsealed(deps.objects, grant, file, { key, check: 'parts' }, signal),
        beforeSend: grant.assertCurrent,
      });
    });
  });
  app.delete('/editions', requireCaller('write', { door: 'editions', datasets: 'all' }), async (c) => {
    await standing.forget(c.get('caller').tenant.key, c.get('caller').actor);
    return c.body(null, 204);
  });
};

/** The API and a worker with that kind, in this process, on the servers of the stack. */
async function startEditions() {
  const stack = useStack();
  const settings = readSettings(stack.settings);
  const taskQueue = `editions-${randomUUID()}`;
  const sample = (await loadCatalog(settings.WAYBILL_CATALOG)).datasets.filter(({ name }) => FILES.includes(name));
  const catalog = createCatalog(sample.map((dataset) => ({ ...dataset, doors: [EDITIONS.kind] })));
  const logger = pino({ level: 'silent' });
  const ledger = createLedger({ url: settings.WAYBILL_LEDGER_URL, connectionsMax: 5 });
  const loginLimit = createLoginLimit({ url: settings.WAYBILL_LEDGER_URL, failuresMax: 100, logger });
  const objects = openBucket();
  const warehouse = await createWarehouse({
    startupSql: settings.WAYBILL_WAREHOUSE_SQL,
    directories: settings.WAYBILL_WAREHOUSE_DIRECTORIES,
    installExtensions: false,
    ...{ memory: '500MB', threads: 1, tempDirectory: settings.WAYBILL_TEMP_DIRECTORY, logger },
    onInvalid: () => undefined,
  });
  const { WAYBILL_TEMPORAL_ADDRESS: address, WAYBILL_TEMPORAL_NAMESPACE: namespace = '' } = stack.settings;
  const connection = await NativeConnection.connect({ address });
  const temporal = createTemporal({ connection, namespace, taskQueue });
  const deployment = () => ({ runTime: { at: '04:00', timeZone: 'UTC' }, jitterMinutes: 0 });
  const syncSchedule = createSyncSchedule(ledger, temporal, deployment);
  const shared = { catalog, ledger, objects, temporal, syncSchedule, logger };
  const attempts = createAttempts(new Client({ connection, namespace }).activity);
  const activities = createActivities({
    ...{
      ...shared,
      warehouse,
      attachments: null,
      archivePasswords: null,
      attempts,
      deployment,
      standingKinds: [EDITIONS],
    },
    ...{
      signer: null,
      mail: null,
      remotes: null,
      webhooks: null,
      expiryNoticeHours: 24,
      publicUrl: settings.WAYBILL_PUBLIC_URL,
      partRows: 1000,
      graceSeconds: 1,
      settlingSeconds: 0,
      keepDays: 1,
      straySeconds: 60,
      requests: { runningMax: 1, timeZone: 'UTC', supportEmail: null, temporalUi: null },
    },
    turns: createTurns({ places: 1 }),
  });
  const workers = await createWorkers({
    ...{ connection, namespace, taskQueue, activities, partsMax: 1 },
    precedence: createPrecedence(),
  });
  const running = workers.map((worker) => worker.run());
  const clock = { now: () => new Date() };
  const app = createApp(
    {
      ...shared,
      settings,
      loginLimit,
      remotes: null,
      webhooks: null,
      operator: null,
      clock,
      stopping: AbortSignal.any([]),
    },
    [mountEditions],
  );
  onTestFinished(async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await Promise.all([warehouse.close(), ledger.close(), loginLimit.close(), connection.close()]);
  });
  const request = (method: string, path: string, { key = '', body = null as string | null } = {}) =>
    app.request(path, { method, body, headers: { authorization: basic(), 'x-private-key': key } });
  return { request, temporal, ledger, objects, activities };
}

it('another kind of export needs no change of the core', async () => {
  const tenant = 'dreambuilder';
  const { request, temporal, ledger, objects, activities } = await startEditions();
  const { identity, recipient } = await generateKey({ postQuantum: false });
  const download = (file: string) => request('GET', `/editions/${file}`, { key: identity });
  const find = async () => (await ledger.runs.current(tenant, standingSeries(EDITIONS.kind, tenant)))?.runId ?? '';

  const enabled = await request('POST', '/editions', { body: JSON.stringify({ recipient }) });
  expect(await enabled.json()).toEqual({ next: expect.stringMatching(/-01T04:00:00/) });
  await expect.poll(find).not.toBe('');
  const first = await find();
  const csv = await download('NETWORKS.csv');
  const json = await download('NETWORKS.typed.json');
  expect(await json.json()).toHaveLength((await csv.text()).split('\n').length - 2);
  expect([csv, json].map(({ headers }) => headers.get('x-edition'))).toEqual([first, first]);

  await temporal.trigger(EDITIONS.scheduleId(tenant), 'replace');
  await expect.poll(find).not.toBe(first);
  const second = await find();
  expect((await download('LEARNING_ACTIVITIES.csv')).headers.get('x-edition')).toBe(second);
  await expect
    .poll(async () => {
      await new MockActivityEnvironment().run(activities.reconcile, { now: new Date().toISOString() });
      return keysBelow(objects, runPrefix({ kind: EDITIONS.kind, tenant, runId: first }));
    })
    .toEqual([]);
  expect(await (await request('GET', '/editions')).json()).toEqual([
    { runId: second, removal: null },
    { runId: first, removal: 'replaced' },
  ]);

  expect((await request('DELETE', '/editions')).status).toBe(204);
  expect(await keysBelow(objects, kindPrefix(EDITIONS.kind, tenant))).toEqual([]);
  expect(await temporal.nextRun(EDITIONS.scheduleId(tenant))).toBeUndefined();
  expect((await download('NETWORKS.csv')).status).toBe(404);
});
