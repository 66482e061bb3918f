import { WaybillError } from '../../contracts/failures.ts';
import { periodicScheduleId } from '../../contracts/task-queues.ts';
import type { StandingOrder } from '../../stores/ledger/ports.ts';
import type { ScheduleInfo } from '../../stores/temporal/temporal.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import { type StoredRun, openManifest } from '../runs/content.ts';
import { progressMemory } from '../runs/progress.ts';
import { assertOwn, offeredFiles } from './query.ts';
import type { showPeriodic } from './routes.ts';
import { settleRun } from './settle-run.ts';
import { periodicView } from './view.ts';
import type { Context } from 'hono';

/** Runs that are looked through for the last one that ended. */
const RUNS_SEEN = 5;

export type StatusDeps = Pick<
  ApiDeps,
  'settings' | 'ledger' | 'objects' | 'catalog' | 'temporal' | 'syncSchedule' | 'clock' | 'logger'
>;

/** Answers `GET /dataexport`: how things stand. Mends on the way what a process that died has left half done. */
export function statusHandler(deps: StatusDeps): RouteAnswer<typeof showPeriodic> {
  const { ledger, settings, temporal } = deps;
  const memory = progressMemory(deps.clock);
  const files = offeredFiles(deps.catalog);
  const deployment = { at: settings.WAYBILL_PERIODIC_AT, timeZone: settings.WAYBILL_PERIODIC_TIME_ZONE };
  return async function showPeriodic(c) {
    c.header('Cache-Control', 'no-store');
    assertOwn(c, c.req.valid('query').organisation);
    const { key: tenant } = c.get('caller').tenant;
    const listed = await ledger.runs.list(tenant, { kind: 'periodic' }, { cursor: null, limit: RUNS_SEEN });
    const runs = await Promise.all(listed.rows.map((run) => settleRun(deps, run)));
    // After the runs: settling one may begin a series of failures.
    const found = await ledger.standingOrders.find(tenant, 'periodic');
    const schedule = found && (await findSchedule(c, deps, found));
    const running = runs.find(({ state }) => state === 'running');
    const progress = running && (await memory.read(running.runId, () => temporal.progress(running)));
    const view = periodicView({
      settings: found,
      deployment,
      nextRunAt: schedule?.nextRunAt ?? null,
      lastRun: runs.find(({ state }) => state !== 'running'),
      running: running && progress && { run: running, progress },
      current: found && (await findCurrent(deps, found)),
      files,
    });
    return c.json(view);
  };
}

/** @returns `undefined` also while Temporal does not answer: the rest can be told all the same */
async function findSchedule(
  c: Context<ApiEnv>,
  { temporal, syncSchedule }: StatusDeps,
  { tenant, enabled }: StandingOrder,
): Promise<ScheduleInfo | undefined> {
  try {
    const id = periodicScheduleId(tenant);
    const schedule = await temporal.nextRun(id);
    if ((schedule !== undefined) === enabled) return schedule;
    await syncSchedule(tenant);
    return await temporal.nextRun(id);
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    c.get('logger').warn({ err: error, tenant }, 'a schedule could not be looked at');
    return undefined;
  }
}

/** @returns the generation that downloads are of, or `undefined` when there is none, also while its files are removed */
async function findCurrent(
  { ledger, objects }: StatusDeps,
  { tenant, currentRunId }: StandingOrder,
): Promise<(StoredRun & { readonly publishedAt: Date | null }) | undefined> {
  const record = currentRunId === null ? undefined : await ledger.runs.find(currentRunId);
  if (record?.tenant !== tenant) return undefined;
  try {
    return { ...(await openManifest(objects, record)), publishedAt: record.endedAt };
  } catch (error) {
    if (error instanceof WaybillError && error.code === 'gone') return undefined;
    throw error;
  }
}
