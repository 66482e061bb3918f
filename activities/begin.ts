import { ApplicationFailure } from '@temporalio/activity';
import { orderedRun } from '../contracts/order.ts';
import type { ExportKind } from '../contracts/run.ts';
import type { StandingKind } from '../contracts/standing.ts';
import type { BeginInput, BeginResult } from '../contracts/steps.ts';
import type { OrderedRun, BeginResult as RecordedBegin, RunFile, StandingRun } from '../stores/ledger/ports.ts';
import type { Ports } from './ports.ts';
import { changesOrder, changesRun, completeOrder } from './standing-order.ts';
import { createLedgerStep } from './step.ts';

type BeginPorts = Pick<
  Ports,
  | 'catalog'
  | 'ledger'
  | 'temporal'
  | 'standingKinds'
  | 'deployment'
  | 'settlingSeconds'
  | 'graceSeconds'
  | 'keepDays'
  | 'logger'
>;

/**
 * Records that a run begins and returns what it makes. Idempotent. A run of the same series that is active in the ledger
 * although its workflow is gone is ended as failed; while the other one is open, this throws a retryable failure.
 */
export function createBegin(ports: BeginPorts): (input: BeginInput) => Promise<BeginResult> {
  const { ledger, temporal, standingKinds, logger } = ports;

  async function record(run: OrderedRun | StandingRun) {
    const first = await ledger.runs.begin(run);
    if (first.outcome !== 'busy') return first;
    if ((await temporal.status(first.other)) !== 'open') {
      const second = await ledger.runs.begin(run, first.other.runId);
      if (second.outcome !== 'busy') return second;
    }
    throw ApplicationFailure.retryable('Another run of the same series has not ended yet.', 'settings_busy');
  }

  function wanted(standing: StandingKind, begun: RecordedBegin): Omit<BeginResult, 'version'> {
    if (begun.outcome !== 'begun' || !begun.standingOrder) return { order: null };
    const { standingOrder, changes } = begun;
    if (!changes) return { order: completeOrder(ports, standing, standingOrder) };
    return {
      order: changesOrder(ports, standing, standingOrder, changes),
      missing: changes.missing,
      readAfter: settled(changes.files, ports.settlingSeconds),
    };
  }

  return async function begin({ runId, workflowId, kind, tenant, order, requestedAt, asked }) {
    const inLedger = createLedgerStep(logger, { tenant });
    const at = new Date(requestedAt);
    if (order) {
      const { outcome } = await inLedger(() => record({ runId, workflowId, order, requestedAt: at }));
      return { order: outcome === 'begun' ? orderedRun(order) : null, version: null };
    }
    const standing = standingKind(standingKinds, kind);
    // Read first, so that a change in between is noticed.
    const before = await inLedger(() => ledger.standingOrders.find(tenant, kind));
    const changes = standing.exports === 'changes' ? changesRun(ports, standing, { asked, startedAt: at }) : undefined;
    const begun = await inLedger(() =>
      record({
        ...{ runId, workflowId, tenant, kind, subject: standing.subject, startedAt: at },
        ...(changes && { changes }),
      }),
    );
    const version = (begun.outcome === 'begun' ? begun.standingOrder?.version : undefined) ?? before?.version ?? null;
    return { ...wanted(standing, begun), version };
  };
}

/** @throws ApplicationFailure if this worker does not make runs of that kind */
export function standingKind(kinds: readonly StandingKind[], kind: ExportKind): StandingKind {
  const found = kinds.find((candidate) => candidate.kind === kind);
  if (found) return found;
  throw ApplicationFailure.nonRetryable(`This worker makes no runs of kind ${kind}.`, 'internal');
}

/** Rows that were changed before the end of a window may be committed some time after it. @returns ISO 8601 */
function settled(files: readonly RunFile[], settlingSeconds: number): string {
  const ends = files.map(({ windowTo }) => Date.parse(windowTo));
  return new Date(Math.max(0, ...ends) + settlingSeconds * 1000).toISOString();
}
