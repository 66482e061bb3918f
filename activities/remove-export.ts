import { ApplicationFailure } from '@temporalio/activity';
import { exportPrefix } from '../contracts/keys.ts';
import type { RemoveInput } from '../contracts/steps.ts';
import { removeBelow } from '../stores/objects/remove-below.ts';
import type { Ports } from './index.ts';
import { runStep } from './step.ts';

/** Removes all that an export left: the manifest first, so that no reader sees half of it, then objects and uploads. */
export function createRemoveExport({ objects, logger }: Pick<Ports, 'objects' | 'logger'>) {
  return async function removeExport({ exportId, tenant }: RemoveInput): Promise<{ readonly objects: number }> {
    const removed = await runStep(logger, async () => ({
      objects: await removeBelow(objects, exportPrefix(tenant, exportId)),
    }));
    // Nobody may be told that the files are gone while they are not.
    if (!removed.ok) throw ApplicationFailure.nonRetryable(removed.failure.message, removed.failure.code);
    return removed.value;
  };
}
