import type { Logger } from 'pino';
import { manifestKey, runPrefix } from '../../contracts/keys.ts';
import { isActive } from '../../contracts/progress.ts';
import { LOST_RUN } from '../../contracts/run.ts';
import type { Run, Runs } from '../ledger/ports.ts';
import type { Objects } from '../objects/objects.ts';
import type { Temporal } from './temporal.ts';

interface LostRunPorts {
  readonly ledger: { readonly runs: Pick<Runs, 'find' | 'end'> };
  readonly objects: Pick<Objects, 'head'>;
  readonly temporal: Pick<Temporal, 'status'>;
  readonly logger: Logger;
}

/**
 * Records that an active run has failed if its workflow is gone, for example because it was terminated in the Temporal UI. No
 * effect while the workflow is open. Its objects are the caller's to remove.
 *
 * @returns the run as it is afterwards, and whether it was lost
 * @throws WaybillError `temporal_unavailable`, `ledger_unavailable`, `objects_unavailable`
 */
export async function endIfLost(
  ports: LostRunPorts,
  listed: Run,
): Promise<{ readonly run: Run; readonly lost: boolean }> {
  const { ledger, objects, temporal, logger } = ports;
  const status = await temporal.status(listed);
  if (status === 'open') return { run: listed, lost: false };
  // A workflow records how its run ended before it closes, so a run that is still active now stays so.
  const run = (await ledger.runs.find(listed.runId)) ?? listed;
  if (!isActive(run.state)) return { run, lost: false };
  const { runId, kind, standingOrderId } = run;
  // The manifest of a run of a standing order does not say whether the run counts; only the ledger does.
  const mayBeComplete = status === 'closed' && standingOrderId === null;
  if (mayBeComplete && (await objects.head(manifestKey(runPrefix(run))))) {
    logger.error({ runId }, 'a finished export is active in the ledger; rebuild the ledger from the manifests');
    return { run, lost: false };
  }
  const message = LOST_RUN[standingOrderId === null ? 'own' : 'standing'][status];
  await ledger.runs.end(runId, { state: 'failed', failure: { code: 'internal', message } });
  const now = (await ledger.runs.find(runId)) ?? run;
  // The run may have recorded another end first, which is kept.
  if (now.state !== 'failed' || now.failure?.message !== message) return { run: now, lost: false };
  logger.warn({ runId, kind, status }, 'a run whose workflow is gone is recorded as failed');
  return { run: now, lost: true };
}
