import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { Connection, WorkflowClient } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, describe, expect, test } from 'vitest';
import type { RunInput } from '../contracts/steps.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import type { RunLabels } from '../stores/temporal/temporal.ts';
import { useStack } from './context.ts';
import { failsWith, orderOf } from './ledger-set-up.ts';

const { ResetWorkflowExecutionRequest } = proto.temporal.api.workflowservice.v1;

const { settings } = useStack();
const namespace = settings.WAYBILL_TEMPORAL_NAMESPACE;
const connection = Connection.lazy({ address: settings.WAYBILL_TEMPORAL_ADDRESS });
const workflows = new WorkflowClient({ connection, namespace });
/** A queue that no worker polls: what is started here stays as it was started. */
const taskQueue = `nobody-${randomUUID()}`;
const temporal = createTemporal({ connection, namespace, taskQueue });
afterAll(() => connection.close());

const input: RunInput = {
  kind: 'on-demand',
  order: orderOf('dreambuilder'),
  requestedAt: new Date().toISOString(),
};
const labels: RunLabels = { tenant: 'dreambuilder', subject: 'FLIGHTS', format: 'csv', summary: 'Flights as csv' };

async function startRun() {
  const workflowId = `data-export|${randomUUID()}`;
  return { workflowId, runId: await temporal.start(workflowId, input, labels) };
}

describe('a run in Temporal', () => {
  test('is one for a workflow id, can be found, cancelled, and then started again', async () => {
    const workflowId = `data-export|${randomUUID()}`;
    expect(await temporal.findRunning(workflowId)).toBeUndefined();
    const start = () => temporal.start(workflowId, input, labels);
    const [runId, twin] = await Promise.all([start(), start()]);
    const run = { workflowId, runId };
    expect(twin).toBe(runId);
    expect(await temporal.findRunning(workflowId)).toBe(runId);
    expect(await temporal.progress(run)).toBeUndefined();

    const description = await workflows.getHandle(workflowId).describe();
    expect(description.type).toBe('runExport');
    expect(await description.staticSummary()).toBe('Flights as csv');
    expect(description.priority).toMatchObject({ priorityKey: 2, fairnessKey: 'dreambuilder' });
    expect(description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])).toEqual(
      expect.arrayContaining([
        ['WaybillTenant', 'dreambuilder'],
        ['WaybillDataset', 'FLIGHTS'],
        ['WaybillFormat', 'csv'],
        ['WaybillState', 'running'],
      ]),
    );

    const unknown = { workflowId, runId: randomUUID() };
    expect(await temporal.status(run)).toBe('open');
    expect(await temporal.status(unknown)).toBe('closed');
    expect(await temporal.cancel(unknown, 0)).toBe(true);
    expect(await temporal.cancel(run, 0)).toBe(false);
    await workflows.getHandle(workflowId).terminate();
    expect(await temporal.cancel(run, 0)).toBe(true);
    expect(await temporal.findRunning(workflowId)).toBeUndefined();
    expect(await temporal.findLatest(workflowId)).toEqual({ runId, startedAt: expect.any(Date) });
    expect(await temporal.findLatest(`data-export|${randomUUID()}`)).toBeUndefined();
    expect(await temporal.status(run)).toBe('aborted');

    expect(await start()).not.toBe(runId);
    expect(await temporal.cancel(run, 0)).toBe(true);
    expect(await temporal.status(run)).toBe('aborted');
    await workflows.getHandle(workflowId).terminate();
  });

  test('is cancelled, and waited for no longer than asked', async () => {
    const run = await startRun();
    const began = Date.now();
    expect(await temporal.cancel(run, 500)).toBe(false);
    expect(Date.now() - began).toBeLessThan(10_000);
    const { raw } = await workflows.getHandle(run.workflowId).describe();
    expect(raw.workflowExtendedInfo?.cancelRequested).toBe(true);

    const ending = temporal.cancel(run, 60_000);
    await workflows.getHandle(run.workflowId).terminate();
    expect(await ending).toBe(true);
    expect(await temporal.cancel(run, 60_000)).toBe(true);
  });

  test('that is not known has ended', async () => {
    const run = { workflowId: `data-export|${randomUUID()}`, runId: randomUUID() };
    expect(await temporal.cancel(run, 60_000)).toBe(true);
    expect(await temporal.status(run)).toBe('closed');
  });
});

describe('a run that an operator has reset', () => {
  const { workflowService } = connection;

  /** Completes a run's first workflow task, as a worker would, and resets the run to it. */
  async function startAndReset() {
    const run = await startRun();
    const { taskToken } = await connection.withDeadline(Date.now() + 30_000, () =>
      workflowService.pollWorkflowTaskQueue({ namespace, taskQueue: { name: taskQueue } }),
    );
    await workflowService.respondWorkflowTaskCompleted({ namespace, taskToken });
    const { workflowId, runId } = run;
    const reset = await workflowService.resetWorkflowExecution(
      ResetWorkflowExecutionRequest.fromObject({
        namespace,
        workflowExecution: { workflowId, runId },
        requestId: randomUUID(),
        reason: 'a test',
        workflowTaskFinishEventId: 4,
      }),
    );
    expect(reset.runId).not.toBe(runId);
    return run;
  }

  test('is still the run that callers know', async () => {
    const run = await startAndReset();
    const { workflowId, runId } = run;
    expect(await temporal.start(workflowId, input, labels)).toBe(runId);
    expect(await temporal.findRunning(workflowId)).toBe(runId);
    expect(await temporal.status(run)).toBe('open');
    expect(await temporal.cancel(run, 0)).toBe(false);
    const { raw } = await workflows.getHandle(workflowId).describe();
    expect(raw.workflowExtendedInfo?.cancelRequested).toBe(true);
    await workflows.getHandle(workflowId).terminate();
    expect(await temporal.status(run)).toBe('aborted');
  });
});

test('a server that does not answer is unavailable within seconds', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', resolve);
  });
  const address = silent.address();
  const away = Connection.lazy({ address: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}` });
  const lost = createTemporal({ connection: away, namespace, taskQueue });
  const run = { workflowId: 'w', runId: randomUUID() };
  const calls = [lost.ping(), lost.start('w', input, labels), lost.status(run), lost.cancel(run, 60_000)];
  await Promise.all(calls.map((call) => expect(call).rejects.toEqual(failsWith('temporal_unavailable'))));
  expect(await lost.progress(run)).toBeUndefined();
  await away.close();
  silent.close();
}, 40_000);
