import type { ExportKind } from './run.ts';

/** Pattern of tenant keys. */
export const TENANT_KEY = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * Prefix of an export's objects in the bucket. Each export owns one prefix and nothing else writes below it, so cleaning
 * up after an export means deleting its prefix.
 *
 * Tenant keys are {@link TENANT_KEY}, export ids are UUIDs: neither can hold a slash.
 */
export function exportPrefix(tenant: string, exportId: string): string {
  return `exports/${tenant}/${exportId}/`;
}

/** Series of the runs of a standing order: at most one of them is active, and at most one is current. */
export function standingSeries(kind: ExportKind, tenant: string): string {
  return `${kind}|${tenant}`;
}

/** The commit point: written once, last. */
export function manifestKey(prefix: string): string {
  return `${prefix}manifest.json`;
}

/** Prefix of a run's objects; nothing else writes below it. */
export function runPrefix(run: { readonly kind: ExportKind; readonly tenant: string; readonly runId: string }): string {
  return run.kind === 'periodic' ? generationPrefix(run.tenant, run.runId) : exportPrefix(run.tenant, run.runId);
}

/** Prefix of all of a tenant's periodic generations. */
export function periodicPrefix(tenant: string): string {
  return `periodic/${tenant}/`;
}

/** Prefix of one generation's objects; nothing else writes below it. Its manifest is {@link manifestKey}. */
export function generationPrefix(tenant: string, generationId: string): string {
  return `${periodicPrefix(tenant)}${generationId}/`;
}
