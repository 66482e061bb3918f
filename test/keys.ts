import { kindPrefix, runPrefix } from '../contracts/keys.ts';
import { PERIODIC } from '../contracts/periodic.ts';

/** Prefix of the objects of an export on demand. */
export function exportPrefix(tenant: string, runId: string): string {
  return runPrefix({ kind: 'on-demand', tenant, runId });
}

/** Prefix of the objects of all periodic runs of a tenant. */
export function periodicPrefix(tenant: string): string {
  return kindPrefix(PERIODIC.kind, tenant);
}

/** Prefix of the objects of one periodic run. */
export function generationPrefix(tenant: string, runId: string): string {
  return runPrefix({ kind: PERIODIC.kind, tenant, runId });
}

export const periodicScheduleId = PERIODIC.scheduleId;
