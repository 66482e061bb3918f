import { Client, Connection } from '@temporalio/client';
import { RUN_WORKFLOW, TASK_QUEUE_CONTROL } from '../contracts/task-queues.ts';
import type { ServiceSettings } from '../stack/stack.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import type { Temporal } from '../stores/temporal/temporal.ts';

/** Waybill's own client of a deployment's Temporal, and the SDK's. */
export interface TemporalClients extends AsyncDisposable {
  readonly temporal: Temporal;
  readonly client: Client;
  /** @returns the number of runs whose workflow is open */
  countRunning(): Promise<number>;
}

export async function connectTemporal(settings: ServiceSettings): Promise<TemporalClients> {
  const { WAYBILL_TEMPORAL_NAMESPACE: namespace, WAYBILL_TASK_QUEUE: taskQueue = TASK_QUEUE_CONTROL } = settings;
  const connection = await Connection.connect({ address: settings.WAYBILL_TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace });
  return {
    temporal: createTemporal({ connection, namespace, taskQueue }),
    client,
    countRunning: async () =>
      (await client.workflow.count(`WorkflowType = '${RUN_WORKFLOW}' AND ExecutionStatus = 'Running'`)).count,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
