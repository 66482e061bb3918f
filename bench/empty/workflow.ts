import { proxyActivities } from '@temporalio/workflow';
import type { EmptySteps } from './steps.ts';

const steps = proxyActivities<EmptySteps>({ startToCloseTimeout: '30 seconds' });

/** Runs two empty activities in sequence: the overhead of Temporal and a worker. */
export async function runEmptySteps(): Promise<void> {
  await steps.first();
  await steps.second();
}
