import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowExecutionDescription } from '@temporalio/client';
import proto from '@temporalio/proto';
import { vi } from 'vitest';
import { PERIODIC } from '../contracts/periodic.ts';
import type { StandingOrder } from '../stores/ledger/ports.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import { type StandingDeployment, standingSchedule } from '../stores/temporal/sync-schedule.ts';
import type { Temporal } from '../stores/temporal/temporal.ts';
import { closeAtEnd } from './cleanup.ts';
import { periodicScheduleId } from './keys.ts';

export const DEPLOYMENT: StandingDeployment = {
  runTime: { at: '01:30', timeZone: 'Europe/Amsterdam' },
  jitterMinutes: 30,
};

/** Applies, triggers and finds the schedules of tenants. */
export function schedulesOn(temporal: Temporal, deployment = DEPLOYMENT) {
  return {
    apply: (settings: StandingOrder) =>
      temporal.applySchedule(
        periodicScheduleId(settings.tenant),
        settings.enabled ? standingSchedule(PERIODIC, settings, deployment) : null,
      ),
    trigger: (tenant: string) => temporal.trigger(periodicScheduleId(tenant), 'replace'),
    find: (tenant: string) => temporal.nextRun(periodicScheduleId(tenant)),
  };
}

/** Schedules on the stack's Temporal, for tenants of this test file. They are removed at the end. */
export function openSchedules(settings: Readonly<Record<string, string>>) {
  const { WAYBILL_TEMPORAL_ADDRESS: address = '', WAYBILL_TEMPORAL_NAMESPACE: namespace = '' } = settings;
  const connection = Connection.lazy({ address });
  const client = new Client({ connection, namespace });
  /** A queue that no worker polls, so that runs stay as they were started. */
  const taskQueue = `nobody-${randomUUID()}`;
  const temporal = createTemporal({ connection, namespace, taskQueue });
  const schedules = schedulesOn(temporal);
  const tenants: string[] = [];
  closeAtEnd(async () => {
    for (const tenant of tenants) await schedules.apply(settingsOf(tenant, { enabled: false }));
    for await (const { workflowId } of client.workflow.list({
      query: `TaskQueue = '${taskQueue}' and ExecutionStatus = 'Running'`,
    })) {
      await client.workflow.getHandle(workflowId).terminate();
    }
    await connection.close();
  });
  const scheduleOf = (tenant: string) => client.schedule.getHandle(periodicScheduleId(tenant));

  return {
    address,
    namespace,
    connection,
    client,
    taskQueue,
    temporal,
    schedules,
    scheduleOf,

    newTenant(): string {
      const tenant = `t-${randomUUID()}`;
      tenants.push(tenant);
      return tenant;
    },

    /** Open runs that the schedule has started. */
    async running(tenant: string): Promise<readonly WorkflowExecutionDescription[]> {
      const { info } = await scheduleOf(tenant).describe();
      return Promise.all(
        info.runningActions.map(({ workflow }) => client.workflow.getHandle(workflow.workflowId).describe()),
      );
    },

    async isCancelRequested({ workflowId, runId }: WorkflowExecutionDescription): Promise<boolean> {
      const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      return events?.some(({ workflowExecutionCancelRequestedEventAttributes: asked }) => Boolean(asked)) ?? false;
    },

    /** Times that the server computes for a schedule, jitter included. */
    async timesBetween(tenant: string, from: string, to: string): Promise<readonly string[]> {
      const timestamp = (iso: string) =>
        proto.google.protobuf.Timestamp.fromObject({ seconds: Date.parse(iso) / 1000 });
      const { startTime } = await client.schedule.workflowService.listScheduleMatchingTimes({
        namespace,
        scheduleId: periodicScheduleId(tenant),
        startTime: timestamp(from),
        endTime: timestamp(to),
      });
      return startTime.map(({ seconds }) => new Date(Number(seconds) * 1000).toISOString());
    },
  };
}

/** Settings of a tenant whose periodic exports are enabled. */
export function settingsOf(tenant: string, more: Partial<StandingOrder> = {}): StandingOrder {
  return {
    standingOrderId: randomUUID(),
    tenant,
    kind: 'periodic',
    enabled: true,
    recipient: 'age1example',
    ownRecipient: false,
    epoch: 1,
    version: 1,
    recurrence: null,
    currentRunId: null,
    failingSince: null,
    syncedVersion: null,
    changedAt: new Date(),
    ...more,
  };
}

/** Reads until there is a value. @throws Error after 20 s */
export function untilFound<Value>(read: () => Promise<Value | undefined>): Promise<Value> {
  const find = async () => {
    const value = await read();
    if (value === undefined) throw new Error('not found');
    return value;
  };
  return vi.waitFor(find, { timeout: 20_000, interval: 50 });
}
