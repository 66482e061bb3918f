import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { describe, expect, it } from 'vitest';
import { freePort, LOOPBACK } from '../stack/ports.ts';
import { createAttempts } from '../stores/temporal/attempts.ts';
import { useStack } from './context.ts';
import { openTemporal } from './temporal.ts';

const { settings } = useStack();
const namespace = settings.WAYBILL_TEMPORAL_NAMESPACE;
const { client } = await openTemporal(settings);
const attempts = createAttempts(client.activity);

const { COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK: schedule } = proto.temporal.api.enums.v1.CommandType;

/** The server requires a deadline for polls. */
function polling<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  return client.connection.withDeadline(Date.now() + 30_000, ask);
}

/** Starts an activity without a worker. @returns the task token of its first attempt */
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
  const token = await poll();
  /** Fails the attempt. @returns the token of the one that replaces it */
  const replace = async () => {
    await workflowService.respondActivityTaskFailed({ namespace, taskToken: token });
    return poll();
  };
  return { handle, token, replace };
}

describe('an attempt at a step', () => {
  it('counts while it is active', async () => {
    const { handle, token } = await startStep(30);
    expect(await attempts.find(token, { rows: 1 })).toBe('counts');
    await handle.terminate();
  });

  it('is over when another one has replaced it', async () => {
    const { handle, token, replace } = await startStep(30);
    const second = await replace();
    expect(await attempts.find(token, undefined)).toBe('over');
    expect(await attempts.find(second, undefined)).toBe('counts');
    await handle.terminate();
  });

  it('is over when its run has ended', async () => {
    const { handle, token } = await startStep(30);
    await handle.terminate();
    expect(await attempts.find(token, undefined)).toBe('over');
  });

  it('is unknown while Temporal does not respond', async () => {
    const connection = Connection.lazy({ address: `${LOOPBACK}:${await freePort()}` });
    const lost = new Client({ connection, namespace });
    expect(await createAttempts(lost.activity).find(new Uint8Array(1), undefined)).toBe('unknown');
    await connection.close();
  });
});
