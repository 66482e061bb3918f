import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { Connection, WorkflowClient } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createExportRuns, type ExportRuns } from '../api/exports/runs.ts';
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
  await away.close();
  silent.close();
}, 40_000);
