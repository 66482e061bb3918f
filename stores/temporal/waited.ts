import { type WorkflowClient, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { isFailureCode, WaybillError } from '../../contracts/failures.ts';
import type { Handover } from '../../contracts/handover.ts';
import { PREVIEW_SECONDS_MAX } from '../../contracts/preview.ts';
import type { StepResult } from '../../contracts/steps.ts';
import { LIST_QUESTIONNAIRES_WORKFLOW, PREVIEW_WORKFLOW } from '../../contracts/task-queues.ts';
import { callTemporal } from './calls.ts';
import { waitedOptions } from './labels.ts';
import type { Temporal } from './temporal.ts';

/** How long the answer of a preview may take, in milliseconds: its own limit and the way back. */
const ANSWER_MS = (PREVIEW_SECONDS_MAX + 5) * 1000;

/** Workflows whose caller waits for their end. */
export function createWaited(
  workflows: WorkflowClient,
  taskQueue: string,
): Pick<Temporal, 'preview' | 'listQuestionnaires'> {
  async function run<Input extends Handover>(
    type: string,
    input: Input,
    options: ReturnType<typeof waitedOptions>,
    signal: AbortSignal,
  ): Promise<StepResult<null>> {
    const handle = await callTemporal(workflows, () =>
      workflows.start(type, {
        ...options,
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
  }

  return {
    async preview(input, signal) {
      const { tenant, content } = input;
      const options = waitedOptions({ tenant, subject: content.dataset }, 'preview', taskQueue);
      return run(PREVIEW_WORKFLOW, input, options, signal);
    },
    async listQuestionnaires(input, signal) {
      const { tenant, bundle } = input;
      const options = waitedOptions({ tenant, subject: bundle }, 'list', taskQueue);
      return run(LIST_QUESTIONNAIRES_WORKFLOW, input, options, signal);
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
