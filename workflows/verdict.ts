import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import { FAILURES, type Failure, isFailureCode } from '../contracts/failures.ts';
import type { Settled } from '../contracts/settled.ts';

/** Carries a step's final failure up to the end of the workflow. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** @throws StepFailure when the step ended in a failure that no retry can cure */
export function unwrap<Value>(settled: Settled<Value>): Value {
  if (settled.ok) return settled.value;
  throw new StepFailure(settled.failure);
}

/**
 * Whether the run ended because it was cancelled. A step whose worker is lost after the cancel request ends with a
 * heartbeat timeout, which is no cancellation by itself.
 *
 * Call it in the workflow's root scope: a non-cancellable scope knows of no cancel request.
 */
export function wasCancelled(error: unknown): boolean {
  return isCancellation(error) || CancellationScope.current().consideredCancelled;
}

/** What is recorded for an error that ended the export. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StepFailure) return error.failure;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && cause.type && isFailureCode(cause.type)) {
    return { code: cause.type, message: cause.message };
  }
  if (cause instanceof TimeoutFailure) {
    return {
      code: 'internal',
      message: 'The workers that were writing the export were lost, again and again. Tell the operator, then resubmit.',
    };
  }
  return { code: 'internal', message: `${FAILURES.internal.title}. ${FAILURES.internal.advice}` };
}

export function cancelledFailure(): Failure {
  return { code: 'cancelled', message: `${FAILURES.cancelled.title}. ${FAILURES.cancelled.advice}` };
}

/** The one failure that the Temporal UI shows for the export; its type is the failure's code. */
export function workflowFailure(failure: Failure): ApplicationFailure {
  return ApplicationFailure.nonRetryable(failure.message, failure.code);
}
