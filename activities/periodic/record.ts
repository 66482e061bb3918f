import type { Beginning, GenerationEnd, GenerationIdentity } from '../../contracts/periodic-steps.ts';
import { createLedgerStep } from '../ledger-step.ts';
import type { Ports } from '../ports.ts';

/** What a run of the bundle tells the ledger; each of these may be repeated without harm. */
export function createGenerationRecords({ ledger, logger }: Pick<Ports, 'ledger' | 'logger'>) {
  const asking = createLedgerStep(logger);
  return {
    /** Finds out whom to seal to, and records that the run begins; or that there is nothing to do. */
    async beginGeneration(
      input: GenerationIdentity & {
        /** ISO 8601. */
        readonly startedAt: string;
      },
    ): Promise<Beginning> {
      const { tenant, generationId, workflowId } = input;
      const run = { tenant, generationId, workflowId, startedAt: new Date(input.startedAt) };
      const settings = await asking(() => ledger.beginGeneration(run));
      if (!settings || settings.recipient === null) return { enabled: false };
      const { recipient, epoch, version } = settings;
      return { enabled: true, recipient, epoch, version };
    },

    async endGeneration({ generationId, state, failure }: GenerationEnd): Promise<void> {
      await asking(() => ledger.endGeneration(generationId, { state, failure }));
    },

    /** For a run whose objects went before it ended. */
    async recordGenerationRemoval({ generationId }: GenerationIdentity): Promise<void> {
      await asking(() => ledger.recordGenerationRemoval(generationId));
    },
  };
}
