import { WaybillError } from '../../contracts/failures.ts';
import { generationPrefix } from '../../contracts/keys.ts';
import { LOST_RUN } from '../../contracts/run.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';

const MESSAGE = LOST_RUN.periodic.aborted;

type SettleDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'logger'>;

/**
 * Sees to it that a run that was ended from outside, in the Temporal UI for example, is not under way for ever: records
 * that it failed, and removes what it left. Runs that are open are left alone, and so are all while Temporal does not
 * answer.
 *
 * @returns the run as it stands then
 */
export async function settleRun(deps: SettleDeps, run: Run): Promise<Run> {
  const { ledger, objects, logger } = deps;
  const { tenant, runId: generationId } = run;
  if (run.state !== 'running' || (await isOpen(deps, run))) return run;
  // A run records its end before it closes, so what is still running in the ledger now will stay so.
  await ledger.runs.end(generationId, { state: 'failed', failure: { code: 'internal', message: MESSAGE } });
  const now = (await ledger.runs.find(generationId)) ?? run;
  if (now.state !== 'failed' || now.failure?.message !== MESSAGE) return now;
  logger.warn({ generationId }, 'a periodic run that was ended from outside is recorded as failed');
  try {
    await removeBelow(objects, generationPrefix(tenant, generationId));
    await ledger.runs.recordRemoval(generationId, 'replaced');
  } catch (error) {
    logger.warn({ err: error, generationId }, 'the objects of a failed periodic run are left to the reconciler');
  }
  return now;
}

async function isOpen({ temporal }: SettleDeps, run: Run): Promise<boolean> {
  try {
    return (await temporal.status(run)) === 'open';
  } catch (error) {
    if (error instanceof WaybillError && error.code === 'temporal_unavailable') return true;
    throw error;
  }
}
