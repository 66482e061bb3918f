import {
  ActivityCancelledError,
  ActivityCompletionError,
  ActivityNotFoundError,
  type AsyncCompletionClient,
} from '@temporalio/client';
import { WaybillError } from '../../contracts/failures.ts';
import { callTemporal } from './calls.ts';

/** `over`: its result would be refused, or is not wanted any more; `unknown`: Temporal does not answer. */
export type AttemptState = 'counts' | 'over' | 'unknown';

/** The attempts at steps, as Temporal sees them. */
export interface Attempts {
  /**
   * Asks now whether an attempt still counts. The worker's own heartbeats cannot tell: they wait in the worker while it
   * has no connection, and their answers come late.
   *
   * @param details takes the place of what the last heartbeat said
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
