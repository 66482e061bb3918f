import { FAILURES } from '../../contracts/failures.ts';
import { generationPrefix, periodicPrefix } from '../../contracts/keys.ts';
import type { Generation } from '../../stores/ledger/periodic.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../http/problems.ts';
import { SWEEP_MS } from './sweep.ts';

export type DeleteDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'syncSchedule' | 'removals'>;

/** Milliseconds that runs have to end, clean-up included. */
const END_MS = 20_000;
/** Seconds after which the request may be repeated while a run is still being ended. */
const BUSY_SECONDS = 5;

/**
 * Forgets a tenant's recipient, ends what runs and removes every file. Only when all of it is done does it return;
 * repeating it goes on where it stopped.
 *
 * @throws TryLater `settings_busy` when a run does not end in time; WaybillError `ledger_unavailable`,
 *   `temporal_unavailable`, `objects_unavailable`
 */
export async function deleteSettings(deps: DeleteDeps, tenant: string, actor: string): Promise<void> {
  const { ledger, objects, syncSchedule, removals } = deps;
  // First the ledger: from here on no run publishes and no key opens anything.
  const outdated = await ledger.deletePeriodic(tenant, null, actor);
  await syncSchedule(tenant);
  const [ended] = await Promise.all([
    endRuns(deps, outdated),
    ...outdated.map(({ generationId }) => removals.scheduleRemoval({ tenant, generationId }, SWEEP_MS)),
  ]);
  if (!ended) throw new TryLater('settings_busy', BUSY_SECONDS);

  for (const { generationId } of outdated) await removeBelow(objects, generationPrefix(tenant, generationId));
  await removeStrays(deps, tenant);
  for (const { generationId } of outdated) await ledger.recordGenerationRemoval(generationId);
}

/** @returns whether all have ended, and are so in the ledger */
async function endRuns(
  { ledger, temporal }: Pick<DeleteDeps, 'ledger' | 'temporal'>,
  generations: readonly Generation[],
): Promise<boolean> {
  const endings = generations
    .filter(({ state }) => state === 'running')
    .map(async (run) => {
      const { workflowId, generationId: runId } = run;
      if (!(await temporal.cancel({ workflowId, runId }, END_MS))) return false;
      // A run records its end before it closes; one that was ended from outside never did.
      const message = `${FAILURES.cancelled.title}.`;
      await ledger.endGeneration(run.generationId, { state: 'cancelled', failure: { code: 'cancelled', message } });
      return true;
    });
  return (await Promise.all(endings)).every(Boolean);
}

/**
 * Removes what lies below the tenant's prefix and belongs to no generation that the ledger knows, as after a ledger was
 * lost. Somebody may have enabled again meanwhile: whatever that run writes is in the ledger before it is in the store.
 */
async function removeStrays(
  { ledger, objects }: Pick<DeleteDeps, 'ledger' | 'objects'>,
  tenant: string,
): Promise<void> {
  const prefix = periodicPrefix(tenant);
  const folders = new Set<string>();
  for await (const { key } of objects.list(prefix)) folders.add(key.slice(prefix.length).split('/', 1)[0] ?? '');
  for (const folder of folders) {
    const known = await ledger.findGeneration(folder);
    if (known?.state === 'running' || known?.state === 'published') continue;
    await removeBelow(objects, generationPrefix(tenant, folder));
  }
}
