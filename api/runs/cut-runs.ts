import { WaybillError } from '../../contracts/failures.ts';
import { exportPrefix, manifestKey } from '../../contracts/keys.ts';
import { isActive } from '../../contracts/progress.ts';
import { LOST_RUN } from '../../contracts/run.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { RunStatus } from '../../stores/temporal/temporal.ts';
import type { ApiDeps } from '../deps.ts';

/** Minimum interval between Temporal lookups per run, in milliseconds. */
const LOOKUP_MS = 2000;

const REMEMBERED_MAX = 10_000;

/**
 * Closes an active export whose run was ended from outside, for example in the Temporal UI: records that it failed and
 * removes its objects. No effect while the run is open, or while Temporal does not answer.
 *
 * @returns the export as it is afterwards
 */
export type SettleCutRun = (record: Run) => Promise<Run>;

type SettleDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'clock' | 'logger'>;

export function createSettleCutRun({ ledger, objects, temporal, clock, logger }: SettleDeps): SettleCutRun {
  /** Time of the last lookup in milliseconds since 1970, by export id; oldest first. */
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

  /** @returns whether the export of a closed run has a manifest: it is complete, and the ledger is behind. */
  async function isComplete({ tenant, runId }: Run): Promise<boolean> {
    if (!(await objects.head(manifestKey(exportPrefix(tenant, runId))))) return false;
    logger.error({ runId }, 'a finished export is active in the ledger; rebuild the ledger from the manifests');
    return true;
  }

  async function fail(record: Run, message: string): Promise<Run> {
    const { runId } = record;
    await ledger.runs.end(runId, { state: 'failed', failure: { code: 'internal', message } });
    const now = (await ledger.runs.find(runId)) ?? record;
    // An outcome that the run itself recorded first is kept, and so are its files.
    if (now.state !== 'failed' || now.failure?.message !== message) return now;
    logger.warn({ runId }, 'an export whose run was ended from outside is recorded as failed');
    try {
      await removeBelow(objects, exportPrefix(now.tenant, runId));
    } catch (error) {
      logger.warn({ err: error, runId }, 'the objects of a failed export are left to the reconciler');
    }
    return now;
  }

  return async function settleCutRun(record) {
    if (!isActive(record.state) || !isDue(record.runId)) return record;
    const status = await statusOf(record);
    if (status === 'open') return record;
    // A run records its outcome before it closes, so an export that is still active now stays so.
    const now = (await ledger.runs.find(record.runId)) ?? record;
    if (!isActive(now.state)) return now;
    if (status === 'closed' && (await isComplete(now))) return now;
    return fail(now, LOST_RUN['on-demand'][status]);
  };
}
