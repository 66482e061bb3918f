import { ApplicationFailure, activityInfo, CancelledFailure, Context } from '@temporalio/activity';
import type { Logger } from 'pino';
import { causeDetails, type ExplainedFailure, FAILURES, WaybillError } from '../contracts/failures.ts';
import type { StepResult } from '../contracts/steps.ts';

/** Milliseconds between heartbeats. A cancel reaches the step in the response to one, so this bounds its delay. */
const HEARTBEAT_MS = 500;

/** What a step is about; every line that it logs has these fields, beside those that lead to its run in Temporal. */
export interface StepSubject {
  readonly tenant?: string;
  readonly dataset?: string | undefined;
}

/**
 * Runs a step's work with heartbeats and classifies its errors: a final failure is returned; an error that a retry may cure
 * is thrown with the failure's code as its type; a cancellation is thrown as such.
 *
 * Temporal's history gets the message for the tenant, and the cause for operators as a detail of the failure.
 *
 * @param subject read when the step fails
 * @param details called for each heartbeat
 */
export async function runStep<Value>(
  logger: Logger,
  subject: StepSubject,
  work: (signal: AbortSignal) => Promise<Value>,
  details: () => unknown = () => undefined,
): Promise<StepResult<Value>> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(details()), HEARTBEAT_MS);
  try {
    return { ok: true, value: await work(context.cancellationSignal) };
  } catch (error) {
    if (context.cancellationSignal.aborted || error instanceof CancelledFailure) throw interruption(context, error);
    const fields = { ...runFields(), ...subject };
    if (!(error instanceof WaybillError)) {
      logger.error({ err: error, ...fields }, 'activity failed unexpectedly');
      throw ApplicationFailure.retryable(`${FAILURES.internal.title}.`, 'internal');
    }
    logger.warn({ err: error, code: error.code, ...fields }, error.message);
    if (FAILURES[error.code].retryable) throw asRetryable(error);
    return { ok: false, failure: explain(error) };
  } finally {
    clearInterval(beat);
  }
}

/** As {@link runStep}, for a step whose failures the workflow does not distinguish: final ones are thrown too. */
export async function runOrThrow<Value>(
  logger: Logger,
  subject: StepSubject,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const result = await runStep(logger, subject, work);
  if (result.ok) return result.value;
  const { message, code } = result.failure;
  throw ApplicationFailure.nonRetryable(message, code, ...causeDetails(result.failure));
}

/** Fields that lead from a log line to the run in the Temporal UI. */
function runFields() {
  const { workflowExecution, activityType, attempt } = activityInfo();
  return {
    workflowId: workflowExecution?.workflowId,
    runId: workflowExecution?.runId,
    activity: activityType,
    attempt,
  };
}

function asRetryable(error: WaybillError): ApplicationFailure {
  const failure = explain(error);
  return ApplicationFailure.retryable(failure.message, failure.code, ...causeDetails(failure));
}

/** Most causes of one another that are told. */
const CAUSES_MAX = 5;
/** Longest text of a cause, in characters, because it is stored in Temporal's history. */
const CAUSE_MAX = 1000;

/** @returns what is recorded of an error */
export function explain({ code, message, cause }: WaybillError): ExplainedFailure {
  const texts: string[] = [];
  // A mail server's reply may contain the addresses of contacts.
  let error = code.startsWith('mail_') ? undefined : cause;
  for (; error instanceof Error && texts.length < CAUSES_MAX; error = error.cause) texts.push(textOf(error));
  return { code, message, ...(texts.length > 0 ? { cause: texts.join(': ').slice(0, CAUSE_MAX) } : {}) };
}

/** A connection that is refused on several addresses has no message of its own. */
function textOf(error: Error): string {
  if (error.message === '' && error instanceof AggregateError) return error.errors.map(String).join(', ');
  return error.message || error.name;
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

/** Errors of the ledger are always retried. */
export function createLedgerStep(logger: Logger, subject: StepSubject): LedgerStep {
  return async (call) => {
    try {
      return await call();
    } catch (error) {
      if (error instanceof ApplicationFailure) throw error;
      logger.warn({ err: error, ...runFields(), ...subject }, 'the ledger could not be written');
      if (error instanceof WaybillError) throw asRetryable(error);
      throw ApplicationFailure.retryable('The ledger could not be written.', 'internal');
    }
  };
}
