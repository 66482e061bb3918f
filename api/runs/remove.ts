import { runPrefix } from '../../contracts/keys.ts';
import { isActive } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * `ending`: the run is still cleaning up. `cancelled`: it had been ended externally and has been recorded as cancelled. A
 * run: it had already ended by itself.
 */
export type CancelResult = 'ending' | 'cancelled' | Run;

type CancelDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal'>;

/**
 * Cancels an active run.
 *
 * @param options.waitMs how long to wait for the run to end, including clean-up, in milliseconds; 0: do not wait
 * @param options.message message of the failure, if it is recorded here
 * @throws WaybillError `temporal_unavailable`, `ledger_unavailable`, `objects_unavailable`
 */
export async function cancelRun(
  { ledger, objects, temporal }: CancelDeps,
  run: Run,
  { waitMs, message }: { readonly waitMs: number; readonly message: string },
): Promise<CancelResult> {
  const { runId } = run;
  if (!(await temporal.cancel(run, waitMs))) return 'ending';
  const current = await ledger.runs.find(runId);
  if (current && !isActive(current.state)) return current;
  // A workflow records its outcome before it closes. This one was ended externally and will not.
  await removeBelow(objects, runPrefix(run));
  await ledger.runs.end(runId, { state: 'cancelled', failure: { code: 'cancelled', message } });
  return 'cancelled';
}

/**
 * Removes all objects of an ended run and records the removal. Idempotent. What it does not come to do, the reconciler does.
 *
 * @param entry of the audit trail for a deletion that it does not have yet
 * @throws WaybillError `objects_unavailable`, `ledger_unavailable`
 */
export async function removeFiles(
  { ledger, objects }: Pick<ApiDeps, 'ledger' | 'objects'>,
  run: Run,
  removal: 'deleted' | 'replaced',
  entry?: Parameters<ApiDeps['ledger']['runs']['noteDeletion']>[1],
): Promise<void> {
  if (removal === 'deleted') await ledger.runs.noteDeletion(run.runId, entry);
  await removeBelow(objects, runPrefix(run));
  await ledger.runs.recordRemoval(run.runId, removal);
}
