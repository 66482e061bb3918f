import type { Day } from './recurrence.ts';
import { type ExportKind, ON_DEMAND } from './run.ts';

/** Pattern of tenant keys. */
export const TENANT_KEY = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Series of the runs of a standing order: at most one of them is active, and at most one is current. */
export function standingSeries(kind: ExportKind, tenant: string): string {
  return `${kind}|${tenant}`;
}

/** Series of the runs that deliver one day of a standing order of changes: the current one is what the tenant sees of it. */
export function daySeries(kind: ExportKind, tenant: string, day: Day): string {
  return `${standingSeries(kind, tenant)}|${day}`;
}

/** @returns the day that a run of changes delivers */
export function dayOf({ series }: { readonly series: string }): Day {
  return series.slice(series.lastIndexOf('|') + 1);
}

/** Workflow id of the delivery of a run's files to the tenant's own destination. */
export function pushWorkflowId({ tenant, runId }: { readonly tenant: string; readonly runId: string }): string {
  return `push|${tenant}|${runId}`;
}

/** Id of the workflow that sends the webhooks of a tenant. */
export function webhooksWorkflowId(tenant: string): string {
  return `webhooks|${tenant}`;
}

/** The commit point: written once, last. */
export function manifestKey(prefix: string): string {
  return `${prefix}manifest.json`;
}

/**
 * Prefix of all objects of a tenant's runs of one kind. Tenant keys are {@link TENANT_KEY} and run ids are UUIDs, so neither
 * contains a slash.
 */
export function kindPrefix(kind: ExportKind, tenant: string): string {
  return `${kind === ON_DEMAND ? 'exports' : kind}/${tenant}/`;
}

/** Prefix of a run's objects; nothing else writes below it, so removing a run means removing its prefix. */
export function runPrefix(run: { readonly kind: ExportKind; readonly tenant: string; readonly runId: string }): string {
  return `${kindPrefix(run.kind, run.tenant)}${run.runId}/`;
}
