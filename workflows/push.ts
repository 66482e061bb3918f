import { ActivityFailure, ApplicationFailure, CancellationScope, setCurrentDetails } from '@temporalio/workflow';
import { type ExplainedFailure, FAILURES, isFailureCode } from '../contracts/failures.ts';
import type { PushEnd, PushInput } from '../contracts/steps.ts';
import { failureOf, wasCancelled, workflowFailure } from './failures.ts';
import { proxyPush } from './steps.ts';

/**
 * Delivers a committed run's files to the tenant's own destination, for a day, and records how that ended. The run stays as it is.
 *
 * Fails with an `ApplicationFailure` whose type is the failure's code; one that was cancelled ends as skipped.
 */
export async function pushDelivery(input: PushInput): Promise<PushEnd> {
  const { push, endPush } = proxyPush(input.tenant);
  let end: PushEnd;
  let explained: ExplainedFailure | undefined;
  try {
    end = await push(input);
  } catch (error) {
    if (wasCancelled(error)) {
      end = { state: 'skipped' };
    } else {
      explained = lastFailure(error);
      const { cause: _, ...failure } = explained;
      end = { state: 'failed', failure };
    }
  }
  const ended = end;
  await CancellationScope.nonCancellable(() => endPush({ ...input, end: ended }));
  setCurrentDetails(`**Delivery** for **${input.tenant}**: **${end.state}**`);
  if (explained) throw workflowFailure(explained);
  return end;
}

/** @returns why the last attempt failed: after a day Temporal reports a timeout, with that as its cause */
function lastFailure(error: unknown): ExplainedFailure {
  for (
    let cause = error instanceof ActivityFailure ? error.cause : error;
    cause instanceof Error;
    cause = cause.cause
  ) {
    if (cause instanceof ApplicationFailure && cause.type && isFailureCode(cause.type)) return failureOf(cause);
  }
  const { title, advice } = FAILURES.destination_unavailable;
  return { code: 'destination_unavailable', message: `${title}. ${advice}` };
}
