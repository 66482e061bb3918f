import { proxyActivities } from '@temporalio/workflow';
import type { EmptySteps } from './steps.ts';

const steps = proxyActivities<EmptySteps>({ startToCloseTimeout: '30 seconds' });

/** One step after the other, which do nothing: what Temporal and a worker take by themselves. */
export async function runEmptySteps(): Promise<void> {
  await steps.first();
  await steps.second();
}
