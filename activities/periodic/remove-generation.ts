import { attemptKeys } from '../../contracts/attempts.ts';
import { generationPrefix } from '../../contracts/keys.ts';
import type { RemoveGenerationInput } from '../../contracts/periodic-steps.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { Ports } from '../ports.ts';
import { runOrThrow } from '../step.ts';

/** Removes all that a generation left, and records it unless its run goes on. Never the current one, whoever asks. */
export function createRemoveGeneration({ objects, ledger, logger }: Pick<Ports, 'objects' | 'ledger' | 'logger'>) {
  return async function removeGenerationFiles(
    input: RemoveGenerationInput,
  ): Promise<{ readonly objects: number; readonly kept: boolean }> {
    const { tenant, generationId, attempted } = input;
    // Fails rather than report files as removed that still exist.
    return runOrThrow(logger, async () => {
      const run = await ledger.runs.find(generationId);
      if (run?.current) return { objects: 0, kept: true };
      const prefix = generationPrefix(tenant, generationId);
      if (attempted) await objects.abortUploadsOf(attemptKeys(prefix, attempted));
      const count = await removeBelow(objects, prefix);
      if (attempted) await ledger.runs.noteAttempted(generationId, attempted);
      await ledger.runs.recordRemoval(generationId, 'replaced');
      return { objects: count, kept: false };
    });
  };
}
