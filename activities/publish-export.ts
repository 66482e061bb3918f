import { createHash } from 'node:crypto';
import { attemptKeys, earlierAttempts } from '../contracts/attempts.ts';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { exportPrefix, manifestKey } from '../contracts/keys.ts';
import { describeManifest, type Manifest } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { Settled } from '../contracts/settled.ts';
import type { Published, PublishInput } from '../contracts/steps.ts';
import type { Runs } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';
import { checkStored, removeUnlisted } from './stored.ts';

/**
 * Checks that the parts are there and whole, and writes the manifest: the commit point. Writes the very same bytes when
 * it is repeated. Objects of lost attempts are removed afterwards, and those that appear later by the reconciler.
 */
export function createPublishExport({
  objects,
  ledger,
  logger,
}: Pick<Ports, 'logger'> & {
  readonly ledger: { readonly runs: Pick<Runs, 'noteAttempted'> };
  readonly objects: Pick<Objects, 'list' | 'put' | 'abortUploadsOf' | 'remove'>;
}) {
  return async function publishExport(input: PublishInput): Promise<Settled<Published>> {
    return runStep(logger, async () => {
      const manifest = exportManifest(input);
      const prefix = exportPrefix(input.order.tenant, input.exportId);
      const unlisted = await checkStored(objects, prefix, input.parts);
      const attempted = input.parts.flatMap(({ name }) => earlierAttempts(name) ?? []);
      if (attempted.length + unlisted.length > 0) {
        await objects.abortUploadsOf(attemptKeys(prefix, attempted));
        await ledger.runs.noteAttempted(input.exportId, attempted);
      }
      const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, 'utf8');
      await objects.put(manifestKey(prefix), body, 'application/json');
      await removeUnlisted(objects, unlisted, logger);
      const { rows, bytes, contentBytes } = manifest;
      return { rows, bytes, contentBytes, manifestSha256: createHash('sha256').update(body).digest('hex') };
    });
  };
}

function exportManifest({ exportId, workflowId, order, plan, parts, createdAt, expiresAt }: PublishInput): Manifest {
  const { tenant, dataset, window, parameters, format, csv, compression, recipients } = order;
  const { snapshotAt, columns } = plan;
  const name = dataset.toLowerCase();
  const file = {
    ...{ name, file: `${name}.${fileExtension(order)}`, dataset, window, parameters, format },
    ...{ csv: format === 'csv' ? csv : null, compression, columns, parts },
  };
  return describeManifest(
    {
      ...{ kind: 'on-demand', runId: exportId, workflowId, tenant, snapshotAt, recipients },
      ...{ createdAt: toInstant(createdAt), expiresAt: toInstant(expiresAt) },
    },
    [file],
  );
}

function toInstant(iso: string): Instant {
  return instantFromDate(new Date(iso));
}
