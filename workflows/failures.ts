import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import { causeDetails, type ExplainedFailure, FAILURES, isFailureCode } from '../contracts/failures.ts';
import type { StepResult } from '../contracts/steps.ts';

/** A step's final failure, on its way to the end of the workflow. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure';
  readonly failure: ExplainedFailure;

  constructor(failure: ExplainedFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** @throws StepFailure if the step ended in a final failure */
export function unwrap<Value>(result: StepResult<Value>): Value {
  if (result.ok) return result.value;
  throw new StepFailure(result.failure);
}

/**
 * Whether the run ended because it was cancelled. A step whose worker is lost after the cancel request ends with a
 * heartbeat timeout instead of a cancellation.
 *
 * Call it in the workflow's root scope: a non-cancellable scope does not see the cancel request.
 */
export function wasCancelled(error: unknown): boolean {
  return isCancellation(error) || CancellationScope.current().consideredCancelled;
}

/** @returns the failure to record for an error that ended the run */
export function failureOf(error: unknown): ExplainedFailure {
  if (error instanceof StepFailure) return error.failure;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.type && isFailureCode(cause.type)) {
    const [details] = (cause.details ?? []) as ReturnType<typeof causeDetails>;
    return { code: cause.type, message: cause.message, ...details };
  }
  if (cause instanceof TimeoutFailure) {
    return {
      code: 'internal',
      message: 'The workers that were writing the export were lost repeatedly. Contact the operator, then resubmit.',
    };
  }
  return { code: 'internal', message: `${FAILURES.internal.title}. ${FAILURES.internal.advice}` };
}

/** The failure that the Temporal UI shows for the run: its type is the failure's code, its details tell the cause. */
export function workflowFailure(failure: ExplainedFailure): ApplicationFailure {
  return ApplicationFailure.nonRetryable(failure.message, failure.code, ...causeDetails(failure));
}
