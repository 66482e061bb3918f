import { ApplicationFailure } from '@temporalio/activity';
import type { Ports } from './ports.ts';

/** Starts `expireExport` with a delay: one history event instead of a workflow that stays open for a month. */
export function createScheduleExpiry({ expiry, logger }: Pick<Ports, 'expiry' | 'logger'>) {
  return async function scheduleExpiry(input: {
    readonly exportId: string;
    readonly tenant: string;
    /** ISO 8601. */
    readonly expiresAt: string;
  }): Promise<void> {
    try {
      await expiry.scheduleExpiry(input, input.expiresAt);
    } catch (error) {
      logger.warn({ err: error, exportId: input.exportId }, 'the expiry could not be scheduled yet');
      throw ApplicationFailure.retryable('Temporal did not take the expiry yet.', 'temporal_unavailable');
    }
  };
}
