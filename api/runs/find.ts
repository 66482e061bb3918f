import { WaybillError } from '../../contracts/failures.ts';
import { decodeJobId, isRunId } from '../../contracts/job-id.ts';
import { manifestKey, runPrefix } from '../../contracts/keys.ts';
import { isActive } from '../../contracts/progress.ts';
import { LOST_RUN } from '../../contracts/run.ts';
import type { Ledger, Run } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { RunStatus } from '../../stores/temporal/temporal.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * Finds the export that an id names: a job id in any of its spellings, or the bare run id. A missing export, another
 * tenant's and an invented id all get the same answer.
 *
 * @throws WaybillError `not_found`
 */
export async function findRun(ledger: Ledger, tenant: string, id: string): Promise<Run> {
  const uuid = id.toLowerCase();
  const job = isRunId(uuid) ? { runId: uuid, workflowId: undefined } : decodeJobId(id);
  const run = job && (await ledger.runs.find(job.runId));
  const theirs =
    run?.kind === 'on-demand' &&
    run.tenant === tenant &&
    (job?.workflowId === undefined || job.workflowId === run.workflowId);
  if (!run || !theirs) throw new WaybillError('not_found', 'There is no export with this id. Check the id.');
  return run;
}

/** Minimum interval between Temporal lookups per run, in milliseconds. */
const LOOKUP_MS = 2000;
const REMEMBERED_MAX = 10_000;

/**
 * Closes an active run that was ended from outside, for example in the Temporal UI: records that it failed and removes
 * its objects. No effect while the run is open, or while Temporal does not answer.
 *
 * @returns the run as it is afterwards
 */
export type CloseLostRun = (run: Run) => Promise<Run>;

type CloseDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'clock' | 'logger'>;

export function createCloseLostRun({ ledger, objects, temporal, clock, logger }: CloseDeps): CloseLostRun {
  /** Time of the last lookup in milliseconds since 1970, by run id; oldest first. */
  const lookups = new Map<string, number>();

  function isDue(runId: string): boolean {
    const now = clock.now().getTime();
    if (now - (lookups.get(runId) ?? 0) < LOOKUP_MS) return false;
    lookups.delete(runId);
    lookups.set(runId, now);
    const oldest = lookups.keys().next().value;
    if (lookups.size > REMEMBERED_MAX && oldest !== undefined) lookups.delete(oldest);
    return true;
  }

  async function statusOf(run: Run): Promise<RunStatus> {
    try {
      return await temporal.status(run);
    } catch (error) {
      if (error instanceof WaybillError && error.code === 'temporal_unavailable') return 'open';
      throw error;
    }
  }

  /**
   * @returns whether a closed run has a manifest: it is complete, and the ledger is behind. Of a standing order, only the
   *   ledger can say which run counts.
   */
  async function isComplete(run: Run): Promise<boolean> {
    const { runId, standingOrderId } = run;
    if (standingOrderId !== null || !(await objects.head(manifestKey(runPrefix(run))))) return false;
    logger.error({ runId }, 'a finished export is active in the ledger; rebuild the ledger from the manifests');
    return true;
  }

  async function fail(run: Run, message: string): Promise<Run> {
    const { runId, kind } = run;
    await ledger.runs.end(runId, { state: 'failed', failure: { code: 'internal', message } });
    const now = (await ledger.runs.find(runId)) ?? run;
    // An outcome that the run itself recorded first is kept, and so are its files.
    if (now.state !== 'failed' || now.failure?.message !== message) return now;
    logger.warn({ runId, kind }, 'a run that was ended from outside is recorded as failed');
    try {
      await removeBelow(objects, runPrefix(run));
      await ledger.runs.recordRemoval(runId, 'deleted');
    } catch (error) {
      logger.warn({ err: error, runId, kind }, 'the objects of a failed run are left to the reconciler');
    }
    return now;
  }

  return async function closeLostRun(run) {
    if (!isActive(run.state) || !isDue(run.runId)) return run;
    const status = await statusOf(run);
    if (status === 'open') return run;
    // A run records its outcome before it closes, so one that is still active now stays so.
    const now = (await ledger.runs.find(run.runId)) ?? run;
    if (!isActive(now.state)) return now;
    if (status === 'closed' && (await isComplete(now))) return now;
    return fail(now, LOST_RUN[now.kind][status]);
  };
}
