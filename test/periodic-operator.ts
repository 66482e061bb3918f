import { isGrpcDeadlineError, ScheduleNotFoundError, ScheduleOverlapPolicy, ServiceError } from '@temporalio/client';
import { expect } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { expectEmpty, keysBelow, readGeneration } from './bucket.ts';
import { generationPrefix, periodicPrefix, periodicScheduleId } from './keys.ts';
import type { TemporalAccess } from './temporal.ts';

/** Starts a run manually, after the active one if there is one. */
export async function triggerRun({ client }: TemporalAccess, tenant: string): Promise<void> {
  await client.schedule.getHandle(periodicScheduleId(tenant)).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
}

export async function hasSchedule({ client }: Pick<TemporalAccess, 'client'>, tenant: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(periodicScheduleId(tenant)).describe();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    // The server (1.32) sometimes never responds if the schedule is deleted meanwhile.
    if (error instanceof ServiceError && isGrpcDeadlineError(error.cause)) return hasSchedule({ client }, tenant);
    throw error;
  }
}

/** Number of the tenant's runs that are open in Temporal. */
export async function openRuns({ client }: TemporalAccess, tenant: string): Promise<number> {
  const query = `WaybillDataset = 'periodic' AND WaybillTenant = '${tenant}' AND ExecutionStatus = 'Running'`;
  return (await client.workflow.count(query)).count;
}

/** Waits until this generation's files are the tenant's only periodic files in the bucket. */
export async function expectOnly(bucket: Objects, tenant: string, generationId: string): Promise<void> {
  const prefix = generationPrefix(tenant, generationId);
  const { files } = await readGeneration(bucket, tenant, generationId);
  const listed = files.flatMap(({ parts }) => parts.map(({ name }) => name));
  const keys = [manifestKey(prefix), ...listed.map((name) => prefix + name)].toSorted();
  await expect
    .poll(async () => (await keysBelow(bucket, periodicPrefix(tenant))).toSorted(), { timeout: 30_000 })
    .toEqual(keys);
  expect(await bucket.abortUploads(periodicPrefix(tenant))).toBe(0);
}

/** Checks that nothing is left of the tenant's periodic files. */
export function expectNothing(bucket: Objects, tenant: string): Promise<void> {
  return expectEmpty(bucket, periodicPrefix(tenant));
}
