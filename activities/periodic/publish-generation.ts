import { createHash } from 'node:crypto';
import { attemptKeys, earlierAttempts } from '../../contracts/attempts.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { instantFromDate } from '../../contracts/instant.ts';
import { generationPrefix, manifestKey } from '../../contracts/keys.ts';
import { describeManifest, type Manifest } from '../../contracts/manifest.ts';
import { fileExtension } from '../../contracts/order.ts';
import { PERIODIC_FORMATS } from '../../contracts/periodic.ts';
import type { PublishGenerationInput, Switched } from '../../contracts/periodic-steps.ts';
import type { Settled } from '../../contracts/settled.ts';
import type { Ports } from '../ports.ts';
import { runStep } from '../step.ts';
import { checkStored, removeUnlisted } from '../stored.ts';
import { fileOrder } from './file-order.ts';

/**
 * Checks that the objects are there and whole, writes the manifest, and switches the ledger to this generation: the
 * commit point. Writes the very same bytes when it is repeated, and gets the same answer. Objects of lost attempts are
 * removed afterwards, and those that appear later by the reconciler.
 */
export function createPublishGeneration({
  objects,
  ledger,
  periodicGraceSeconds,
  logger,
}: Pick<Ports, 'objects' | 'ledger' | 'periodicGraceSeconds' | 'logger'>) {
  return async function publishGeneration(input: PublishGenerationInput): Promise<Settled<Switched>> {
    return runStep(logger, async (): Promise<Switched> => {
      const { tenant, generationId } = input;
      const manifest = describeGeneration(input);
      const { rows, bytes, contentBytes, snapshotAt } = manifest;
      const prefix = generationPrefix(tenant, generationId);
      const parts = manifest.files.flatMap((file) => file.parts);
      const unlisted = await checkStored(objects, prefix, parts);
      const attempted = parts.flatMap(({ name }) => earlierAttempts(name) ?? []);
      if (attempted.length + unlisted.length > 0) {
        await objects.abortUploadsOf(attemptKeys(prefix, attempted));
        await ledger.runs.noteAttempted(generationId, attempted);
      }
      const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, 'utf8');
      await objects.put(manifestKey(prefix), body, 'application/json');
      const manifestSha256 = createHash('sha256').update(body).digest('hex');
      const files = input.plan.files.length;
      const committed = await ledger.runs.commit(generationId, {
        ...{ snapshotAt, files, parts: parts.length, rows, bytes, contentBytes, manifestSha256 },
        retention: { replaceAfterSeconds: periodicGraceSeconds },
      });
      if (!committed.committed) return { published: false };
      await removeUnlisted(objects, unlisted, logger);
      return { published: true, previous: committed.previous, rows, bytes };
    });
  };
}

function describeGeneration(input: PublishGenerationInput): Manifest {
  const { tenant, generationId, workflowId, recipient, plan, written, createdAt } = input;
  const files = plan.files.flatMap(({ file: name, dataset, columns }) =>
    PERIODIC_FORMATS.map((format) => {
      const part = written.find((candidate) => candidate.file === name && candidate.format === format)?.part;
      if (!part) throw new WaybillError('object_damaged');
      const { window, parameters, csv, compression, recipients } = fileOrder(tenant, dataset, format, recipient);
      const extension = fileExtension({ format, compression, recipients });
      return {
        ...{ name, file: `${name}.${extension}`, dataset, window, parameters, format },
        ...{ csv: format === 'csv' ? csv : null, compression, columns, parts: [part] },
      };
    }),
  );
  const { snapshotAt } = plan;
  return describeManifest(
    {
      ...{ kind: 'periodic', runId: generationId, workflowId, tenant, snapshotAt, recipients: [recipient] },
      ...{ createdAt: instantFromDate(new Date(createdAt)), expiresAt: null },
    },
    files,
  );
}
