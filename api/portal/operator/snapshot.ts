import type { Progress } from '../../../contracts/progress.ts';
import type { EndedRuns, Operations, Run, Tenant } from '../../../stores/ledger/ports.ts';
import type { ApiDeps, OperatorAccess } from '../../deps.ts';
import type { RunServices } from '../../runs/services.ts';
import { type Behind, behindPushes, behindSchedule, PUSH_LATE_MS } from './behind.ts';

/** Runs that the page shows. */
const ACTIVE_MAX = 50;
const PUSHES_MAX = 50;
/** How far back failures are counted. Milliseconds. */
export const WEEK_MS = 7 * 24 * 60 * 60_000;
/** How long what was read is shown to everybody who looks. Milliseconds. */
const FRESH_MS = 4000;

/** What the operator sees at one moment. */
export interface Snapshot {
  readonly at: Date;
  readonly active: Awaited<ReturnType<Operations['active']>>;
  /** By run id. */
  readonly progress: ReadonlyMap<string, Progress>;
  /** Of the last week. */
  readonly ended: readonly EndedRuns[];
  /** Of the last week. */
  readonly failures: Awaited<ReturnType<Operations['failuresSince']>>;
  readonly stored: Awaited<ReturnType<Operations['storedByTenant']>>;
  readonly tenants: readonly Tenant[];
  readonly behind: readonly Behind[];
  /** When the reconciler runs next; `null`: it is paused or not set up; `undefined`: Temporal does not answer. */
  readonly reconcilesAt: Date | null | undefined;
}

type SnapshotDeps = Pick<ApiDeps, 'ledger' | 'temporal' | 'clock' | 'logger'> & {
  readonly operator: OperatorAccess;
  readonly runs: Pick<RunServices, 'progress'>;
};

/** @returns reads what the page shows. It is read at most every few seconds, however many look at it. */
export function createSnapshot(deps: SnapshotDeps): () => Promise<Snapshot> {
  let last: { readonly atMs: number; readonly snapshot: Promise<Snapshot> } | undefined;
  return function readSnapshot() {
    const atMs = performance.now();
    if (!last || atMs - last.atMs > FRESH_MS) {
      const snapshot = read(deps);
      last = { atMs, snapshot };
      snapshot.catch(() => {
        last = undefined;
      });
    }
    return last.snapshot;
  };
}

async function read(deps: SnapshotDeps): Promise<Snapshot> {
  const { ledger, clock, operator, runs } = deps;
  const { operations } = ledger;
  const at = clock.now();
  const since = new Date(at.getTime() - WEEK_MS);
  const [active, ended, failures, stored, tenants, standing, pushes, reconcilesAt] = await Promise.all([
    operations.active(ACTIVE_MAX),
    operations.endedSince(since),
    operations.failuresSince(since),
    operations.storedByTenant(),
    ledger.tenants.list(),
    operations.standing(),
    ledger.deliveries.listPending(new Date(at.getTime() - PUSH_LATE_MS), PUSHES_MAX),
    nextPass(deps),
  ]);
  const known = await Promise.all(active.runs.map(async (run) => [run.runId, await progressOf(runs, run)] as const));
  const behind = [...behindSchedule(standing, operator.deployment, at), ...behindPushes(pushes)];
  return {
    ...{ at, active, ended, failures, stored, tenants, reconcilesAt },
    progress: new Map(known),
    behind: behind.toSorted((one, other) => one.dueAt.getTime() - other.dueAt.getTime()),
  };
}

/** The page is needed most while Temporal is away. */
async function nextPass({ temporal, operator, logger }: SnapshotDeps): Promise<Date | null | undefined> {
  try {
    return (await temporal.nextRun(operator.reconcilerId))?.nextRunAt ?? null;
  } catch (error) {
    logger.warn({ err: error }, 'the schedule of the reconciler could not be read');
    return undefined;
  }
}

async function progressOf({ progress }: SnapshotDeps['runs'], run: Run): Promise<Progress> {
  try {
    return await progress.read(run);
  } catch {
    return progress.recall(run);
  }
}
