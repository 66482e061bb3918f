import { type ConnectionLike, ScheduleClient, WorkflowClient } from '@temporalio/client';
import { callTemporal } from './calls.ts';
import { createRuns } from './runs.ts';
import { createSchedules } from './schedules.ts';
import type { Temporal } from './temporal.ts';

const PING_MS = 2000;

export interface TemporalOptions {
  /** A `Connection`, or a worker's `NativeConnection`. The caller closes it. */
  readonly connection: ConnectionLike;
  readonly namespace: string;
  /** Queue of this deployment's workflows. */
  readonly taskQueue: string;
}

export function createTemporal({ connection, namespace, taskQueue }: TemporalOptions): Temporal {
  return {
    ...createRuns(new WorkflowClient({ connection, namespace }), taskQueue),
    ...createSchedules(new ScheduleClient({ connection, namespace }), connection, taskQueue),
    async ping() {
      await callTemporal(connection, () => connection.workflowService.getSystemInfo({}), PING_MS);
    },
  };
}
