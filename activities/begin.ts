import { ApplicationFailure } from '@temporalio/activity';
import { offeredAt, offeredName } from '../config/dataset.ts';
import { CSV_DEFAULTS, orderedRun, type RunOrder } from '../contracts/order.ts';
import { PERIODIC_BUNDLE, PERIODIC_FORMATS } from '../contracts/periodic.ts';
import type { BeginInput, BeginResult } from '../contracts/steps.ts';
import type { OrderedRun, StandingOrder, StandingRun } from '../stores/ledger/ports.ts';
import type { Ports } from './ports.ts';
import { createLedgerStep } from './step.ts';

/**
 * Records that a run begins and returns what it makes. Idempotent. A run of the same series that is active in the ledger
 * although its workflow is gone is ended as failed; while the other one is open, this throws a retryable failure.
 */
export function createBegin(
  ports: Pick<Ports, 'catalog' | 'ledger' | 'temporal' | 'periodicGraceSeconds' | 'logger'>,
): (input: BeginInput) => Promise<BeginResult> {
  const { ledger, temporal, logger } = ports;
  const inLedger = createLedgerStep(logger);

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
    const at = new Date(requestedAt);
    if (order) {
      const { outcome } = await inLedger(() => record({ runId, workflowId, order, requestedAt: at }));
      return { order: outcome === 'begun' ? orderedRun(order) : null, version: null };
    }
    // Read first, so that a change in between is noticed.
    const before = await inLedger(() => ledger.standingOrders.find(tenant, kind));
    const begun = await inLedger(() =>
      record({ runId, workflowId, tenant, kind, subject: PERIODIC_BUNDLE, startedAt: at }),
    );
    const standingOrder = begun.outcome === 'begun' ? begun.standingOrder : null;
    return {
      order: standingOrder && orderOf(ports, standingOrder),
      version: standingOrder?.version ?? before?.version ?? null,
    };
  };
}

/**
 * Everything that the datasets of the bundle have of the tenant, sealed. Not compressed, so that `age -d` yields the file
 * itself.
 */
function orderOf(
  { catalog, periodicGraceSeconds }: Pick<Ports, 'catalog' | 'periodicGraceSeconds'>,
  { tenant, kind, recipient }: StandingOrder,
): RunOrder | null {
  if (recipient === null) return null;
  return {
    tenant,
    subject: PERIODIC_BUNDLE,
    files: offeredAt(catalog, kind).map((dataset) => ({
      name: offeredName(dataset),
      dataset: dataset.name,
      window: null,
      parameters: {},
      formats: PERIODIC_FORMATS,
      csv: CSV_DEFAULTS,
      columns: null,
      compression: 'none',
    })),
    recipients: [recipient],
    roundsMax: 3,
    retention: { replaceAfterSeconds: periodicGraceSeconds },
  };
}
