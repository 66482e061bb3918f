import { attemptKeys, earlierAttempts } from '../contracts/attempts.ts';
import type { Instant } from '../contracts/instant.ts';
import { instantFromDate } from '../contracts/instant.ts';
import { exportPrefix, manifestKey } from '../contracts/keys.ts';
import { MANIFEST_VERSION, type Manifest, type ManifestPart } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { Settled } from '../contracts/settled.ts';
import type { Published, PublishInput } from '../contracts/steps.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';
import { checkStored } from './stored.ts';

/**
 * Checks that the parts are there and whole, and writes the manifest: the commit point. Writes the very same bytes when
 * it is repeated. Objects of lost attempts are removed afterwards, and those that appear later by a second look.
 */
export function createPublishExport({ objects, strays, logger }: Pick<Ports, 'objects' | 'strays' | 'logger'>) {
  return async function publishExport(input: PublishInput): Promise<Settled<Published>> {
    return runStep(logger, async () => {
      const manifest = describeManifest(input);
      const prefix = exportPrefix(input.order.tenant, input.exportId);
      const unlisted = await checkStored(objects, prefix, manifest.parts);
      const attempted = manifest.parts.flatMap(({ name }) => earlierAttempts(name) ?? []);
      if (attempted.length > 0) {
        await objects.abortUploadsOf(attemptKeys(prefix, attempted));
        await strays.schedule({ kind: 'export', tenant: input.order.tenant, id: input.exportId, attempted });
      }
      const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, 'utf8');
      await objects.put(manifestKey(prefix), body, 'application/json');
      await objects.remove(unlisted);
      const { rows, bytes, contentBytes } = manifest;
      return { rows, bytes, contentBytes };
    });
  };
}

function describeManifest({ exportId, workflowId, order, plan, parts, createdAt, expiresAt }: PublishInput): Manifest {
  return {
    version: MANIFEST_VERSION,
    exportId,
    workflowId,
    tenant: order.tenant,
    dataset: order.dataset,
    window: order.window,
    parameters: order.parameters,
    snapshotAt: plan.snapshotAt,
    format: order.format,
    csv: order.format === 'csv' ? order.csv : null,
    compression: order.compression,
    recipients: order.recipients,
    columns: plan.columns,
    file: `${order.dataset.toLowerCase()}.${fileExtension(order)}`,
    rows: sum(parts, (part) => part.rows),
    bytes: sum(parts, (part) => part.bytes),
    contentBytes: sum(parts, (part) => part.contentBytes),
    parts,
    createdAt: toInstant(createdAt),
    expiresAt: toInstant(expiresAt),
  };
}

function sum(parts: readonly ManifestPart[], size: (part: ManifestPart) => number): number {
  return parts.reduce((total, part) => total + size(part), 0);
}

function toInstant(iso: string): Instant {
  return instantFromDate(new Date(iso));
}
