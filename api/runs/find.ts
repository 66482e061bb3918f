import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { decodeJobId, isRunId } from '../../contracts/job-id.ts';
import { assertDataset } from '../../contracts/limits.ts';
import { isActive } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { endIfLost } from '../../stores/temporal/lost-runs.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { removeFiles } from './remove.ts';

/**
 * Finds one of the caller's exports by a job id in any encoding, or by its run id. An unknown id and an export of another
 * tenant cause the same error.
 *
 * @param id the path parameter by default
 * @throws WaybillError `not_found`, `outside_limits`
 */
export async function findRun(
  c: Context<ApiEnv>,
  { ledger }: Pick<ApiDeps, 'ledger'>,
  id = c.req.param('id') ?? '',
): Promise<Run> {
  const uuid = id.toLowerCase();
  const job = isRunId(uuid) ? { runId: uuid, workflowId: undefined } : decodeJobId(id);
  const run = job && (await ledger.runs.find(job.runId));
  const isTheirs =
    run?.kind === 'on-demand' &&
    run.tenant === c.get('caller').tenant.key &&
    (job?.workflowId === undefined || job.workflowId === run.workflowId);
  if (!run || !isTheirs) throw new WaybillError('not_found', 'There is no export with this id. Check the id.');
  assertDataset(c.get('caller').limits, run.subject);
  return run;
}

/** Minimum interval between Temporal lookups per run, in milliseconds. */
const LOOKUP_MS = 2000;
const REMEMBERED_MAX = 10_000;

/**
 * Closes an active run that was ended externally, for example in the Temporal UI: records the failure and removes the
 * run's objects. No effect while the run is open or Temporal does not answer.
 *
 * @returns the current run
 */
export type CloseLostRun = (run: Run) => Promise<Run>;

type CloseDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'clock' | 'logger'>;

export function createCloseLostRun(deps: CloseDeps): CloseLostRun {
  const { clock, logger } = deps;
  /** Time of the last lookup, in milliseconds since 1970, by run id; oldest first. */
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

  return async function closeLostRun(run) {
    if (!isActive(run.state) || !isDue(run.runId)) return run;
    const { run: current, lost } = await endIfLost(deps, run).catch((error: unknown) => {
      if (error instanceof WaybillError && error.code === 'temporal_unavailable') return { run, lost: false };
      throw error;
    });
    if (!lost) return current;
    try {
      await removeFiles(deps, current, 'deleted');
    } catch (error) {
      logger.warn({ err: error, runId: current.runId }, 'the objects of a failed run are left to the reconciler');
    }
    return current;
  };
}
