import { Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { createReconcile } from '../activities/reconcile.ts';
import { createCatalog, loadCatalog } from '../config/catalog.ts';
import { runPrefix } from '../contracts/keys.ts';
import type { Reconciled } from '../contracts/steps.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import { readZip } from './archive.ts';
import { keysBelow } from './bucket.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { programPath } from './programs.ts';
import { startRequestsApi } from './requests-set-up.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer than any download of this test. */
const GRACE_SECONDS = 6 * 3600;

let server: TestWorkflowEnvironment;

beforeAll(async () => {
  const path = await programPath('temporal-test-server', useStack().environment);
  server = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  closeAtEnd(() => server.teardown());
});

test('a file is there on day 29, gone for readers at the end of day 30, and removed once running downloads are over', async () => {
  const api = await startRequestsApi(GRACE_SECONDS);
  const { ledger, objects, temporal, logger } = api;
  const catalog = createCatalog((await loadCatalog(useStack().settings.WAYBILL_CATALOG ?? '')).datasets);
  const reconcile = createReconcile({
    ...{
      ledger,
      objects,
      temporal,
      logger,
      catalog,
      standingKinds: [],
      straySeconds: 60,
      expiryNoticeHours: 24,
      mail: null,
    },
    syncSchedule: createSyncSchedule(ledger, temporal, () => ({
      runTime: { at: '01:30', timeZone: 'UTC' },
      jitterMinutes: 0,
    })),
    publicUrl: 'http://waybill.test',
    requests: { runningMax: 1, timeZone: 'UTC', supportEmail: null, temporalUi: null },
  });
  const taskQueue = `retention-${crypto.randomUUID()}`;
  const worker = await Worker.create({
    connection: server.nativeConnection,
    activities: { reconcile },
    workflowBundle: { codePath: useStack().settings.WAYBILL_WORKFLOW_BUNDLE ?? '' },
    taskQueue,
  });
  // Unlike the environment's own client, it skips no time while it waits.
  const { workflow } = new Client({ connection: server.connection });
  const pass = (): Promise<Reconciled> =>
    workflow.execute('reconcile', { workflowId: crypto.randomUUID(), taskQueue, args: [] });

  await worker.runUntil(async () => {
    const now = Number(await server.currentTimeMs());
    const { id, run, expiresAt } = await api.complete(now);
    expect(expiresAt.getTime()).toBe(now + 30 * DAY_MS);
    const skipTo = async (ms: number) => {
      await server.sleep(ms - Number(await server.currentTimeMs()));
      // The API's clock follows the skipped one.
      api.setNow(Math.max(ms, Number(await server.currentTimeMs())));
    };

    await skipTo(now + 29 * DAY_MS);
    expect(await pass()).toMatchObject({ removed: 0 });
    expect((await api.show(id)).state).toBe('Available');
    expect((await readZip(await api.bytes(await api.download(id)))).size).toBe(2);

    await skipTo(expiresAt.getTime() - HOUR_MS);
    const slow = await api.download(id);
    expect(slow.status).toBe(200);

    await skipTo(expiresAt.getTime());
    expect((await api.show(id)).state).toBe('Expired');
    const refused = await api.download(id);
    expect(refused.status).toBe(410);
    const date = expiresAt.toISOString().slice(0, 10);
    expect(await refused.json()).toMatchObject({
      success: false,
      message: expect.stringContaining(`expired on ${date}`),
    });
    // The download that had begun before goes on, also after the reconciler has passed.
    expect(await pass()).toMatchObject({ removed: 0 });
    expect((await readZip(await api.bytes(slow))).size).toBe(2);
    expect(await keysBelow(objects, runPrefix(run))).not.toEqual([]);

    await skipTo(expiresAt.getTime() + (GRACE_SECONDS + 1) * 1000);
    expect(await pass()).toMatchObject({ removed: 1, failed: 0 });
    expect(await keysBelow(objects, runPrefix(run))).toEqual([]);
    expect(await ledger.runs.find(run.runId)).toMatchObject({ removal: 'expired' });
    expect((await api.download(id)).status).toBe(410);
    expect((await api.submit()).status).toBe(200);
  });
});
