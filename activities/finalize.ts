import { setTimeout as delay } from 'node:timers/promises';
import type { StandingKind } from '../contracts/standing.ts';
import type { FinalizeInput } from '../contracts/steps.ts';
import { standingKind } from './begin.ts';
import { createSendNotices, type NoticePorts } from './notices/send-notices.ts';
import type { Ports } from './ports.ts';
import { runOrThrow } from './step.ts';

const SECOND_MS = 1000;

/**
 * Follows up on a run of a standing order: sends the notices that are owed, synchronizes the schedule, starts the delivery to the
 * tenant's own destination and a run that was missed. A part that fails does not prevent the others; a retry repeats them all, which is harmless.
 */
export function createFinalize(
  ports: NoticePorts & Pick<Ports, 'ledger' | 'temporal' | 'syncSchedule' | 'standingKinds'>,
) {
  const { ledger, temporal, syncSchedule, standingKinds, logger } = ports;
  const sendNotices = createSendNotices(ports);

  /**
   * Starts a run if the settings have changed since this run read them. Two triggers within one second get the same workflow
   * id, and Temporal drops the second, so the run would be missed.
   */
  async function startMissedRun(
    { tenant, version }: FinalizeInput,
    { kind, scheduleId }: StandingKind,
    signal: AbortSignal,
  ): Promise<void> {
    const settings = await ledger.standingOrders.find(tenant, kind);
    if (!settings?.enabled || settings.version === version) return;
    // The next second has ids of its own.
    await delay(SECOND_MS, undefined, { signal });
    await temporal.trigger(scheduleId(tenant), 'after');
  }

  /** What this misses, the reconciler starts. */
  async function startPush({ tenant, runId }: FinalizeInput): Promise<void> {
    if ((await ledger.deliveries.find(runId))?.state === 'pending') await temporal.startPush({ tenant, runId });
  }

  return async function finalize(input: FinalizeInput): Promise<void> {
    const { tenant, kind, outcome } = input;
    const standing = standingKind(standingKinds, kind);
    const wasStopped = outcome === 'replaced' || outcome === 'cancelled';
    await runOrThrow(logger, { tenant }, async (signal) => {
      const results = await Promise.allSettled([
        // The caller that stopped the run waits for its end and has synchronized the schedule.
        wasStopped || outcome === 'off' ? undefined : sendNotices(tenant, standing),
        wasStopped ? undefined : syncSchedule(standing, tenant),
        outcome === 'published' && standing.exports === 'changes' ? startPush(input) : undefined,
        outcome === 'published' || standing.exports === 'changes' ? undefined : startMissedRun(input, standing, signal),
      ]);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    });
  };
}
