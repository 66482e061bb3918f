import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { PeriodicFormat } from '../../contracts/periodic.ts';
import { PERIODIC } from '../../contracts/periodic.ts';
import type { Progress } from '../../contracts/progress.ts';
import type { RunTime } from '../../contracts/recurrence.ts';
import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { Run, StandingOrder } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import type { ScheduleInfo } from '../../stores/temporal/temporal.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import { createCloseLostRun } from '../runs/find.ts';
import { progressMemory } from '../runs/progress.ts';
import { assertOwn, offeredFiles } from './input.ts';
import type { showPeriodic } from './routes.ts';

/** How many of the newest runs are searched for the last one that ended. */
const RUNS_SEEN = 5;

export type StatusDeps = Pick<
  ApiDeps,
  'settings' | 'ledger' | 'objects' | 'catalog' | 'temporal' | 'syncSchedule' | 'clock' | 'logger'
>;

/** Answers `GET /dataexport`: the state of the periodic exports. Repairs what a process that died left half done. */
export function statusHandler(deps: StatusDeps): RouteAnswer<typeof showPeriodic> {
  const { ledger, settings, temporal } = deps;
  const memory = progressMemory(deps.clock);
  const closeLostRun = createCloseLostRun(deps);
  const files = offeredFiles(deps.catalog);
  const deployment = { at: settings.WAYBILL_PERIODIC_AT, timeZone: settings.WAYBILL_PERIODIC_TIME_ZONE };
  return async function showPeriodic(c) {
    c.header('Cache-Control', 'no-store');
    assertOwn(c, c.req.valid('query').organisation);
    const { key: tenant } = c.get('caller').tenant;
    const listed = await ledger.runs.list(tenant, { kind: 'periodic' }, { cursor: null, limit: RUNS_SEEN });
    const runs = await Promise.all(listed.rows.map(closeLostRun));
    // After the runs: closing a lost one may begin a series of failures.
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

/** @returns `undefined` also while Temporal does not answer: the rest of the answer does not need it */
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

/** What `GET /dataexport` shows. */
interface PeriodicSnapshot {
  /** `undefined`: never enabled */
  readonly settings: StandingOrder | undefined;
  /** For tenants that chose no run time. */
  readonly deployment: RunTime;
  readonly nextRunAt: Date | null;
  /** The newest run that has ended. */
  readonly lastRun: Run | undefined;
  readonly running: { readonly run: Run; readonly progress: Progress } | undefined;
  /** What downloads are of. */
  readonly current: (StoredRun & { readonly publishedAt: Date | null }) | undefined;
  /** Names of all files that are offered. */
  readonly files: readonly string[];
}

function periodicView(snapshot: PeriodicSnapshot): PeriodicView {
  const { settings, deployment, lastRun, running, current } = snapshot;
  const recurrence = settings?.recurrence;
  return {
    enabled: settings?.enabled ?? false,
    recipient: settings?.recipient ?? null,
    ownRecipient: settings?.ownRecipient ?? false,
    schedule: { at: recurrence?.at ?? deployment.at, timeZone: recurrence?.timeZone ?? deployment.timeZone },
    nextRunAt: snapshot.nextRunAt?.toISOString() ?? null,
    lastRun: lastRun
      ? {
          generationId: lastRun.runId,
          state: lastRun.failure === null ? 'published' : lastRun.state === 'cancelled' ? 'cancelled' : 'failed',
          startedAt: (lastRun.startedAt ?? lastRun.requestedAt).toISOString(),
          endedAt: lastRun.endedAt?.toISOString() ?? null,
          failure: lastRun.failure,
        }
      : null,
    running: running
      ? {
          generationId: running.run.runId,
          startedAt: (running.run.startedAt ?? running.run.requestedAt).toISOString(),
          progress: running.progress,
        }
      : null,
    failingSince: settings?.failingSince?.toISOString() ?? null,
    generation: current ? generationView(current) : null,
    files: [...snapshot.files],
  };
}

function generationView({
  manifest,
  publishedAt,
}: NonNullable<PeriodicSnapshot['current']>): NonNullable<PeriodicView['generation']> {
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
      .filter(({ format }) => format === 'csv')
      .map(({ name, rows, bytes, contentBytes }) => ({
        ...{ file: name, rows, csv: { bytes, contentBytes }, json: sizesOf(name, 'json') },
      })),
  };
}
