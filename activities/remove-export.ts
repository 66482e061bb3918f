import { ApplicationFailure } from '@temporalio/activity';
import { attemptKeys } from '../contracts/attempts.ts';
import { exportPrefix } from '../contracts/keys.ts';
import type { RemoveInput } from '../contracts/steps.ts';
import { removeBelow } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';

/** Removes all that an export left: the manifest first, so that no reader sees half of it, then objects and uploads. */
export function createRemoveExport({ objects, strays, logger }: Pick<Ports, 'objects' | 'strays' | 'logger'>) {
  return async function removeExport({
    exportId,
    tenant,
    attempted,
  }: RemoveInput): Promise<{ readonly objects: number }> {
    const removed = await runStep(logger, async () => {
      const prefix = exportPrefix(tenant, exportId);
      if (attempted) await objects.abortUploadsOf(attemptKeys(prefix, attempted));
      const count = await removeBelow(objects, prefix);
      if (attempted) await strays.schedule({ kind: 'export', tenant, id: exportId, attempted });
      return { objects: count };
    });
    // Nobody may be told that the files are gone while they are not.
    if (!removed.ok) throw ApplicationFailure.nonRetryable(removed.failure.message, removed.failure.code);
    return removed.value;
  };
}
