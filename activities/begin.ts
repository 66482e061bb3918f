import { ApplicationFailure } from '@temporalio/activity';
import { offeredAt, offeredName } from '../config/dataset.ts';
import { CSV_DEFAULTS, orderedRun, type RunOrder } from '../contracts/order.ts';
import type { ExportKind } from '../contracts/run.ts';
import type { StandingKind } from '../contracts/standing.ts';
import type { BeginInput, BeginResult } from '../contracts/steps.ts';
import type { OrderedRun, StandingOrder, StandingRun } from '../stores/ledger/ports.ts';
import type { Ports } from './ports.ts';
import { createLedgerStep } from './step.ts';

/** Snapshots that a run of a standing order tries while the source changes. */
const ROUNDS_MAX = 3;

/**
 * Records that a run begins and returns what it makes. Idempotent. A run of the same series that is active in the ledger
 * although its workflow is gone is ended as failed; while the other one is open, this throws a retryable failure.
 */
export function createBegin(
  ports: Pick<Ports, 'catalog' | 'ledger' | 'temporal' | 'standingKinds' | 'graceSeconds' | 'logger'>,
): (input: BeginInput) => Promise<BeginResult> {
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

  return async function begin({ runId, workflowId, kind, tenant, order, requestedAt }) {
    const inLedger = createLedgerStep(logger, { tenant });
    const at = new Date(requestedAt);
    if (order) {
      const { outcome } = await inLedger(() => record({ runId, workflowId, order, requestedAt: at }));
      return { order: outcome === 'begun' ? orderedRun(order) : null, version: null };
    }
    const standing = standingKind(standingKinds, kind);
    // Read first, so that a change in between is noticed.
    const before = await inLedger(() => ledger.standingOrders.find(tenant, kind));
    const begun = await inLedger(() =>
      record({ runId, workflowId, tenant, kind, subject: standing.subject, startedAt: at }),
    );
    const standingOrder = begun.outcome === 'begun' ? begun.standingOrder : null;
    return {
      order: standingOrder && orderOf(ports, standing, standingOrder),
      version: standingOrder?.version ?? before?.version ?? null,
    };
  };
}

/** @throws ApplicationFailure if this worker does not make runs of that kind */
export function standingKind(kinds: readonly StandingKind[], kind: ExportKind): StandingKind {
  const found = kinds.find((candidate) => candidate.kind === kind);
  if (found) return found;
  throw ApplicationFailure.nonRetryable(`This worker makes no runs of kind ${kind}.`, 'internal');
}

/**
 * The complete history of all datasets of the kind, sealed. Not compressed, so that `age -d` yields the file itself.
 */
function orderOf(
  { catalog, graceSeconds }: Pick<Ports, 'catalog' | 'graceSeconds'>,
  { kind, subject, formats }: StandingKind,
  { tenant, recipient }: StandingOrder,
): RunOrder | null {
  if (recipient === null) return null;
  return {
    tenant,
    subject,
    files: offeredAt(catalog, kind).map((dataset) => ({
      name: offeredName(dataset),
      dataset: dataset.name,
      window: null,
      parameters: {},
      formats,
      csv: CSV_DEFAULTS,
      columns: null,
      compression: 'none',
    })),
    recipients: [recipient],
    roundsMax: ROUNDS_MAX,
    retention: { replaceAfterSeconds: graceSeconds },
  };
}
