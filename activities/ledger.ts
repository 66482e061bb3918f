import type { RecordStartInput, StepOutcome } from '../contracts/steps.ts';
import type { Outcome } from '../stores/ledger/ledger.ts';
import { createLedgerStep } from './ledger-step.ts';
import type { Ports } from './ports.ts';

/** The workflow is the ledger's writer for its export; each of these may be repeated without harm. */
export function createRecordSteps({ ledger, logger }: Pick<Ports, 'ledger' | 'logger'>) {
  const writing = createLedgerStep(logger);

  return {
    /** Records the order, which the door may have done already, and that work on it has begun. */
    async recordStart(input: RecordStartInput): Promise<void> {
      await writing(async () => {
        const { exportId, workflowId, order } = input;
        await ledger.recordOrder({ exportId, workflowId, order, requestedAt: new Date(input.requestedAt) });
        await ledger.recordStart(exportId);
      });
    },

    async recordOutcome(input: { readonly exportId: string; readonly outcome: StepOutcome }): Promise<void> {
      await writing(() => ledger.recordOutcome(input.exportId, ledgerOutcome(input.outcome)));
    },

    async recordExpiry(input: { readonly exportId: string }): Promise<void> {
      await writing(() => ledger.recordRemoval(input.exportId, 'expired'));
    },
  };
}

function ledgerOutcome(outcome: StepOutcome): Outcome {
  return outcome.state === 'completed' ? { ...outcome, expiresAt: new Date(outcome.expiresAt) } : outcome;
}
