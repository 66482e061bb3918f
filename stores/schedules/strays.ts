import { type WorkflowClient, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { StrayInput } from '../../contracts/strays.ts';
import { keyword } from './attributes.ts';
import { callTemporal } from './calls.ts';

/**
 * Second looks at what runs left, each a workflow that begins after a delay: a worker that lost Temporal may end an upload
 * after everything was removed.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface StrayRemovals {
  /** Repeating it is harmless: the first one counts. */
  schedule(input: StrayInput): Promise<void>;
}

/**
 * @param taskQueue queue of this deployment's workflows
 * @param delayMs milliseconds until the look: more than the longest upload that a lost worker can still finish
 */
export function createStrayRemovals(
  workflows: Pick<WorkflowClient, 'start' | 'withDeadline'>,
  taskQueue: string,
  delayMs: number,
): StrayRemovals {
  return {
    async schedule(input) {
      const { kind, tenant, id } = input;
      try {
        await callTemporal(workflows, () =>
          workflows.start('removeStrays', {
            workflowId: `remove-strays|${id}`,
            taskQueue,
            args: [input],
            startDelay: delayMs,
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            typedSearchAttributes: [keyword('WaybillTenant', tenant)],
            staticSummary: `remove what lost workers left of a ${kind} of ${tenant}`,
            priority: { fairnessKey: tenant },
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
  };
}
