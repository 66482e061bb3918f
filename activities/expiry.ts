import { ApplicationFailure } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Ports } from './ports.ts';

const TENANT = defineSearchAttributeKey('WaybillTenant', SearchAttributeType.KEYWORD);

/**
 * Starts `expireExport` with a delay until the files are due: a closed export and one history event, not a workflow
 * that stays open for a month.
 */
export function createScheduleExpiry(ports: Pick<Ports, 'temporal' | 'taskQueue' | 'logger'>) {
  const { temporal, taskQueue, logger } = ports;
  return async function scheduleExpiry(input: {
    readonly exportId: string;
    readonly tenant: string;
    /** ISO 8601. */
    readonly expiresAt: string;
  }): Promise<void> {
    const { exportId, tenant, expiresAt } = input;
    try {
      await temporal.workflow.start('expireExport', {
        workflowId: `expire-export|${exportId}`,
        taskQueue,
        args: [{ exportId, tenant }],
        startDelay: Math.max(1, new Date(expiresAt).getTime() - Date.now()),
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        typedSearchAttributes: [{ key: TENANT, value: tenant }],
        staticSummary: `remove the files of an export of ${tenant} at ${expiresAt}`,
      });
    } catch (error) {
      // An earlier attempt of this step got through.
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      logger.warn({ err: error, exportId }, 'the expiry could not be scheduled yet');
      throw ApplicationFailure.retryable('Temporal did not take the expiry yet.', 'temporal_unavailable');
    }
  };
}
