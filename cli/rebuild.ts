import { exportPrefix, manifestKey } from '../contracts/keys.ts';
import type { Manifest } from '../contracts/manifest.ts';
import { parseManifest } from '../contracts/manifest-schema.ts';
import { CSV_DEFAULTS, type Order } from '../contracts/order.ts';
import type { Ledger } from '../stores/ledger/ledger.ts';
import type { Objects } from '../stores/objects/objects.ts';

export interface Rebuilt {
  /** A count of manifests in the bucket. */
  readonly manifests: number;
  /** A count of exports that the ledger did not know, or did not know to have ended. */
  readonly restored: number;
  readonly unreadable: readonly { readonly key: string; readonly problem: string }[];
}

const DAY_MS = 86_400_000;

/**
 * Reads every manifest and records its export as completed. What left no manifest (failed and cancelled exports,
 * tenants, credentials, the audit trail) comes from a backup of the ledger only.
 */
export async function rebuildLedger(
  ledger: Pick<Ledger, 'restoreExport'>,
  objects: Pick<Objects, 'list' | 'get'>,
): Promise<Rebuilt> {
  const unreadable: { key: string; problem: string }[] = [];
  let manifests = 0;
  let restored = 0;
  for await (const { key } of objects.list('exports/')) {
    if (!key.endsWith(manifestKey('/'))) continue;
    manifests += 1;
    const body = await objects.get(key);
    // It has expired since it was listed.
    if (body === undefined) continue;
    const problem = await restore(ledger, key, Buffer.from(body).toString('utf8'));
    if (problem === undefined) continue;
    if (problem === true) restored += 1;
    else unreadable.push({ key, problem });
  }
  return { manifests, restored, unreadable };
}

/** @returns what is wrong with the manifest, `true` when the ledger changed, `undefined` when it knew the export. */
async function restore(
  ledger: Pick<Ledger, 'restoreExport'>,
  key: string,
  text: string,
): Promise<string | true | undefined> {
  const parsed = parseManifest(text);
  if ('problem' in parsed) return parsed.problem;
  const { manifest } = parsed;
  if (key !== manifestKey(exportPrefix(manifest.tenant, manifest.exportId))) {
    return 'It names another tenant or export than the place it lies at.';
  }
  const { exportId, workflowId, snapshotAt, rows, bytes, contentBytes, parts } = manifest;
  const endedAt = new Date(manifest.createdAt);
  const changed = await ledger.restoreExport(
    { exportId, workflowId, order: orderOf(manifest), requestedAt: new Date(snapshotAt) },
    {
      state: 'completed',
      snapshotAt,
      rows,
      bytes,
      contentBytes,
      parts: parts.length,
      expiresAt: new Date(manifest.expiresAt),
    },
    endedAt,
  );
  return changed ? true : undefined;
}

/** The order that the manifest answers. The time it was asked for is not in it; the snapshot is the nearest to that. */
export function orderOf(manifest: Manifest): Order {
  const keptMs = Date.parse(manifest.expiresAt) - Date.parse(manifest.createdAt);
  return {
    tenant: manifest.tenant,
    dataset: manifest.dataset,
    window: manifest.window,
    parameters: manifest.parameters,
    format: manifest.format,
    csv: manifest.csv ?? CSV_DEFAULTS,
    columns: manifest.columns.map((column) => column.name),
    compression: manifest.compression,
    recipients: manifest.recipients,
    keepDays: Math.max(1, Math.round(keptMs / DAY_MS)),
  };
}
