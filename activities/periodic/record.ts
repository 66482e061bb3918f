import { PERIODIC_BUNDLE } from '../../contracts/periodic.ts';
import type { Beginning, GenerationEnd, GenerationIdentity } from '../../contracts/periodic-steps.ts';
import { createBegin } from '../ledger.ts';
import { createLedgerStep } from '../ledger-step.ts';
import type { Ports } from '../ports.ts';

/** What a run of the bundle tells the ledger; each of these may be repeated without harm. */
export function createGenerationRecords(ports: Pick<Ports, 'ledger' | 'temporal' | 'logger'>) {
  const { ledger, logger } = ports;
  const asking = createLedgerStep(logger);
  const begin = createBegin(ports);
  return {
    /** Finds out whom to seal to, and records that the run begins; or that there is nothing to do. */
    async beginGeneration(
      input: GenerationIdentity & {
        /** ISO 8601. */
        readonly startedAt: string;
      },
    ): Promise<Beginning> {
      const { tenant, generationId, workflowId } = input;
      const named = { runId: generationId, workflowId, tenant, kind: 'periodic', subject: PERIODIC_BUNDLE } as const;
      // Read first, so that a change in between is noticed as one.
      const before = await asking(() => ledger.standingOrders.find(tenant, 'periodic'));
      const begun = await asking(() => begin({ ...named, startedAt: new Date(input.startedAt) }));
      const standingOrder = begun.outcome === 'begun' ? begun.standingOrder : null;
      if (!standingOrder || standingOrder.recipient === null) {
        return { enabled: false, version: before?.version ?? null };
      }
      const { recipient, epoch, version } = standingOrder;
      return { enabled: true, recipient, epoch, version };
    },

    async endGeneration({ generationId, state, failure }: GenerationEnd): Promise<void> {
      await asking(() => ledger.runs.end(generationId, { state, failure }));
    },

    /** For a run whose objects went before it ended. */
    async recordGenerationRemoval({ generationId }: GenerationIdentity): Promise<void> {
      await asking(() => ledger.runs.recordRemoval(generationId, 'replaced'));
    },
  };
}
