import { ApplicationFailure } from '@temporalio/activity';
import { generationPrefix } from '../../contracts/keys.ts';
import type { RemoveGenerationInput } from '../../contracts/periodic-steps.ts';
import { removeBelow } from '../../stores/objects/remove-below.ts';
import type { Ports } from '../index.ts';
import { runStep } from '../step.ts';

/** Removes all that a generation left, and records it unless its run goes on. Never the current one, whoever asks. */
export function createRemoveGeneration({ objects, ledger, logger }: Pick<Ports, 'objects' | 'ledger' | 'logger'>) {
  return async function removeGenerationFiles(
    input: RemoveGenerationInput,
  ): Promise<{ readonly objects: number; readonly kept: boolean }> {
    const { tenant, generationId } = input;
    const removed = await runStep(logger, async () => {
      const settings = await ledger.findPeriodic(tenant);
      if (settings?.generationId === generationId) return { objects: 0, kept: true };
      const count = await removeBelow(objects, generationPrefix(tenant, generationId));
      await ledger.recordGenerationRemoval(generationId);
      return { objects: count, kept: false };
    });
    // Nobody may be told that the files are gone while they are not.
    if (!removed.ok) throw ApplicationFailure.nonRetryable(removed.failure.message, removed.failure.code);
    return removed.value;
  };
}
