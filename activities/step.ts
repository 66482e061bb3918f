import { ApplicationFailure, activityInfo, CancelledFailure, Context } from '@temporalio/activity';
import type { Logger } from 'pino';
import { FAILURES, WaybillError } from '../contracts/failures.ts';
import type { StepResult } from '../contracts/steps.ts';

/** Milliseconds between heartbeats. A cancel reaches the step in the response to one, so this bounds its delay. */
const HEARTBEAT_MS = 500;

/**
 * Runs a step's work with heartbeats and classifies its errors: a final failure is returned; an error that a retry may cure
 * is thrown with the failure's code as its type; a cancellation is thrown as such.
 *
 * Messages are stored in Temporal's history, so they come from the failure table only; causes go to the operator's log.
 *
 * @param details called for each heartbeat
 */
export async function runStep<Value>(
  logger: Logger,
  work: (signal: AbortSignal) => Promise<Value>,
  details: () => unknown = () => undefined,
): Promise<StepResult<Value>> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(details()), HEARTBEAT_MS);
  try {
    return { ok: true, value: await work(context.cancellationSignal) };
  } catch (error) {
    if (context.cancellationSignal.aborted || error instanceof CancelledFailure) throw interruption(context, error);
    if (!(error instanceof WaybillError)) {
      logger.error({ err: error, activity: context.info.activityType }, 'activity failed unexpectedly');
      throw ApplicationFailure.retryable(`${FAILURES.internal.title}.`, 'internal');
    }
    const attempt = context.info.attempt;
    logger.warn({ err: error, code: error.code, activity: context.info.activityType, attempt }, error.message);
    if (FAILURES[error.code].retryable) throw ApplicationFailure.retryable(error.message, error.code);
    return { ok: false, failure: { code: error.code, message: error.message } };
  } finally {
    clearInterval(beat);
  }
}

/** As {@link runStep}, for a step whose failures the workflow does not distinguish: final ones are thrown too. */
export async function runOrThrow<Value>(logger: Logger, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  const result = await runStep(logger, work);
  if (!result.ok) throw ApplicationFailure.nonRetryable(result.failure.message, result.failure.code);
  return result.value;
}

/** A step stops early if it was cancelled, or if its worker is shutting down; then another worker starts it again. */
function interruption(context: Context, error: unknown): Error {
  const details = context.cancellationDetails;
  if (details?.workerShutdown && !details.cancelRequested) {
    return ApplicationFailure.retryable('The worker is shutting down; another one takes over.', 'worker_shutdown');
  }
  return error instanceof CancelledFailure ? error : new CancelledFailure('The step was cancelled');
}

/** Runs the ledger calls of a step without heartbeats. */
export type LedgerStep = <Value>(call: () => Promise<Value>) => Promise<Value>;

/** Errors of the ledger are always retried; only their code and a message without details reach the history. */
export function createLedgerStep(logger: Logger): LedgerStep {
  return async (call) => {
    try {
      return await call();
    } catch (error) {
      if (error instanceof ApplicationFailure) throw error;
      const { activityType, attempt } = activityInfo();
      logger.warn({ err: error, activity: activityType, attempt }, 'the ledger could not be written');
      if (error instanceof WaybillError) throw ApplicationFailure.retryable(error.message, error.code);
      throw ApplicationFailure.retryable('The ledger could not be written.', 'internal');
    }
  };
}
