import { FAILURES } from '../../contracts/failures.ts';
import { generationPrefix, periodicPrefix } from '../../contracts/keys.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../http/problems.ts';

export type DeleteDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'syncSchedule'>;

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
  const { ledger, objects, syncSchedule } = deps;
  // First the ledger: from here on no run publishes and no key opens anything.
  const outdated = await ledger.standingOrders.forget({ tenant, kind: 'periodic' }, actor);
  await syncSchedule(tenant);
  if (!(await endRuns(deps, outdated))) throw new TryLater('settings_busy', BUSY_SECONDS);

  for (const { runId } of outdated) await removeBelow(objects, generationPrefix(tenant, runId));
  await removeStrays(deps, tenant);
  for (const { runId } of outdated) await ledger.runs.recordRemoval(runId, 'deleted');
}

/** @returns whether all have ended, and are so in the ledger */
async function endRuns(
  { ledger, temporal }: Pick<DeleteDeps, 'ledger' | 'temporal'>,
  generations: readonly Run[],
): Promise<boolean> {
  const endings = generations
    .filter(({ state }) => state === 'running')
    .map(async (run) => {
      if (!(await temporal.cancel(run, END_MS))) return false;
      // A run records its end before it closes; one that was ended from outside never did.
      const message = `${FAILURES.cancelled.title}.`;
      await ledger.runs.end(run.runId, { state: 'cancelled', failure: { code: 'cancelled', message } });
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
    const known = await ledger.runs.find(folder);
    if (known?.state === 'running' || known?.current) continue;
    await removeBelow(objects, generationPrefix(tenant, folder));
  }
}
