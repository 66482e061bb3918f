import type { Logger } from 'pino';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import { kindPrefix, runPrefix } from '../../contracts/keys.ts';
import type { StandingKind } from '../../contracts/standing.ts';
import type { PutResult, Run, StandingOrders } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../http/problems.ts';
import { cancelRun, removeFiles } from './remove.ts';

/** How long to wait for runs to end, including clean-up, before their files are deleted. Milliseconds. */
const DELETE_WAIT_MS = 20_000;
/** How long a plain disable waits for a cancelled run, which can no longer commit. Milliseconds. */
const DISABLE_WAIT_MS = 2000;
/** Seconds to wait before repeating a deletion while a run is still ending. */
const BUSY_SECONDS = 5;
/** Number of newest runs that are searched for the running one. */
const RUNS_SEEN = 20;

/** A change of the recipient or the schedule of a tenant's standing order. */
type Change<Name extends 'put' | 'rotate'> = Omit<Parameters<StandingOrders[Name]>[0], 'kind'>;

/**
 * Changes to standing orders. Each one changes the ledger first, so that no earlier run can commit; then it updates the
 * schedule, the runs and the files.
 *
 * Errors: WaybillError `ledger_unavailable`, `temporal_unavailable`, `objects_unavailable`.
 */
export interface StandingChanges {
  /**
   * Enables a standing order and starts its first run.
   * @returns what changed, and whether the run has been started
   * @throws WaybillError `already_enabled`, `recipient_kept`; a failure changes nothing
   */
  enable(change: Change<'put'>, logger: Logger): Promise<PutResult & { readonly started: boolean }>;
  /**
   * Replaces the recipient, removes the files of the previous one and starts a run. Succeeds once the new recipient is in
   * the ledger, because its private key may exist only in the response.
   *
   * @returns whether the run has been started, and whether the files have been removed
   * @throws WaybillError `not_enabled`
   */
  rotate(change: Change<'rotate'>, logger: Logger): Promise<{ readonly started: boolean; readonly removed: boolean }>;
  /**
   * Starts a run now, or after the active one.
   * @throws WaybillError `not_enabled`
   */
  start(tenant: string, actor: string): Promise<void>;
  /** Ends the active run. Recipient and files stay. */
  disable(tenant: string, actor: string): Promise<void>;
  /**
   * Deletes the recipient, ends the active run and removes all files. Returns once everything is done; repeating it
   * continues where it failed.
   *
   * @throws TryLater `settings_busy` if a run does not end in time
   */
  forget(tenant: string, actor: string): Promise<void>;
}

type StandingDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'syncSchedule'>;

export function createStandingChanges(deps: StandingDeps, standing: StandingKind): StandingChanges {
  const { kind, scheduleId } = standing;
  const { ledger, objects, temporal, syncSchedule } = deps;

  const startRun = (tenant: string) => temporal.trigger(scheduleId(tenant), 'replace');

  async function undo({ outcome, standingOrder }: PutResult, actor: string, logger: Logger): Promise<void> {
    try {
      if (outcome === 'enabled') await ledger.standingOrders.forget(standingOrder, actor, standingOrder.epoch);
      else await ledger.standingOrders.disable(standingOrder, actor, standingOrder.epoch);
    } catch (error) {
      logger.error(
        { err: error, tenant: standingOrder.tenant, kind },
        'a standing order stays enabled without a schedule; rotate its key to repair it',
      );
    }
  }

  /** @returns whether all have ended */
  async function endRuns(runs: readonly Run[]): Promise<boolean> {
    const cancel = { waitMs: DELETE_WAIT_MS, message: `${FAILURES.cancelled.title}.` };
    const running = runs.filter(({ state }) => state === 'running');
    const results = await Promise.all(running.map((run) => cancelRun(deps, run, cancel)));
    return !results.includes('ending');
  }

  /**
   * Removes objects below the tenant's prefix that do not belong to a run in the ledger, for example after a loss of the
   * ledger. Keeps new runs if the tenant has enabled again meanwhile: a run is in the ledger before it writes objects.
   */
  async function removeUnknown(tenant: string): Promise<void> {
    const all = kindPrefix(kind, tenant);
    const folders = new Set<string>();
    for await (const { key } of objects.list(all)) folders.add(key.slice(all.length).split('/', 1)[0] ?? '');
    for (const runId of folders) {
      const known = await ledger.runs.find(runId);
      if (known?.state === 'running' || known?.current) continue;
      await removeBelow(objects, runPrefix({ kind, tenant, runId }));
    }
  }

  return {
    async enable(change, logger) {
      const { tenant, actor } = change;
      // Fails before any change if Temporal is unavailable.
      await temporal.nextRun(scheduleId(tenant));
      const result = await ledger.standingOrders.put({ ...change, kind });
      if (result.outcome === 'already') throw new WaybillError('already_enabled');
      if (result.outcome === 'kept') throw new WaybillError('recipient_kept');
      try {
        await syncSchedule(standing, tenant);
      } catch (error) {
        await undo(result, actor, logger);
        throw error;
      }
      const started = await succeeds(startRun(tenant), logger, { tenant, kind }, 'the first run could not be started');
      return { ...result, started };
    },

    async rotate(change, logger) {
      const { tenant } = change;
      const outdated = await ledger.standingOrders.rotate({ ...change, kind });
      const startAnew = async () => {
        await syncSchedule(standing, tenant);
        await startRun(tenant);
      };
      const remove = async () => {
        for (const run of outdated) await removeFiles(deps, run, 'replaced');
      };
      const about = { tenant, kind };
      const [started, removed] = await Promise.all([
        succeeds(startAnew(), logger, about, 'the run after a rotation could not be started'),
        succeeds(remove(), logger, about, 'files from before a rotation could not be removed'),
      ]);
      return { started, removed };
    },

    async start(tenant, actor) {
      if (!(await ledger.standingOrders.find(tenant, kind))?.enabled) throw new WaybillError('not_enabled');
      await temporal.trigger(scheduleId(tenant), 'after');
      await ledger.audit.append({ tenant, actor, action: `${kind}.run_requested`, runId: null, detail: {} });
    },

    async disable(tenant, actor) {
      const disabled = await ledger.standingOrders.disable({ tenant, kind }, actor);
      if (!disabled) return;
      await syncSchedule(standing, tenant);
      const { rows } = await ledger.runs.list(tenant, { kind }, { cursor: null, limit: RUNS_SEEN });
      // Checked after listing the runs: a run must not be cancelled if the tenant has enabled again meanwhile.
      if ((await ledger.standingOrders.find(tenant, kind))?.version !== disabled.version) return;
      const running = rows.filter(({ state }) => state === 'running');
      await Promise.all(running.map((run) => temporal.cancel(run, DISABLE_WAIT_MS)));
    },

    async forget(tenant, actor) {
      const outdated = await ledger.standingOrders.forget({ tenant, kind }, actor);
      await syncSchedule(standing, tenant);
      if (!(await endRuns(outdated))) throw new TryLater('settings_busy', BUSY_SECONDS);
      for (const run of outdated) await removeBelow(objects, runPrefix(run));
      await removeUnknown(tenant);
      for (const { runId } of outdated) await ledger.runs.recordRemoval(runId, 'deleted');
    },
  };
}

/** @returns whether the work succeeded; a failure is logged */
async function succeeds(work: Promise<void>, logger: Logger, about: object, failed: string): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    logger.error({ err: error, ...about }, failed);
    return false;
  }
}
