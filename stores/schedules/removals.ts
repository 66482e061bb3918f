import { type WorkflowClient, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { RemoveGenerationInput } from '../../contracts/periodic-steps.ts';
import { keyword } from './attributes.ts';
import { callTemporal } from './calls.ts';

/**
 * Removals of replaced generations, each a workflow that begins after a delay.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface GenerationRemovals {
  /**
   * Repeating it is harmless: the first delay counts.
   * @param delayMs milliseconds until the files are removed
   */
  scheduleRemoval(input: RemoveGenerationInput, delayMs: number): Promise<void>;
}

/** @param taskQueue queue of this deployment's workflows */
export function createGenerationRemovals(
  workflows: Pick<WorkflowClient, 'start' | 'withDeadline'>,
  taskQueue: string,
): GenerationRemovals {
  return {
    async scheduleRemoval({ tenant, generationId }, delayMs) {
      try {
        await callTemporal(workflows, () =>
          workflows.start('removeGeneration', {
            workflowId: `remove-generation|${generationId}`,
            taskQueue,
            args: [{ tenant, generationId }],
            startDelay: Math.max(1, Math.ceil(delayMs)),
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
            typedSearchAttributes: [keyword('WaybillTenant', tenant)],
            staticSummary: `remove a replaced generation of ${tenant}`,
            priority: { fairnessKey: tenant },
          }),
        );
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    },
  };
}
