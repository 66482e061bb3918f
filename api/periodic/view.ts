import type { PeriodicFormat } from '../../contracts/periodic.ts';
import type { Progress } from '../../contracts/progress.ts';
import type { RunTime } from '../../contracts/recurrence.ts';
import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { Run, StandingOrder } from '../../stores/ledger/ports.ts';
import type { StoredRun } from '../runs/content.ts';

/** All that `GET /dataexport` tells of. */
export interface PeriodicSight {
  /** `undefined`: never enabled */
  readonly settings: StandingOrder | undefined;
  /** The run time of tenants that chose none. */
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

export function periodicView(sight: PeriodicSight): PeriodicView {
  const { settings, deployment, lastRun, running, current } = sight;
  const recurrence = settings?.recurrence;
  return {
    enabled: settings?.enabled ?? false,
    recipient: settings?.recipient ?? null,
    ownRecipient: settings?.ownRecipient ?? false,
    schedule: { at: recurrence?.at ?? deployment.at, timeZone: recurrence?.timeZone ?? deployment.timeZone },
    nextRunAt: sight.nextRunAt?.toISOString() ?? null,
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
    files: [...sight.files],
  };
}

function generationView({
  manifest,
  publishedAt,
}: NonNullable<PeriodicSight['current']>): NonNullable<PeriodicView['generation']> {
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
