import { proxyActivities } from '@temporalio/workflow';

/** Task queue of the empty workflow and its steps. */
export const EMPTY_QUEUE = 'bench-empty';

export interface EmptySteps {
  first(): Promise<void>;
  second(): Promise<void>;
}

const steps = proxyActivities<EmptySteps>({ startToCloseTimeout: '30 seconds' });

/** Runs two empty activities in sequence: the overhead of Temporal and a worker. */
export async function runEmptySteps(): Promise<void> {
  await steps.first();
  await steps.second();
}
