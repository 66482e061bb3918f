import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort, LOOPBACK } from '../stack/ports.ts';
import { createAttempts } from '../stores/temporal/attempts.ts';
import { useStack } from './context.ts';
import { openTemporal } from './temporal.ts';

const { settings } = useStack();
const namespace = settings.WAYBILL_TEMPORAL_NAMESPACE;
const { client, close } = await openTemporal(settings);
const attempts = createAttempts(client.activity);
afterAll(() => close());

const { COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK: schedule } = proto.temporal.api.enums.v1.CommandType;

/** The server wants to know how long a question for work may wait. */
function polling<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  return client.connection.withDeadline(Date.now() + 30_000, ask);
}

/** Starts a step by hand, as a worker would. @returns what its attempt is known by */
async function startStep(heartbeatSeconds: number) {
  const { workflowService } = client;
  const taskQueue = { name: `attempts-${randomUUID()}` };
  const workflowId = taskQueue.name;
  const handle = await client.workflow.start('anything', { workflowId, taskQueue: taskQueue.name });
  const { taskToken } = await polling(() => workflowService.pollWorkflowTaskQueue({ namespace, taskQueue }));
  const seconds = (count: number) => proto.google.protobuf.Duration.fromObject({ seconds: count });
  const scheduleActivityTaskCommandAttributes = {
    activityId: '1',
    activityType: { name: 'write' },
    taskQueue,
    startToCloseTimeout: seconds(60),
    heartbeatTimeout: seconds(heartbeatSeconds),
  };
  const commands = [{ commandType: schedule, scheduleActivityTaskCommandAttributes }];
  await workflowService.respondWorkflowTaskCompleted({ namespace, taskToken, commands });
  const poll = async () =>
    (await polling(() => workflowService.pollActivityTaskQueue({ namespace, taskQueue }))).taskToken;
  return { handle, token: await poll(), next: poll };
}

describe('an attempt at a step', () => {
  it('counts while it is under way', async () => {
    const { handle, token } = await startStep(30);
    expect(await attempts.find(token, { rows: 1 })).toBe('counts');
    await handle.terminate();
  });

  it('is over when another one took its place', async () => {
    const { handle, token, next } = await startStep(1);
    const second = await next();
    expect(await attempts.find(token, undefined)).toBe('over');
    expect(await attempts.find(second, undefined)).toBe('counts');
    await handle.terminate();
  });

  it('is over when its run has ended', async () => {
    const { handle, token } = await startStep(30);
    await handle.terminate();
    expect(await attempts.find(token, undefined)).toBe('over');
  });

  it('is not known about while Temporal does not answer', async () => {
    const connection = Connection.lazy({ address: `${LOOPBACK}:${await freePort()}` });
    const lost = new Client({ connection, namespace });
    expect(await createAttempts(lost.activity).find(new Uint8Array(1), undefined)).toBe('unknown');
    await connection.close();
  });
});
