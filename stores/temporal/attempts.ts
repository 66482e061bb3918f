import {
  ActivityCancelledError,
  ActivityCompletionError,
  ActivityNotFoundError,
  type AsyncCompletionClient,
} from '@temporalio/client';
import { WaybillError } from '../../contracts/failures.ts';
import { callTemporal } from './calls.ts';

/** `over`: its result would be refused, or is no longer wanted; `unknown`: Temporal does not answer. */
export type AttemptState = 'counts' | 'over' | 'unknown';

/** Activity attempts, as Temporal sees them. */
export interface Attempts {
  /**
   * Checks whether an attempt is still valid. The worker's own heartbeats cannot answer that: while it is offline they are
   * queued in the worker, and their responses come late.
   *
   * @param details replaces the details of the last heartbeat
   */
  find(taskToken: Uint8Array, details: unknown): Promise<AttemptState>;
}

export function createAttempts(activities: Pick<AsyncCompletionClient, 'heartbeat' | 'withDeadline'>): Attempts {
  return {
    async find(taskToken, details) {
      try {
        await callTemporal(activities, () => activities.heartbeat(taskToken, details));
        return 'counts';
      } catch (error) {
        if (error instanceof ActivityNotFoundError || error instanceof ActivityCancelledError) return 'over';
        if (error instanceof ActivityCompletionError) return 'unknown';
        if (error instanceof WaybillError && error.code === 'temporal_unavailable') return 'unknown';
        throw error;
      }
    },
  };
}
