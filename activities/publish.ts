import { createHash } from 'node:crypto';
import { attemptKeys, earlierAttempts } from '../contracts/attempts.ts';
import { WaybillError } from '../contracts/failures.ts';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { runPrefix } from '../contracts/keys.ts';
import { describeManifest, type FileContents, type Manifest } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { Published, PublishInput, StepResult } from '../contracts/steps.ts';
import type { Runs } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { storeManifest } from '../stores/objects/signatures.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';
import { checkStored, removeUnlisted } from './stored.ts';

/**
 * Checks that the parts are stored with their sizes, then writes and signs the manifest; a retry writes the same bytes. Objects of
 * lost attempts are removed afterwards; the reconciler removes those that appear later.
 */
export function createPublish({
  objects,
  ledger,
  signer,
  logger,
}: Pick<Ports, 'signer' | 'logger'> & {
  readonly ledger: { readonly runs: Pick<Runs, 'noteAttempted'> };
  readonly objects: Pick<Objects, 'list' | 'put' | 'abortUploadsOf' | 'remove'>;
}) {
  return async function publish(input: PublishInput): Promise<StepResult<Published>> {
    const { tenant, order } = input;
    return runStep(logger, { tenant, dataset: order.subject }, async () => {
      const manifest = manifestOf(input);
      const prefix = runPrefix(input);
      const parts = input.written.map(({ part }) => part);
      const unlisted = await checkStored(objects, prefix, parts);
      const attempted = parts.flatMap(({ name }) => earlierAttempts(name) ?? []);
      if (attempted.length + unlisted.length > 0) {
        await objects.abortUploadsOf(attemptKeys(prefix, attempted));
        await ledger.runs.noteAttempted(input.runId, attempted);
      }
      const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, 'utf8');
      await storeManifest(objects, prefix, body, signer?.sign(body));
      await removeUnlisted(objects, unlisted, logger);
      const { rows, bytes, contentBytes } = manifest;
      return { rows, bytes, contentBytes, manifestSha256: createHash('sha256').update(body).digest('hex') };
    });
  };
}

/** @throws WaybillError `object_damaged` if a part was not written */
function manifestOf({ order, plan, written, createdAt, expiresAt, ...run }: PublishInput): Manifest {
  const { recipients } = order;
  const files = order.files.flatMap(({ name, formats, ...content }, place): readonly FileContents[] => {
    const { dataset, window, parameters, csv, compression } = content;
    const planned = plan.files[place];
    if (!planned) throw new WaybillError('object_damaged');
    return formats.map((format) => {
      const parts = written
        .filter((candidate) => candidate.name === name && candidate.format === format)
        .sort((one, other) => one.index - other.index)
        .map(({ part }) => part);
      if (parts.length !== planned.parts.length) throw new WaybillError('object_damaged');
      const file = `${name}.${fileExtension({ format, compression, recipients })}`;
      return {
        ...{ name, file, dataset, window, parameters, format, csv: format === 'csv' ? csv : null, compression },
        ...{ columns: planned.columns, parts },
      };
    });
  });
  const { kind, runId, workflowId, tenant } = run;
  return describeManifest(
    {
      ...{ kind, runId, workflowId, tenant, snapshotAt: plan.snapshotAt, recipients },
      ...{ createdAt: toInstant(createdAt), expiresAt: expiresAt === null ? null : toInstant(expiresAt) },
    },
    files,
  );
}

function toInstant(iso: string): Instant {
  return instantFromDate(new Date(iso));
}
