import { setTimeout as delay } from 'node:timers/promises';
import { fileExtension, type Order } from '../../contracts/order.ts';
import { isActive } from '../../contracts/progress.ts';
import { ALL_STATUSES, type ArchiveOrder, QUESTIONNAIRE, versionText } from '../../contracts/questionnaires.ts';
import { type ExportKind, ON_DEMAND } from '../../contracts/run.ts';
import { PROMPT_ORDERS } from '../../contracts/steps.ts';
import type { ArchiveRun, OrderedRun, Run, Tenant } from '../../stores/ledger/ports.ts';
import type { RunLabels, WorkflowRun } from '../../stores/temporal/temporal.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../http/problems.ts';

/** An order and its workflow id, which identical orders share. */
export interface NamedOrder<Ordered extends Order | ArchiveOrder = Order> {
  readonly order: Ordered;
  readonly workflowId: string;
}

/** Seconds to wait for a caller over the limit. */
const LIMIT_RETRY_SECONDS = 15;

/** How long to wait for an ending run to close: short once its outcome is recorded, longer during clean-up. */
const CLOSE_WAIT_MS = 5000;
const CLOSE_POLL_MS = 50;
const CLOSE_RETRY_SECONDS = 5;

/** Maximum difference between the clocks of the ledger and Temporal. */
const CLOCK_SKEW_MS = 2000;

/**
 * Starts an export within the tenant's limit, or returns the running export for the same order, which does not count.
 * Never returns a run that has ended or been cancelled, even if its workflow has not closed yet.
 *
 * @param attemptedAt time of an earlier attempt of the same request that got no answer from Temporal: a run started since
 *   then belongs to that request, even if it has ended
 * @throws TryLater `too_many_exports`; `rate_limited` if an ending run takes too long to close
 */
export type Submit = (
  tenant: Tenant,
  named: NamedOrder<Order | ArchiveOrder>,
  attemptedAt: Date | null,
) => Promise<WorkflowRun>;

export function createSubmit(deps: Pick<ApiDeps, 'settings' | 'ledger' | 'temporal' | 'clock' | 'logger'>): Submit {
  const { settings, ledger, temporal, clock, logger } = deps;
  /** Number of starts in progress that the ledger does not count yet, by tenant. */
  const starting = new Map<string, number>();

  async function record(run: OrderedRun | ArchiveRun): Promise<void> {
    const { run: active } = await ledger.runs.request(run);
    if (active.runId === run.runId) return;
    // An earlier run that was ended externally: Temporal would have returned it if it were open.
    if ((await temporal.status(active)) !== 'open') await ledger.runs.request(run, active.runId);
  }

  async function start(
    { order, workflowId }: NamedOrder<Order | ArchiveOrder>,
    requestedAt: Date,
    queued: boolean,
  ): Promise<WorkflowRun> {
    const input = { kind: kindOf(order), order, requestedAt: requestedAt.toISOString(), ...(queued && { queued }) };
    const runId = await temporal.start(workflowId, input, labelsOf(order));
    try {
      const run = { runId, workflowId, requestedAt };
      await record('questionnaire' in order ? { ...run, order } : { ...run, order });
    } catch (error) {
      // The workflow has started, and its first step also records the order, so the request must not fail.
      logger.error({ err: error, runId }, 'a started export could not be recorded yet');
    }
    return { workflowId, runId };
  }

  /** @param requestedAt time of this request: a run that it started itself needs no lookup in Temporal */
  async function isEnding(run: WorkflowRun, requestedAt?: Date): Promise<boolean> {
    const { runId } = run;
    let record: Run | undefined;
    try {
      record = await ledger.runs.find(runId);
    } catch (error) {
      logger.error({ err: error, runId }, 'a started export could not be looked up');
      return false;
    }
    if (record && !isActive(record.state)) return true;
    if (record && record.requestedAt.getTime() === requestedAt?.getTime()) return false;
    return temporal.isCancelling(run);
  }

  /** Waits for an ending run: until its workflow closes, Temporal returns it instead of starting another. */
  async function startAnew(named: NamedOrder<Order | ArchiveOrder>, queued: boolean): Promise<WorkflowRun> {
    const requestedAt = clock.now();
    let run = await start(named, requestedAt, queued);
    for (let waited = 0; await isEnding(run, requestedAt); waited += CLOSE_POLL_MS) {
      if (waited >= CLOSE_WAIT_MS) {
        throw new TryLater(
          'rate_limited',
          CLOSE_RETRY_SECONDS,
          'An earlier export of the same order is still cleaning up. Send the request again in a few seconds.',
        );
      }
      if ((await temporal.status(run)) === 'open') await delay(CLOSE_POLL_MS);
      else run = await start(named, requestedAt, queued);
    }
    return run;
  }

  async function startedSince(workflowId: string, attemptedAt: Date): Promise<WorkflowRun | undefined> {
    const latest = await temporal.findLatest(workflowId);
    if (!latest || latest.startedAt.getTime() < attemptedAt.getTime() - CLOCK_SKEW_MS) return undefined;
    return { workflowId, runId: latest.runId };
  }

  return async function submit(tenant, named, attemptedAt) {
    const { order, workflowId } = named;
    const earlier = attemptedAt && (await startedSince(workflowId, attemptedAt));
    if (earlier) return earlier;
    const limit = tenant.exportsMax ?? settings.WAYBILL_TENANT_EXPORTS_MAX;
    const others = starting.get(tenant.key) ?? 0;
    starting.set(tenant.key, others + 1);
    try {
      const ahead = (await ledger.runs.countActive(tenant.key, kindOf(order))) + others;
      if (ahead >= limit) {
        const runId = await temporal.findRunning(workflowId);
        if (runId !== undefined && !(await isEnding({ workflowId, runId }))) {
          return { workflowId, runId };
        }
        throw new TryLater(
          'too_many_exports',
          LIMIT_RETRY_SECONDS,
          `The limit of ${limit} running exports has been reached. Wait until one of them has ended, or cancel one.`,
        );
      }
      return await startAnew(named, ahead >= PROMPT_ORDERS);
    } finally {
      const left = (starting.get(tenant.key) ?? 1) - 1;
      if (left > 0) starting.set(tenant.key, left);
      else starting.delete(tenant.key);
    }
  };
}

function kindOf(order: Order | ArchiveOrder): ExportKind {
  return 'questionnaire' in order ? QUESTIONNAIRE : ON_DEMAND;
}

function labelsOf(order: Order | ArchiveOrder): RunLabels {
  const { tenant } = order;
  if ('questionnaire' in order) {
    const { bundle, type, status } = order;
    const summary = `${versionText(order)} for ${tenant} as ${type}, interviews: ${status ?? ALL_STATUSES}`;
    return { tenant, subject: bundle, format: type, summary };
  }
  const { dataset, format } = order;
  return { tenant, subject: dataset, format, summary: `${dataset} for ${tenant} as ${fileExtension(order)}` };
}
