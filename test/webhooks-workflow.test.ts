import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import type { WebhooksPass } from '../contracts/steps.ts';
import { WEBHOOKS_SIGNAL, webhooksQueue } from '../contracts/task-queues.ts';
import type { deliverWebhooks } from '../workflows/webhooks.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { programPath } from './programs.ts';

const TENANT = { tenant: 'acme' };
const HOUR_MS = 3_600_000;

let server: TestWorkflowEnvironment;

beforeAll(async () => {
  const path = await programPath('temporal-test-server', useStack().environment);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  // Skips the pauses between attempts.
  server = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  closeAtEnd(() => server.teardown());
});

/** @returns a moment of the server, so many milliseconds ahead */
const ahead = async (ms: number) => new Date((await server.currentTimeMs()) + ms).toISOString();

/** Sends the webhooks of a tenant with this step. @returns the server's times of its passes */
async function sendAll(pass: (signal: () => Promise<void>, count: number) => Promise<WebhooksPass>) {
  const taskQueue = `waybill-${crypto.randomUUID()}`;
  const workflowId = `webhooks-${crypto.randomUUID()}`;
  const handle = server.client.workflow.getHandle(workflowId);
  const times: number[] = [];
  const sendWebhooks = async (input: unknown) => {
    expect(input).toEqual(TENANT);
    times.push(await server.currentTimeMs());
    return pass(() => handle.signal(WEBHOOKS_SIGNAL), times.length);
  };
  const codePath = useStack().settings.WAYBILL_WORKFLOW_BUNDLE ?? '';
  const shared = { connection: server.nativeConnection };
  const control = await Worker.create({ ...shared, taskQueue, workflowBundle: { codePath } });
  const sending = await Worker.create({
    ...{ ...shared, taskQueue: webhooksQueue(taskQueue), activities: { sendWebhooks } },
  });
  await control.runUntil(
    sending.runUntil(async () => {
      const options = { workflowId, taskQueue, args: [TENANT] as [typeof TENANT] };
      await (await server.client.workflow.start<typeof deliverWebhooks>('deliverWebhooks', options)).result();
    }),
  );
  return times;
}

describe('the workflow of a tenant’s webhooks', () => {
  it('ends when nothing is pending', async () => {
    expect(await sendAll(async () => ({ nextAt: null }))).toHaveLength(1);
  });

  it('waits until the next attempt is due, or not at all if it is', async () => {
    const times = await sendAll(async (_, count) => ({
      nextAt: count === 1 ? await ahead(HOUR_MS) : count === 2 ? await ahead(-1) : null,
    }));
    const [first = 0, second = 0, third = 0] = times;
    expect(times).toHaveLength(3);
    expect(second - first).toBeGreaterThanOrEqual(HOUR_MS);
    expect(third - second).toBeLessThan(HOUR_MS);
  });

  it('goes on at once for an event that comes while it sends, also if nothing else is pending', async () => {
    for (const nextAt of [null, await ahead(20 * HOUR_MS)]) {
      const times = await sendAll(async (signal, count) => {
        if (count === 1) await signal();
        return { nextAt: count === 1 ? nextAt : null };
      });
      expect(times).toHaveLength(2);
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeLessThan(HOUR_MS);
    }
  });

  it('goes on with a new history after many passes', async () => {
    expect(await sendAll(async (_, count) => ({ nextAt: count < 250 ? await ahead(-1) : null }))).toHaveLength(250);
  });
});
