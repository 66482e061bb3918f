import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import type { Logger } from 'pino';
import { WaybillError } from '../contracts/failures.ts';

/** Runs what a step asks of the ledger. */
export type LedgerStep = <Value>(ask: () => Promise<Value>) => Promise<Value>;

/** The ledger's trouble is always worth another try; only its code and its table message go into the history. */
export function createLedgerStep(logger: Logger): LedgerStep {
  return async (ask) => {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof ApplicationFailure) throw error;
      const { activityType, attempt } = activityInfo();
      logger.warn({ err: error, activity: activityType, attempt }, 'the ledger could not be written');
      if (error instanceof WaybillError) throw ApplicationFailure.retryable(error.message, error.code);
      throw ApplicationFailure.retryable('The ledger could not be written.', 'internal');
    }
  };
}
