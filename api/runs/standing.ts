import type { Logger } from 'pino';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import { kindPrefix, runPrefix } from '../../contracts/keys.ts';
import type { StandingKind } from '../../contracts/standing.ts';
import type { PutResult, Run, StandingOrders } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../http/problems.ts';
import { cancelRun, removeFiles } from './remove.ts';

/** How long runs have to end, clean-up included, before their files are deleted. Milliseconds. */
const DELETE_WAIT_MS = 20_000;
/** How long a plain disable waits for a cancelled run, which cannot commit any more. Milliseconds. */
const DISABLE_WAIT_MS = 2000;
/** Seconds after which a deletion may be repeated while a run is still ending. */
const BUSY_SECONDS = 5;
/** How many of the newest runs are searched for running ones; there is at most one. */
const RUNS_SEEN = 20;

/** A change of the recipient or the schedule of a tenant's standing order. */
type Change<Name extends 'put' | 'rotate'> = Omit<Parameters<StandingOrders[Name]>[0], 'kind'>;

/**
 * Changes of standing orders. Each one changes the ledger first, from where on no run of before commits; then the
 * schedule, the runs and the files follow.
 *
 * Errors: WaybillError `ledger_unavailable`, `temporal_unavailable`, `objects_unavailable`.
 */
export interface StandingChanges {
  /**
   * Enables a standing order and starts its first run.
   * @returns what changed, and whether the run was started
   * @throws WaybillError `already_enabled`, `recipient_kept`; nothing has changed if it fails
   */
  enable(change: Change<'put'>, logger: Logger): Promise<PutResult & { readonly started: boolean }>;
  /**
   * Replaces the recipient, removes the files of the one before and starts a run. Succeeds once the ledger has the new
   * recipient, because its key may exist nowhere but in the answer.
   *
   * @returns whether the run was started, and whether the files were removed. @throws WaybillError `not_enabled`
   */
  rotate(change: Change<'rotate'>, logger: Logger): Promise<{ readonly started: boolean; readonly removed: boolean }>;
  /** Ends the active run. Recipient and files stay. */
  disable(tenant: string, actor: string): Promise<void>;
  /**
   * Forgets the recipient, ends the active run and removes every file. Returns only when all of it is done; repeating it
   * continues where it stopped.
   *
   * @throws TryLater `settings_busy` when a run does not end in time
   */
  forget(tenant: string, actor: string): Promise<void>;
}

type StandingDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'syncSchedule'>;

export function createStandingChanges(deps: StandingDeps, standing: StandingKind): StandingChanges {
  const { kind, scheduleId } = standing;
  const { ledger, objects, temporal, syncSchedule } = deps;

  const startRun = (tenant: string) => temporal.trigger(scheduleId(tenant), 'replace');

  async function undo({ outcome, standingOrder: made }: PutResult, actor: string, logger: Logger): Promise<void> {
    try {
      if (outcome === 'enabled') await ledger.standingOrders.forget(made, actor, made.epoch);
      else await ledger.standingOrders.disable(made, actor, made.epoch);
    } catch (error) {
      logger.error(
        { err: error, tenant: made.tenant, kind },
        'a standing order stays enabled without a schedule; rotate',
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
   * Removes objects below the tenant's prefix that belong to no run in the ledger, as after a ledger was lost. The tenant
   * may have enabled again meanwhile: a run is in the ledger before its objects are in the store.
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
      // Before anything changes: without Temporal there would be neither schedule nor run.
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
        succeeds(remove(), logger, about, 'files of before a rotation could not be removed'),
      ]);
      return { started, removed };
    },

    async disable(tenant, actor) {
      const disabled = await ledger.standingOrders.disable({ tenant, kind }, actor);
      if (!disabled) return;
      await syncSchedule(standing, tenant);
      const { rows } = await ledger.runs.list(tenant, { kind }, { cursor: null, limit: RUNS_SEEN });
      // In this order: a run that begins after the tenant has enabled again must not be cancelled.
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
