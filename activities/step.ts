import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { Logger } from 'pino';
import { FAILURES, WaybillError } from '../contracts/failures.ts';
import type { Settled } from '../contracts/settled.ts';

/** Milliseconds between heartbeats. A cancel reaches the step with the answer to one, so this bounds its delay. */
const HEARTBEAT_MS = 500;

/**
 * Runs a step's work with heartbeats, and sorts what comes of it: a failure that no retry can cure is returned, trouble
 * that a retry may cure is thrown with the failure's code as its type, a cancel is thrown as such.
 *
 * Messages reach Temporal's history, so only those of the failure table do; causes go to the operator's log.
 *
 * @param details called for each heartbeat
 */
export async function runStep<Value>(
  logger: Logger,
  work: (signal: AbortSignal) => Promise<Value>,
  details: () => unknown = () => undefined,
): Promise<Settled<Value>> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(details()), HEARTBEAT_MS);
  try {
    return { ok: true, value: await work(context.cancellationSignal) };
  } catch (error) {
    if (context.cancellationSignal.aborted || error instanceof CancelledFailure) throw interruption(context, error);
    if (!(error instanceof WaybillError)) {
      logger.error({ err: error, activity: context.info.activityType }, 'step failed in a way nobody foresaw');
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

/** As {@link runStep}, for a step whose failures the workflow does not look into: one that no retry can cure is thrown too. */
export async function runOrThrow<Value>(logger: Logger, work: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  const result = await runStep(logger, work);
  if (!result.ok) throw ApplicationFailure.nonRetryable(result.failure.message, result.failure.code);
  return result.value;
}

/** A step stops early because it was cancelled, or because its worker is going: the next worker starts it afresh. */
function interruption(context: Context, error: unknown): Error {
  const details = context.cancellationDetails;
  if (details?.workerShutdown && !details.cancelRequested) {
    return ApplicationFailure.retryable('The worker is shutting down; another one takes over.', 'worker_shutdown');
  }
  return error instanceof CancelledFailure ? error : new CancelledFailure('The step was cancelled');
}
