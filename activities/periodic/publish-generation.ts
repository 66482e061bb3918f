import { createHash } from 'node:crypto';
import { attemptKeys, earlierAttempts } from '../../contracts/attempts.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { GENERATION_VERSION, type GenerationManifest } from '../../contracts/generation.ts';
import { instantFromDate } from '../../contracts/instant.ts';
import { generationPrefix, manifestKey } from '../../contracts/keys.ts';
import { PERIODIC_FORMATS } from '../../contracts/order.ts';
import type { PublishGenerationInput, Switched } from '../../contracts/periodic-steps.ts';
import type { Settled } from '../../contracts/settled.ts';
import type { Ports } from '../ports.ts';
import { runStep } from '../step.ts';
import { checkStored } from '../stored.ts';

/**
 * Checks that the objects are there and whole, writes the manifest, and switches the ledger to this generation: the
 * commit point. Writes the very same bytes when it is repeated, and gets the same answer. Objects of lost attempts are
 * removed afterwards, and those that appear later by a second look.
 */
export function createPublishGeneration({
  objects,
  ledger,
  strays,
  logger,
}: Pick<Ports, 'objects' | 'ledger' | 'strays' | 'logger'>) {
  return async function publishGeneration(input: PublishGenerationInput): Promise<Settled<Switched>> {
    return runStep(logger, async (): Promise<Switched> => {
      const { tenant, generationId, epoch } = input;
      const manifest = describeGeneration(input);
      const { rows, bytes, snapshotAt } = manifest;
      const prefix = generationPrefix(tenant, generationId);
      const listed = manifest.files.flatMap((file) => PERIODIC_FORMATS.map((format) => file.objects[format]));
      const unlisted = await checkStored(objects, prefix, listed);
      const attempted = listed.flatMap(({ name }) => earlierAttempts(name) ?? []);
      if (attempted.length > 0) {
        await objects.abortUploadsOf(attemptKeys(prefix, attempted));
        await strays.schedule({ kind: 'generation', tenant, id: generationId, attempted });
      }
      const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, 'utf8');
      await objects.put(manifestKey(prefix), body, 'application/json');
      const manifestSha256 = createHash('sha256').update(body).digest('hex');
      const files = manifest.files.length;
      const switched = await ledger.publishGeneration({
        ...{ tenant, generationId, epoch, snapshotAt, files, rows, bytes, manifestSha256 },
      });
      if ('refused' in switched) return { published: false };
      await objects.remove(unlisted);
      return { published: true, previous: switched.previous, rows, bytes };
    });
  };
}

function describeGeneration(input: PublishGenerationInput): GenerationManifest {
  const { tenant, generationId, workflowId, recipient, plan, objects, createdAt } = input;
  const files = plan.files.map(({ file, dataset, rows, columns }, index) => {
    const stored = objects[index];
    if (!stored) throw new WaybillError('object_damaged');
    return { file, dataset, rows, columns, objects: stored };
  });
  const all = files.flatMap((file) => PERIODIC_FORMATS.map((format) => file.objects[format]));
  return {
    version: GENERATION_VERSION,
    kind: 'generation',
    generationId,
    workflowId,
    tenant,
    snapshotAt: plan.snapshotAt,
    recipient,
    files,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: all.reduce((sum, object) => sum + object.bytes, 0),
    contentBytes: all.reduce((sum, object) => sum + object.contentBytes, 0),
    createdAt: instantFromDate(new Date(createdAt)),
  };
}
