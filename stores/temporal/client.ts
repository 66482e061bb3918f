import { type ConnectionLike, ScheduleClient, ScheduleNotFoundError, WorkflowClient } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../contracts/task-queues.ts';
import { callTemporal } from './calls.ts';

import { createRuns } from './runs.ts';
import { createSchedules } from './schedules.ts';
import type { Temporal } from './temporal.ts';
import { createWaited } from './waited.ts';

const PING_MS = 2000;

/** Id of a schedule that does not exist. */
const PROBE = 'waybill-probe';

/** Refused by Temporal while one of the search attributes is missing. */
const ATTRIBUTES_QUERY = SEARCH_ATTRIBUTES.map((name) => `${name} = ''`).join(' and ');

export interface TemporalOptions {
  /** A `Connection`, or a worker's `NativeConnection`. The caller closes it. */
  readonly connection: ConnectionLike;
  readonly namespace: string;
  /** Queue of this deployment's workflows. */
  readonly taskQueue: string;
}

export function createTemporal({ connection, namespace, taskQueue }: TemporalOptions): Temporal {
  const schedules = new ScheduleClient({ connection, namespace });
  let hasAttributes = false;

  async function callSchedule(): Promise<void> {
    try {
      await schedules.getHandle(PROBE).describe();
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
  }

  async function findAttributes(): Promise<void> {
    if (hasAttributes) return;
    await connection.workflowService.countWorkflowExecutions({ namespace, query: ATTRIBUTES_QUERY });
    hasAttributes = true;
  }

  return {
    ...createRuns(new WorkflowClient({ connection, namespace }), taskQueue),
    ...createWaited(new WorkflowClient({ connection, namespace }), taskQueue),
    ...createSchedules(schedules, connection, taskQueue),
    async ping() {
      await callTemporal(connection, () => Promise.all([callSchedule(), findAttributes()]), PING_MS);
    },
  };
}
