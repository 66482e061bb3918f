import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { expect, it } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { serviceEnvironment, serviceProcess } from '../stack/stack.ts';
import { createSupervisor } from '../stack/supervisor.ts';
import { callTemporal } from '../stores/temporal/calls.ts';
import { prepareNamespace } from '../stores/temporal/namespace.ts';
import { basic, prepareOwnSettings, useStack } from './context.ts';

it('an API that is ready for the first time can do what needs Temporal', async () => {
  const settings = await prepareOwnSettings();
  const url = settings.WAYBILL_PUBLIC_URL;
  const supervisor = createSupervisor({ line: () => undefined, crashed: () => undefined });
  const start = (name: 'api' | 'worker', port: string) =>
    supervisor.start(
      serviceProcess({
        name,
        entry: `${name}/main.ts`,
        environment: serviceEnvironment(useStack().environment, settings),
        readyUrl: `http://${LOOPBACK}:${port}/healthz`,
      }),
    );
  const ready = async () => (await fetch(`${url}/readyz`)).status;
  try {
    await start('api', settings.WAYBILL_API_PORT);
    expect(await ready(), 'without a namespace').toBe(503);
    const worker = start('worker', settings.WAYBILL_WORKER_HEALTH_PORT);
    await expect.poll(ready, { timeout: 60_000, interval: 20 }).toBe(200);
    const answer = await fetch(`${url}/dataexport/enable`, { method: 'POST', headers: { authorization: basic() } });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      expect.not.objectContaining({ hint: expect.anything() }),
    ]);
    await worker;
  } finally {
    await supervisor.stop();
  }
}, 90_000);

it('a call that comes before the namespace is known to the server waits for it', async () => {
  const namespace = `test-${randomUUID()}`;
  const connection = await Connection.connect({ address: useStack().settings.WAYBILL_TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace });
  const query = "WaybillTenant = 'acme'";
  const calls: readonly (() => Promise<unknown>)[] = [
    () => connection.workflowService.countWorkflowExecutions({ namespace, query }),
    () => client.schedule.list()[Symbol.asyncIterator]().next(),
    () => client.workflow.start('anything', { taskQueue: namespace, workflowId: 'run', typedSearchAttributes: TENANT }),
  ];
  try {
    // Far longer than the server takes even on a busy machine: without waiting, the first answer would be an error.
    const settled = calls.map((call) => callTemporal(connection, call, 120_000));
    await Promise.all([...settled, prepareNamespace(connection, namespace, 1)]);
    expect((await client.workflow.getHandle('run').describe()).searchAttributes).toEqual({ WaybillTenant: ['acme'] });
  } finally {
    await connection.close();
  }
});

const TENANT = [{ key: defineSearchAttributeKey('WaybillTenant', 'KEYWORD'), value: 'acme' }];
