import { PERIODIC } from '../../../contracts/periodic.ts';
import { isActive } from '../../../contracts/progress.ts';
import { RECURRING } from '../../../contracts/recurring.ts';
import type { ExportKind } from '../../../contracts/run.ts';
import type { Delivery, StandingHealth } from '../../../stores/ledger/ports.ts';
import type { OperatorAccess } from '../../deps.ts';
import { lastDue } from './due.ts';

/** Something that should have been delivered, and has not been. */
export interface Behind {
  readonly tenant: string;
  readonly kind: ExportKind;
  readonly dueAt: Date;
  /** A sentence: why, as far as it is known. */
  readonly why: string;
  /** The run to look at. */
  readonly run: { readonly workflowId: string; readonly runId: string } | null;
}

/** How long a run may take before it counts as late, besides the time over which runs are spread. Milliseconds. */
const LATE_MS = 30 * 60_000;
/** How long a push may be tried before it counts as late. Milliseconds. */
export const PUSH_LATE_MS = 60 * 60_000;

const KINDS = new Map([PERIODIC, RECURRING].map((kind) => [kind.kind, kind]));

/** @returns standing orders whose last time has passed without a run that has completed since */
export function behindSchedule(
  standing: readonly StandingHealth[],
  deployment: OperatorAccess['deployment'],
  now: Date,
): readonly Behind[] {
  return standing.flatMap((order): Behind[] => {
    const kind = KINDS.get(order.kind);
    if (!kind) return [];
    const { runTime, jitterMinutes } = deployment(order.kind);
    const chosen = order.recurrence;
    const spreadMs = (chosen?.jitterMinutes ?? jitterMinutes) * 60_000;
    const late = new Date(now.getTime() - spreadMs - LATE_MS);
    const recurrence = kind.recurrence(chosen?.at ?? runTime.at, chosen?.frequency ?? null);
    const dueAt = lastDue(recurrence, chosen?.timeZone ?? runTime.timeZone, late);
    // Enabled or changed since: its next run is the first that counts.
    if (order.changedAt > dueAt || (order.completedAt !== null && order.completedAt >= dueAt)) return [];
    const { lastRun } = order;
    const since = lastRun !== null && lastRun.requestedAt >= dueAt ? lastRun : null;
    return [{ tenant: order.tenant, kind: order.kind, dueAt, why: whyOf(since), run: since }];
  });
}

function whyOf(run: StandingHealth['lastRun']): string {
  if (run === null) return 'No run has begun since. Look whether its schedule is paused, and whether workers run.';
  if (isActive(run.state)) return 'Its run is still under way.';
  return run.failure?.message ?? 'Its run was cancelled.';
}

/** @param pending pushes that have not ended within {@link PUSH_LATE_MS} */
export function behindPushes(pending: readonly Delivery[]): readonly Behind[] {
  return pending.map(({ run, createdAt, attempts }) => ({
    ...{ tenant: run.tenant, kind: run.kind, dueAt: createdAt },
    why: `Its push to the tenant's destination has been tried ${attempts} times.`,
    run: null,
  }));
}
