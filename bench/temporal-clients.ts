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
  /** @returns the number of runs whose workflow has closed */
  countClosed(): Promise<number>;
}

export async function connectTemporal(settings: ServiceSettings): Promise<TemporalClients> {
  const { WAYBILL_TEMPORAL_NAMESPACE: namespace, WAYBILL_TASK_QUEUE: taskQueue = TASK_QUEUE_CONTROL } = settings;
  const connection = await Connection.connect({ address: settings.WAYBILL_TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace });
  const count = async (which: string) =>
    (await client.workflow.count(`WorkflowType = '${RUN_WORKFLOW}' AND ${which}`)).count;
  return {
    temporal: createTemporal({ connection, namespace, taskQueue }),
    client,
    countRunning: () => count("ExecutionStatus = 'Running'"),
    countClosed: () => count("ExecutionStatus != 'Running'"),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
