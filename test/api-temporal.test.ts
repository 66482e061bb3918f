import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { Connection, WorkflowClient } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createExportRuns, type ExportRuns } from '../api/exports/runs.ts';
import { createPeriodicRuns } from '../api/periodic/runs.ts';
import { useStack } from './context.ts';
import { failsWith, orderOf } from './ledger-set-up.ts';

const { settings } = useStack();
let connection: Connection;
let workflows: WorkflowClient;
let runs: ExportRuns;

beforeAll(() => {
  connection = Connection.lazy({ address: settings.WAYBILL_TEMPORAL_ADDRESS ?? '' });
  workflows = new WorkflowClient({ connection, namespace: settings.WAYBILL_TEMPORAL_NAMESPACE ?? '' });
  // A queue that no worker polls: what is started here stays as it was started.
  runs = createExportRuns(connection, workflows, `nobody-${randomUUID()}`);
});
afterAll(() => connection.close());

const input = { order: orderOf('dreambuilder'), requestedAt: new Date().toISOString() };

describe('an export in Temporal', () => {
  test('runs once for a workflow id, can be found, told about and cancelled, and then starts anew', async () => {
    const workflowId = `data-export|${randomUUID()}`;
    expect(await runs.findRunning(workflowId)).toBeUndefined();
    const [exportId, twin] = await Promise.all([runs.start(workflowId, input), runs.start(workflowId, input)]);
    expect(twin).toBe(exportId);
    expect(await runs.findRunning(workflowId)).toBe(exportId);
    expect(await runs.progress({ workflowId, exportId })).toBeUndefined();

    const description = await workflows.getHandle(workflowId).describe();
    expect(await description.staticSummary()).toBe('FLIGHTS for dreambuilder as csv.zst.age');
    expect(description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])).toEqual(
      expect.arrayContaining([
        ['WaybillTenant', 'dreambuilder'],
        ['WaybillDataset', 'FLIGHTS'],
        ['WaybillFormat', 'csv'],
        ['WaybillState', 'running'],
      ]),
    );

    expect(await runs.fate({ workflowId, exportId })).toBe('open');
    expect(await runs.fate({ workflowId, exportId: randomUUID() })).toBe('over');

    expect(await runs.cancel({ workflowId, exportId: randomUUID() })).toBe('ended');
    expect(await runs.cancel({ workflowId, exportId })).toBe('requested');
    await workflows.getHandle(workflowId).terminate();
    expect(await runs.cancel({ workflowId, exportId })).toBe('ended');
    expect(await runs.findRunning(workflowId)).toBeUndefined();
    expect(await runs.fate({ workflowId, exportId })).toBe('cut');
    const next = await runs.start(workflowId, input);
    expect(next).not.toBe(exportId);
    expect(await runs.cancel({ workflowId, exportId })).toBe('ended');
    await workflows.getHandle(workflowId).terminate();
  });
});

describe('a periodic run in Temporal', () => {
  const startRun = async () => {
    const workflowId = `periodic-export|${randomUUID()}`;
    const handle = await workflows.start('periodicExport', {
      args: [{ tenant: 'dreambuilder' }],
      taskQueue: `nobody-${randomUUID()}`,
      workflowId,
    });
    return { workflowId, generationId: handle.firstExecutionRunId };
  };

  test('is asked to end, and waited for no longer than is said', async () => {
    const periodic = createPeriodicRuns(workflows);
    const run = await startRun();
    expect(await periodic.fate(run)).toBe('open');
    expect(await periodic.progress(run)).toBeUndefined();
    const began = Date.now();
    expect(await periodic.endRun(run, 500)).toBe(false);
    expect(Date.now() - began).toBeLessThan(10_000);
    const { raw } = await workflows.getHandle(run.workflowId).describe();
    expect(raw.workflowExtendedInfo?.cancelRequested).toBe(true);

    const ending = periodic.endRun(run, 60_000);
    await workflows.getHandle(run.workflowId).terminate();
    expect(await ending).toBe(true);
    expect(await periodic.fate(run)).toBe('cut');
    expect(await periodic.endRun(run, 60_000)).toBe(true);
  });

  test('that is not known has ended', async () => {
    const run = { workflowId: `periodic-export|${randomUUID()}`, generationId: randomUUID() };
    expect(await createPeriodicRuns(workflows).endRun(run, 60_000)).toBe(true);
  });
});

test('a server that does not answer is unavailable within seconds', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  const address = silent.address();
  const away = Connection.lazy({ address: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}` });
  const lost = createExportRuns(away, new WorkflowClient({ connection: away }), 'nobody');
  const run = { workflowId: 'w', exportId: randomUUID() };
  await expect(lost.ping()).rejects.toEqual(failsWith('temporal_unavailable'));
  await expect(lost.start('w', input)).rejects.toEqual(failsWith('temporal_unavailable'));
  await expect(lost.cancel(run)).rejects.toEqual(failsWith('temporal_unavailable'));
  expect(await lost.progress(run)).toBeUndefined();
  const periodic = createPeriodicRuns(new WorkflowClient({ connection: away }));
  const periodicRun = { workflowId: 'w', generationId: randomUUID() };
  await expect(periodic.endRun(periodicRun, 60_000)).rejects.toEqual(failsWith('temporal_unavailable'));
  await away.close();
  silent.close();
}, 40_000);
