import { attemptKeys } from '../contracts/attempts.ts';
import { exportPrefix } from '../contracts/keys.ts';
import type { RemoveInput } from '../contracts/steps.ts';
import { removeBelow } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { runOrThrow } from './step.ts';

/** Removes all that an export left: the manifest first, so that no reader sees half of it, then objects and uploads. */
export function createRemoveExport({ objects, ledger, logger }: Pick<Ports, 'objects' | 'ledger' | 'logger'>) {
  return async function removeExport({
    exportId,
    tenant,
    attempted,
  }: RemoveInput): Promise<{ readonly objects: number }> {
    // Fails rather than report files as removed that still exist.
    return runOrThrow(logger, async () => {
      const prefix = exportPrefix(tenant, exportId);
      if (attempted) await objects.abortUploadsOf(attemptKeys(prefix, attempted));
      const count = await removeBelow(objects, prefix);
      if (attempted) await ledger.runs.noteAttempted(exportId, attempted);
      return { objects: count };
    });
  };
}
