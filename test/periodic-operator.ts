import { isGrpcDeadlineError, ScheduleNotFoundError, ScheduleOverlapPolicy, ServiceError } from '@temporalio/client';
import { expect } from 'vitest';
import { generationPrefix, manifestKey, periodicPrefix } from '../contracts/keys.ts';
import { parseManifest } from '../contracts/manifest.ts';
import { periodicScheduleId } from '../contracts/task-queues.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { keysBelow } from './bucket.ts';
import type { TemporalEye } from './temporal.ts';

/** Starts a run by hand, once the one that is under way, if any, has ended. */
export async function triggerRun({ client }: TemporalEye, tenant: string): Promise<void> {
  await client.schedule.getHandle(periodicScheduleId(tenant)).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
}

export async function hasSchedule({ client }: Pick<TemporalEye, 'client'>, tenant: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(periodicScheduleId(tenant)).describe();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    // A question that a deletion overtakes is sometimes never answered (server 1.32).
    if (error instanceof ServiceError && isGrpcDeadlineError(error.cause)) return hasSchedule({ client }, tenant);
    throw error;
  }
}

/** A count of the tenant's runs that Temporal has open. */
export async function openRuns({ client }: TemporalEye, tenant: string): Promise<number> {
  const query = `WaybillDataset = 'periodic' AND WaybillTenant = '${tenant}' AND ExecutionStatus = 'Running'`;
  return (await client.workflow.count(query)).count;
}

/** Waits until the bucket holds, of all periodic files of the tenant, this generation's and nothing else. */
export async function expectOnly(bucket: Objects, tenant: string, generationId: string): Promise<void> {
  const prefix = generationPrefix(tenant, generationId);
  const read = parseManifest(Buffer.from((await bucket.get(manifestKey(prefix))) ?? '').toString());
  if ('problem' in read) throw new Error(read.problem);
  const listed = read.manifest.files.flatMap(({ parts }) => parts.map(({ name }) => name));
  const keys = [manifestKey(prefix), ...listed.map((name) => prefix + name)].toSorted();
  await expect
    .poll(async () => (await keysBelow(bucket, periodicPrefix(tenant))).toSorted(), { timeout: 30_000 })
    .toEqual(keys);
  expect(await bucket.abortUploads(periodicPrefix(tenant))).toBe(0);
}

/** Looks at once whether nothing is left of the tenant's periodic files. */
export async function expectNothing(bucket: Objects, tenant: string): Promise<void> {
  expect(await keysBelow(bucket, periodicPrefix(tenant))).toEqual([]);
  expect(await bucket.abortUploads(periodicPrefix(tenant))).toBe(0);
}
