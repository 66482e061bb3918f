import { ApplicationFailure } from '@temporalio/activity';
import { orderedRun, type RunOrder } from '../contracts/order.ts';
import type { ArchiveOrder } from '../contracts/questionnaires.ts';
import type { ExportKind } from '../contracts/run.ts';
import type { StandingKind } from '../contracts/standing.ts';
import type { BeginInput, BeginResult } from '../contracts/steps.ts';
import type {
  ArchiveRun,
  OrderedRun,
  BeginResult as RecordedBegin,
  RequestedRun,
  RunFile,
  StandingRun,
} from '../stores/ledger/ports.ts';
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
  | 'requests'
  | 'logger'
>;

/**
 * Records that a run begins and returns what it makes. Idempotent. A run of the same series that is active in the ledger
 * although its workflow is gone is ended as failed; while the other one is open, this throws a retryable failure.
 */
export function createBegin(ports: BeginPorts): (input: BeginInput) => Promise<BeginResult> {
  const { ledger, temporal, standingKinds, logger } = ports;

  async function record(run: OrderedRun | ArchiveRun | StandingRun) {
    const begun = await endingLost((lost) => ledger.runs.begin(run, lost));
    if (begun.outcome !== 'busy') return begun;
    throw ApplicationFailure.retryable('Another run of the same series has not ended yet.', 'settings_busy');
  }

  /** Begins a run; another active one of its series whose workflow is gone makes way. */
  async function endingLost(beginRun: (lost?: string) => Promise<RecordedBegin>): Promise<RecordedBegin> {
    const first = await beginRun();
    if (first.outcome !== 'busy' || (await temporal.status(first.other)) === 'open') return first;
    return beginRun(first.other.runId);
  }

  /**
   * Begins a request once its turn has come. Temporal repeats the step until then, without a line in the run's history. One whose
   * data another request is already being made for does nothing.
   */
  async function recordRequest(run: RequestedRun): Promise<boolean> {
    const begun = await endingLost((lost) => ledger.runs.beginRequest(run, ports.requests.runningMax, lost));
    if (begun.outcome !== 'queued') return begun.outcome === 'begun';
    throw ApplicationFailure.create({
      message: `${begun.ahead} other requests come first.`,
      type: 'waiting',
      nextRetryDelay: `${Math.min(begun.ahead, TURN_SECONDS_MAX)} seconds`,
    });
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

  /** Its tables are not known yet. */
  function archiveRun({ tenant, bundle, recipients }: ArchiveOrder): RunOrder {
    const retention = { replaceAfterSeconds: ports.graceSeconds };
    return { tenant, subject: bundle, files: [], recipients, roundsMax: ARCHIVE_ROUNDS_MAX, retention };
  }

  return async function begin(input) {
    const { runId, workflowId, kind, tenant, order, requestedAt, asked } = input;
    const inLedger = createLedgerStep(logger, { tenant });
    const at = new Date(requestedAt);
    const requested = requestedRun(input);
    if (requested) {
      const begun = await inLedger(() => recordRequest(requested));
      return { order: begun ? orderedRun(requested.order) : null, version: null };
    }
    if (order) {
      if ('roundsMax' in order) throw new TypeError('a request says what it waits for');
      const run = { runId, workflowId, requestedAt: at };
      if ('questionnaire' in order) {
        const { outcome } = await inLedger(() => record({ ...run, order }));
        return { order: outcome === 'begun' ? archiveRun(order) : null, version: null };
      }
      const { outcome } = await inLedger(() => record({ ...run, order }));
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

/** Snapshots of a questionnaire that are tried if it changes while it is read. */
const ARCHIVE_ROUNDS_MAX = 3;

/** Longest time between two looks of a request at whether its turn has come. The next in line looks every second. */
const TURN_SECONDS_MAX = 60;

/** Records a request that waits for its batch. Idempotent. @returns whether it waits; otherwise there is nothing to do */
export function createEnqueue({ ledger, logger }: Pick<Ports, 'ledger' | 'logger'>) {
  return async function enqueue(input: BeginInput): Promise<{ readonly recorded: boolean }> {
    const run = requestedRun(input);
    if (!run) throw new TypeError('only requests wait');
    const inLedger = createLedgerStep(logger, { tenant: input.tenant });
    const { run: recorded } = await inLedger(() => ledger.requests.submit(run, new Date()));
    return { recorded: recorded.runId === input.runId && recorded.state === 'pending' };
  };
}

/** @returns `undefined` for a run of another kind */
function requestedRun({ runId, workflowId, order, requestedAt, request }: BeginInput): RequestedRun | undefined {
  if (!order || !('roundsMax' in order) || !request) return undefined;
  const { series, requestedBy, startsAt } = request;
  return {
    ...{ runId, workflowId, order, series, requestedBy },
    requestedAt: new Date(requestedAt),
    startsAt: startsAt === null ? null : new Date(startsAt),
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
