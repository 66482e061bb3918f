import type { Logger } from 'pino';
import { WaybillError } from '../../contracts/failures.ts';
import { PERIODIC, type PeriodicFormat } from '../../contracts/periodic.ts';
import type { RunTime } from '../../contracts/recurrence.ts';
import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { Run, StandingOrder } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import type { ScheduleInfo } from '../../stores/temporal/temporal.ts';
import type { ApiDeps } from '../deps.ts';
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

/** A published generation. */
export interface Generation extends StoredRun {
  readonly publishedAt: Date | null;
}

/** What is known of a tenant's periodic exports, without the generation. */
export interface PeriodicState {
  /** `undefined`: never enabled. */
  readonly standingOrder: StandingOrder | undefined;
  readonly schedule: RunTime;
  /** `null`: none is due, or it is not known. */
  readonly nextRunAt: Date | null;
  /** The newest ones, the newest first. */
  readonly runs: readonly Run[];
  readonly running: Run | undefined;
  readonly ended: Run | undefined;
}

/** Reads the state. Also repairs the schedule and closes lost runs. */
export type ReadPeriodic = (tenant: string, logger: Logger) => Promise<PeriodicState>;

export function periodicReader(deps: StatusDeps): ReadPeriodic {
  const { ledger, settings } = deps;
  const closeLostRun = createCloseLostRun(deps);
  return async function readPeriodic(tenant, logger) {
    const listed = await ledger.runs.list(tenant, { kind: 'periodic' }, { cursor: null, limit: RUNS_SEEN });
    const runs = await Promise.all(listed.rows.map(closeLostRun));
    // Read after the runs, because closing a lost run may set `failingSince`.
    const standingOrder = await ledger.standingOrders.find(tenant, 'periodic');
    const schedule = standingOrder && (await findSchedule(deps, standingOrder, logger));
    const { at, timeZone } = standingOrder?.recurrence ?? {};
    return {
      standingOrder,
      schedule: {
        at: at ?? settings.WAYBILL_PERIODIC_AT,
        timeZone: timeZone ?? settings.WAYBILL_PERIODIC_TIME_ZONE,
      },
      nextRunAt: schedule?.nextRunAt ?? null,
      runs,
      running: runs.find(({ state }) => state === 'running'),
      ended: runs.find(({ state }) => state !== 'running'),
    };
  };
}

/** Answers `GET /dataexport`. */
export function statusHandler(deps: StatusDeps): RouteAnswer<typeof showPeriodic> {
  const progress = progressReader(deps.temporal, deps.clock);
  const readPeriodic = periodicReader(deps);
  return async function showPeriodic(c) {
    c.header('Cache-Control', 'no-store');
    assertOwn(c, c.req.valid('query').organisation);
    const { limits, tenant } = c.get('caller');
    const files = offeredFiles(deps.catalog, limits);
    const state = await readPeriodic(tenant.key, c.get('logger'));
    const { standingOrder, schedule, nextRunAt, running, ended } = state;
    const runningView = running && { ...startOf(running), progress: await progress.read(running) };
    const current = standingOrder && (await findGeneration(deps, standingOrder));
    return c.json({
      enabled: standingOrder?.enabled ?? false,
      recipient: standingOrder?.recipient ?? null,
      ownRecipient: standingOrder?.ownRecipient ?? false,
      schedule,
      nextRunAt: nextRunAt?.toISOString() ?? null,
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
  { temporal, syncSchedule }: StatusDeps,
  { tenant, enabled }: StandingOrder,
  logger: Logger,
): Promise<ScheduleInfo | undefined> {
  try {
    const id = PERIODIC.scheduleId(tenant);
    const schedule = await temporal.nextRun(id);
    if ((schedule !== undefined) === enabled) return schedule;
    await syncSchedule(PERIODIC, tenant);
    return await temporal.nextRun(id);
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    logger.warn({ err: error, tenant }, 'a schedule could not be read');
    return undefined;
  }
}

/** @returns the generation that downloads are served from; `undefined` also while its files are being removed */
export async function findGeneration(
  { ledger, objects }: Pick<StatusDeps, 'ledger' | 'objects'>,
  { tenant, currentRunId }: StandingOrder,
): Promise<Generation | undefined> {
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

/**
 * @param seen names of the files that the caller may see; `null`: all
 * @returns the generation with the sizes of its files
 */
export function generationView(
  { manifest, publishedAt }: Generation,
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
