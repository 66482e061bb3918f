import { setTimeout as delay } from 'node:timers/promises';
import type { MissedRunInput } from '../../contracts/periodic-steps.ts';
import { periodicScheduleId } from '../../contracts/task-queues.ts';
import type { Ports } from '../ports.ts';
import { runOrThrow } from '../step.ts';

const SECOND_MS = 1000;

/** What a run of the bundle asks of Temporal itself. */
export function createGenerationScheduling(ports: Pick<Ports, 'ledger' | 'temporal' | 'syncSchedule' | 'logger'>) {
  const { ledger, temporal, syncSchedule, logger } = ports;

  return {
    /**
     * Starts the run that settings wait for which changed while this one was under way. Two triggers within one second
     * have the same workflow id, and Temporal drops the second: nobody else would notice.
     */
    async startMissedRun({ tenant, version }: MissedRunInput): Promise<{ readonly started: boolean }> {
      return runOrThrow(logger, async (signal) => {
        const settings = await ledger.standingOrders.find(tenant, 'periodic');
        if (!settings?.enabled || settings.version === version) return { started: false };
        // The next second has ids of its own.
        await delay(SECOND_MS, undefined, { signal });
        await temporal.trigger(periodicScheduleId(tenant), 'after');
        return { started: true };
      });
    },

    /**
     * Brings the schedule in line with the settings and with the deployment's: an API may have died before it did, and an
     * operator may have chosen another time.
     */
    async syncPeriodicSchedule({ tenant }: { readonly tenant: string }): Promise<void> {
      await runOrThrow(logger, () => syncSchedule(tenant));
    },
  };
}
