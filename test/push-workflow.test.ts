import { Context } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EndPushInput, PushEnd } from '../contracts/steps.ts';
import { pushQueue } from '../contracts/task-queues.ts';
import type { pushDelivery } from '../workflows/push.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { programPath } from './programs.ts';

const INPUT = { tenant: 'acme', runId: '0199f0b4-1c2d-7e3f-8a4b-5c6d7e8f9a0b' };
const DELIVERED: PushEnd = { state: 'delivered', files: 2, bytes: 10 };

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

/** Runs a delivery with this step. @returns how it was recorded and how the workflow ended */
async function deliver(push: () => Promise<PushEnd>, cancelAfter?: Promise<unknown>) {
  const taskQueue = `waybill-${crypto.randomUUID()}`;
  const recorded: EndPushInput[] = [];
  const endPush = async (input: EndPushInput) => void recorded.push(input);
  const codePath = useStack().settings.WAYBILL_WORKFLOW_BUNDLE ?? '';
  const shared = { connection: server.nativeConnection, maxHeartbeatThrottleInterval: '100 ms' };
  const control = await Worker.create({ ...shared, taskQueue, workflowBundle: { codePath }, activities: { endPush } });
  const pushing = await Worker.create({ ...shared, taskQueue: pushQueue(taskQueue), activities: { push } });
  const result = await control.runUntil(
    pushing.runUntil(async () => {
      const handle = await server.client.workflow.start<typeof pushDelivery>('pushDelivery', {
        ...{ workflowId: `push-${crypto.randomUUID()}`, taskQueue, args: [INPUT] },
      });
      if (cancelAfter) {
        await cancelAfter;
        await handle.cancel();
      }
      return handle.result().catch((error: unknown) => error);
    }),
  );
  return { recorded: recorded.map(({ end }) => end), result };
}

describe('a delivery', () => {
  it('is recorded, with what it delivered', async () => {
    expect(await deliver(async () => DELIVERED)).toEqual({ recorded: [DELIVERED], result: DELIVERED });
  });

  it('is tried again for hours, and succeeds once the destination is mended', async () => {
    let attempts = 0;
    const end = await deliver(async () => {
      attempts += 1;
      if (attempts < 20) throw ApplicationFailure.retryable('The credentials are wrong.', 'destination_login');
      return DELIVERED;
    });
    expect(end).toEqual({ recorded: [DELIVERED], result: DELIVERED });
  });

  it('that fails for a day is recorded as failed, with the reason of its last attempt', async () => {
    let attempts = 0;
    const { recorded, result } = await deliver(async () => {
      attempts += 1;
      throw ApplicationFailure.retryable('The credentials are wrong.', 'destination_login');
    });
    expect(recorded).toEqual([
      { state: 'failed', failure: { code: 'destination_login', message: 'The credentials are wrong.' } },
    ]);
    expect(result).toBeInstanceOf(WorkflowFailedError);
    // 5 s, 10 s, … 30 min, for 24 hours.
    expect(attempts).toBeGreaterThan(50);
    expect(attempts).toBeLessThan(70);
  });

  it('of files that are gone ends at once', async () => {
    const { recorded } = await deliver(async () => {
      throw ApplicationFailure.nonRetryable('The files are gone.', 'gone');
    });
    expect(recorded).toEqual([{ state: 'failed', failure: { code: 'gone', message: 'The files are gone.' } }]);
  });

  it('that is cancelled stops, and is recorded as skipped', async () => {
    const begun = Promise.withResolvers<void>();
    const { recorded, result } = await deliver(async () => {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), 50);
      begun.resolve();
      try {
        return await context.cancelled;
      } finally {
        clearInterval(beat);
      }
    }, begun.promise);
    expect(recorded).toEqual([{ state: 'skipped' }]);
    expect(result).toEqual({ state: 'skipped' });
  });
});
