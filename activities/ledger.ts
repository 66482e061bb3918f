import { ApplicationFailure } from '@temporalio/activity';
import type { RecordStartInput, StepOutcome } from '../contracts/steps.ts';
import type { BeginResult, OrderedRun, StandingRun } from '../stores/ledger/ports.ts';
import { createLedgerStep } from './ledger-step.ts';
import type { Ports } from './ports.ts';

/** The workflow is the ledger's writer for its export; each of these may be repeated without harm. */
export function createRecordSteps(ports: Pick<Ports, 'ledger' | 'temporal' | 'logger'>) {
  const { ledger, logger } = ports;
  const writing = createLedgerStep(logger);
  const begin = createBegin(ports);

  return {
    /** Records the order, which the API may have done already, and that work on it has begun. */
    async recordStart(input: RecordStartInput): Promise<void> {
      const { exportId, workflowId, order } = input;
      const run = { runId: exportId, workflowId, order, requestedAt: new Date(input.requestedAt) };
      await writing(() => begin(run));
    },

    async recordOutcome({ exportId, outcome }: { readonly exportId: string; readonly outcome: StepOutcome }) {
      await writing<unknown>(() => {
        if (outcome.state !== 'completed') return ledger.runs.end(exportId, outcome);
        const { state: _, expiresAt, ...totals } = outcome;
        return ledger.runs.commit(exportId, { ...totals, files: 1, retention: { expiresAt: new Date(expiresAt) } });
      });
    },
  };
}

export type Begin = (run: OrderedRun | StandingRun) => Promise<Exclude<BeginResult, { readonly outcome: 'busy' }>>;

/**
 * Begins a run. A run of the same series that is active in the ledger although its workflow is gone is ended as failed.
 * While the other one is open, this throws a retryable failure.
 */
export function createBegin({ ledger, temporal }: Pick<Ports, 'ledger' | 'temporal'>): Begin {
  return async function begin(run) {
    const first = await ledger.runs.begin(run);
    if (first.outcome !== 'busy') return first;
    if ((await temporal.status(first.other)) !== 'open') {
      const second = await ledger.runs.begin(run, first.other.runId);
      if (second.outcome !== 'busy') return second;
    }
    throw ApplicationFailure.retryable('Another run of the same series has not ended yet.', 'settings_busy');
  };
}
