import { type WorkflowClient, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { isFailureCode, WaybillError } from '../../contracts/failures.ts';
import { PREVIEW_SECONDS_MAX } from '../../contracts/preview.ts';
import type { StepResult } from '../../contracts/steps.ts';
import { PREVIEW_WORKFLOW } from '../../contracts/task-queues.ts';
import { callTemporal } from './calls.ts';
import { previewOptions } from './labels.ts';
import type { Temporal } from './temporal.ts';

/** How long the answer of a preview may take, in milliseconds: its own limit and the way back. */
const ANSWER_MS = (PREVIEW_SECONDS_MAX + 5) * 1000;

export function createPreviews(workflows: WorkflowClient, taskQueue: string): Pick<Temporal, 'preview'> {
  return {
    async preview(input, signal) {
      const handle = await callTemporal(workflows, () =>
        workflows.start(PREVIEW_WORKFLOW, {
          ...previewOptions(input, taskQueue),
          args: [input],
          // The object's key is as unique as its name.
          workflowId: `preview|${input.key}`,
        }),
      );
      // Nobody waits for the answer of the cancellation either.
      const cancel = () => void handle.cancel().catch(() => undefined);
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
      try {
        return (await callTemporal(workflows, () => handle.result(), ANSWER_MS)) as StepResult<null>;
      } catch (error) {
        throw failureOf(error);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
  };
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  const { cause } = error;
  const reason = cause instanceof ActivityFailure ? cause.cause : cause;
  if (reason instanceof ApplicationFailure && reason.type && isFailureCode(reason.type)) {
    return new WaybillError(reason.type, reason.message, { cause: error });
  }
  const message = `The warehouse did not answer within ${PREVIEW_SECONDS_MAX} s.`;
  return new WaybillError('warehouse_unavailable', message, { cause: error });
}
