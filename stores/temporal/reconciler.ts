import { type Client, ScheduleAlreadyRunning, type ScheduleOptions } from '@temporalio/client';
import { callAgain, STARTING_TRIES_MS } from './calls.ts';

/** @returns the id of its schedule, and of its workflow */
export function reconcilerId(taskQueue: string): string {
  return `reconcile|${taskQueue}`;
}

/**
 * Creates or updates the schedule of the reconciler of one task queue. A pause by an operator is kept.
 *
 * @param seconds between two passes
 * @throws WaybillError `temporal_unavailable`
 */
export async function scheduleReconciler(
  { connection, schedule }: Pick<Client, 'connection' | 'schedule'>,
  taskQueue: string,
  seconds: number,
): Promise<void> {
  const id = reconcilerId(taskQueue);
  const options: ScheduleOptions = {
    scheduleId: id,
    spec: { intervals: [{ every: seconds * 1000 }] },
    policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: 'reconcile',
      workflowId: id,
      taskQueue,
      args: [],
      staticSummary: 'remove what is due, end what was lost',
    },
  };
  const note = 'removes files that are due, ends runs that were lost, puts back missing schedules';
  const call = <Answer>(work: () => Promise<Answer>) => callAgain(connection, work, STARTING_TRIES_MS);
  try {
    await call(() => schedule.create({ ...options, state: { note } }));
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await call(() => schedule.getHandle(id).update(({ state }) => ({ ...options, state })));
  }
}
