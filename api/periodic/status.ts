import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { PERIODIC, type PeriodicFormat } from '../../contracts/periodic.ts';
import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { Run, StandingOrder } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import type { ScheduleInfo } from '../../stores/temporal/temporal.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import { createCloseLostRun } from '../runs/find.ts';
import { progressReader } from '../runs/progress.ts';
import { assertOwn, offeredFiles } from './input.ts';
import type { showPeriodic } from './routes.ts';

/** Number of newest runs that are searched for the running one and the last ended one. */
const RUNS_SEEN = 5;

export type StatusDeps = Pick<
  ApiDeps,
  'settings' | 'ledger' | 'objects' | 'catalog' | 'temporal' | 'syncSchedule' | 'clock' | 'logger'
>;

interface CurrentRun extends StoredRun {
  readonly publishedAt: Date | null;
}

/** Answers `GET /dataexport`. Also repairs the schedule and closes lost runs. */
export function statusHandler(deps: StatusDeps): RouteAnswer<typeof showPeriodic> {
  const { ledger, settings } = deps;
  const progress = progressReader(deps.temporal, deps.clock);
  const closeLostRun = createCloseLostRun(deps);
  return async function showPeriodic(c) {
    c.header('Cache-Control', 'no-store');
    assertOwn(c, c.req.valid('query').organisation);
    const { limits } = c.get('caller');
    const { key: tenant } = c.get('caller').tenant;
    const files = offeredFiles(deps.catalog, limits);
    const listed = await ledger.runs.list(tenant, { kind: 'periodic' }, { cursor: null, limit: RUNS_SEEN });
    const runs = await Promise.all(listed.rows.map(closeLostRun));
    // Read after the runs, because closing a lost run may set `failingSince`.
    const standingOrder = await ledger.standingOrders.find(tenant, 'periodic');
    const schedule = standingOrder && (await findSchedule(c, deps, standingOrder));
    const ended = runs.find(({ state }) => state !== 'running');
    const running = runs.find(({ state }) => state === 'running');
    const runningView = running && { ...startOf(running), progress: await progress.read(running) };
    const current = standingOrder && (await findCurrent(deps, standingOrder));
    const { at, timeZone } = standingOrder?.recurrence ?? {};
    return c.json({
      enabled: standingOrder?.enabled ?? false,
      recipient: standingOrder?.recipient ?? null,
      ownRecipient: standingOrder?.ownRecipient ?? false,
      schedule: {
        at: at ?? settings.WAYBILL_PERIODIC_AT,
        timeZone: timeZone ?? settings.WAYBILL_PERIODIC_TIME_ZONE,
      },
      nextRunAt: schedule?.nextRunAt?.toISOString() ?? null,
      lastRun: ended ? endedView(ended) : null,
      running: runningView ?? null,
      failingSince: standingOrder?.failingSince?.toISOString() ?? null,
      generation: current ? generationView(current, limits.datasets === null ? null : files) : null,
      files: [...files],
    } satisfies PeriodicView);
  };
}

/** @returns `undefined` also if Temporal does not answer, because the other fields do not depend on it */
async function findSchedule(
  c: Context<ApiEnv>,
  { temporal, syncSchedule }: StatusDeps,
  { tenant, enabled }: StandingOrder,
): Promise<ScheduleInfo | undefined> {
  try {
    const id = PERIODIC.scheduleId(tenant);
    const schedule = await temporal.nextRun(id);
    if ((schedule !== undefined) === enabled) return schedule;
    await syncSchedule(PERIODIC, tenant);
    return await temporal.nextRun(id);
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    c.get('logger').warn({ err: error, tenant }, 'a schedule could not be read');
    return undefined;
  }
}

/** @returns the generation that downloads are served from; `undefined` also while its files are being removed */
async function findCurrent(
  { ledger, objects }: StatusDeps,
  { tenant, currentRunId }: StandingOrder,
): Promise<CurrentRun | undefined> {
  const run = currentRunId === null ? undefined : await ledger.runs.find(currentRunId);
  if (run?.tenant !== tenant) return undefined;
  try {
    return { ...(await openManifest(objects, run)), publishedAt: run.endedAt };
  } catch (error) {
    if (error instanceof WaybillError && error.code === 'gone') return undefined;
    throw error;
  }
}

function startOf({ runId, startedAt, requestedAt }: Run) {
  return { generationId: runId, startedAt: (startedAt ?? requestedAt).toISOString() };
}

function endedView(run: Run): NonNullable<PeriodicView['lastRun']> {
  const { failure, state, endedAt } = run;
  const { generationId, startedAt } = startOf(run);
  return {
    generationId,
    state: failure === null ? 'published' : state === 'cancelled' ? 'cancelled' : 'failed',
    startedAt,
    endedAt: endedAt?.toISOString() ?? null,
    failure,
  };
}

/** @param seen names of the files that the caller may see; `null`: all */
function generationView(
  { manifest, publishedAt }: CurrentRun,
  seen: readonly string[] | null,
): NonNullable<PeriodicView['generation']> {
  const sizesOf = (name: string, format: PeriodicFormat) => {
    const file = manifest.files.find((candidate) => candidate.name === name && candidate.format === format);
    return { bytes: file?.bytes ?? 0, contentBytes: file?.contentBytes ?? 0 };
  };
  return {
    generationId: manifest.runId,
    snapshotAt: manifest.snapshotAt,
    publishedAt: publishedAt?.toISOString() ?? null,
    rows: manifest.rows,
    bytes: manifest.bytes,
    files: manifest.files
      .filter(({ name, format }) => format === 'csv' && (seen === null || seen.includes(name)))
      .map(({ name, rows, bytes, contentBytes }) => ({
        ...{ file: name, rows, csv: { bytes, contentBytes }, json: sizesOf(name, 'json') },
      })),
  };
}
