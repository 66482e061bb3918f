import { setTimeout as delay } from 'node:timers/promises';
import type { MissedRunInput, RemoveGenerationInput } from '../../contracts/periodic-steps.ts';
import { periodicScheduleId } from '../../contracts/task-queues.ts';
import type { Ports } from '../ports.ts';
import { runOrThrow } from '../step.ts';

const SECOND_MS = 1000;

/** Runs that are looked through for replaced ones. */
const RUNS_SEEN = 20;

/** What a run of the bundle asks of Temporal itself. */
export function createGenerationScheduling(
  ports: Pick<Ports, 'ledger' | 'temporal' | 'syncSchedule' | 'removals' | 'periodicGraceSeconds' | 'logger'>,
) {
  const { ledger, temporal, syncSchedule, removals, periodicGraceSeconds, logger } = ports;

  return {
    /**
     * Lets the replaced generation stay as long as downloads of it may need, then removes it. With it go those that a run
     * replaced which was ended before it came to this.
     */
    async scheduleGenerationRemoval({ tenant, generationId }: RemoveGenerationInput): Promise<void> {
      await runOrThrow(logger, async () => {
        const { rows } = await ledger.runs.list(tenant, { kind: 'periodic' }, { cursor: null, limit: RUNS_SEEN });
        const replaced = rows.filter((run) => run.state === 'completed' && !run.current && run.removedAt === null);
        for (const id of new Set([generationId, ...replaced.map(({ runId }) => runId)])) {
          await removals.scheduleRemoval({ tenant, generationId: id }, periodicGraceSeconds * 1000);
        }
      });
    },

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
