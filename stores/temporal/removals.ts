import { type WorkflowClient, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { RemoveGenerationInput } from '../../contracts/periodic-steps.ts';
import type { StrayInput } from '../../contracts/strays.ts';
import { callTemporal } from './calls.ts';
import { keyword } from './labels.ts';

/**
 * Removals of files, each a workflow that starts after a delay. Idempotent: the first delay counts.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface DelayedRemovals {
  readonly expiry: {
    /** @param expiresAt ISO 8601 */
    scheduleExpiry(input: { readonly exportId: string; readonly tenant: string }, expiresAt: string): Promise<void>;
  };
  readonly removals: {
    /** Of a replaced generation. @param delayMs milliseconds */
    scheduleRemoval(input: RemoveGenerationInput, delayMs: number): Promise<void>;
  };
  readonly strays: {
    /** Of what a worker that lost Temporal may still write after its run has ended. */
    schedule(input: StrayInput): Promise<void>;
  };
}

/**
 * @param taskQueue queue of this deployment's workflows
 * @param strayMs delay of the removal of strays in milliseconds: longer than any upload that a lost worker can finish
 */
export function createDelayedRemovals(
  workflows: Pick<WorkflowClient, 'start' | 'withDeadline'>,
  taskQueue: string,
  strayMs: number,
): DelayedRemovals {
  async function startLater<Input extends { readonly tenant: string }>(
    type: 'expireExport' | 'removeGeneration' | 'removeStrays',
    workflowId: string,
    input: Input,
    delayMs: number,
    staticSummary: string,
  ): Promise<void> {
    const { tenant } = input;
    try {
      await callTemporal(workflows, () =>
        workflows.start(type, {
          workflowId,
          taskQueue,
          args: [input],
          startDelay: Math.max(1, Math.ceil(delayMs)),
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          typedSearchAttributes: [keyword('WaybillTenant', tenant)],
          staticSummary,
          priority: { fairnessKey: tenant },
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  return {
    expiry: {
      scheduleExpiry({ exportId, tenant }, expiresAt) {
        const delayMs = new Date(expiresAt).getTime() - Date.now();
        const summary = `remove the files of an export of ${tenant} at ${expiresAt}`;
        return startLater('expireExport', `expire-export|${exportId}`, { exportId, tenant }, delayMs, summary);
      },
    },
    removals: {
      scheduleRemoval({ tenant, generationId }, delayMs) {
        const summary = `remove a replaced generation of ${tenant}`;
        const workflowId = `remove-generation|${generationId}`;
        return startLater('removeGeneration', workflowId, { tenant, generationId }, delayMs, summary);
      },
    },
    strays: {
      schedule(input) {
        const summary = `remove what lost workers left of a ${input.kind} of ${input.tenant}`;
        return startLater('removeStrays', `remove-strays|${input.id}`, input, strayMs, summary);
      },
    },
  };
}
