import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { WaybillError } from '../../contracts/failures.ts';
import type { Ledger } from '../../stores/ledger/ports.ts';
import type { WorkflowRun } from '../../stores/temporal/temporal.ts';
import { TryLater } from '../http/problems.ts';
import type { NamedOrder } from './submit.ts';

const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
/** How long a duplicate request waits for the first one before it gets 429. */
const DUPLICATE_WAIT_MS = 6000;
const DUPLICATE_POLL_MS = 100;

/** @param attemptedAt start of an earlier attempt that may have started a run; `null`: there was none */
type SubmitOnce = (attemptedAt: Date | null) => Promise<WorkflowRun>;

export interface OnceDeps {
  readonly ledger: Pick<Ledger, 'idempotency'>;
  readonly logger: Logger;
}

/**
 * Runs `submit` at most once for an `Idempotency-Key`: for 24 hours, requests with the same key and order get the same
 * export, even after it has ended.
 *
 * @throws WaybillError `invalid_field`, `idempotency_conflict`; TryLater `rate_limited` if the first request takes too long
 */
export async function onceFor(
  deps: OnceDeps,
  tenant: string,
  key: string,
  { order, workflowId }: NamedOrder,
  submit: SubmitOnce,
): Promise<WorkflowRun> {
  if (!KEY.test(key)) {
    throw new WaybillError('invalid_field', 'Idempotency-Key should be 1 to 255 printable ASCII characters.', {
      field: 'Idempotency-Key',
    });
  }
  const requestHash = createHash('sha256')
    .update(JSON.stringify([workflowId, order]))
    .digest('hex');
  for (let waited = 0; waited <= DUPLICATE_WAIT_MS; waited += DUPLICATE_POLL_MS) {
    const held = await deps.ledger.idempotency.claim(tenant, key, requestHash);
    if (held.won) return settle(deps, tenant, key, () => submit(held.attemptedAt));
    if (held.requestHash !== requestHash) throw new WaybillError('idempotency_conflict');
    if (held.runId !== null) return { workflowId, runId: held.runId };
    await delay(DUPLICATE_POLL_MS);
  }
  throw new TryLater(
    'rate_limited',
    1,
    'The first request with this Idempotency-Key is still in progress. Send the request again in a moment.',
  );
}

/**
 * Submits and stores the result. If storing it fails, the claim expires and the next request looks for the run. The same
 * applies if Temporal did not answer, because it may have started the run.
 */
async function settle(
  deps: OnceDeps,
  tenant: string,
  key: string,
  submit: () => Promise<WorkflowRun>,
): Promise<WorkflowRun> {
  const store = async (result: Parameters<typeof deps.ledger.idempotency.settle>[2]) => {
    try {
      await deps.ledger.idempotency.settle(tenant, key, result);
    } catch (error) {
      deps.logger.error({ err: error, result }, 'an idempotency key could not be settled');
    }
  };
  let run: WorkflowRun;
  try {
    run = await submit();
  } catch (error) {
    const isUnknown = error instanceof WaybillError && error.code === 'temporal_unavailable';
    await store(isUnknown ? 'unknown' : 'failed');
    throw error;
  }
  await store({ runId: run.runId });
  return run;
}
