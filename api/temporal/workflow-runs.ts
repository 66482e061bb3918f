import {
  QueryNotRegisteredError,
  QueryRejectedError,
  type WorkflowClient,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { WaybillError } from '../../contracts/failures.ts';
import type { Progress } from '../../contracts/progress.ts';
import { PROGRESS_QUERY } from '../../contracts/task-queues.ts';
import { callTemporal } from '../../stores/schedules/calls.ts';
import { addHeartbeats } from './running-parts.ts';

/** A workflow's run, and what it goes on in when it is retried or reset. */
export interface WorkflowRun {
  readonly workflowId: string;
  /** Id of the first run. */
  readonly runId: string;
}

/**
 * How a run stands: `open`; `cut` when it was ended from outside, or failed without a word; `over` when it has done all
 * its steps, or is not known any more.
 */
export type Fate = 'open' | 'cut' | 'over';

/**
 * Workflows as Temporal runs them.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface WorkflowRuns {
  /** @returns id of the first run of what is under way, or `undefined` */
  findRunning(workflowId: string): Promise<string | undefined>;
  /** How the run stands. A run that an operator has reset goes on, and is open. */
  fate(run: WorkflowRun): Promise<Fate>;
  /** Asks the run to cancel. @returns `ended` when there is nothing left to cancel */
  cancel(run: WorkflowRun): Promise<'requested' | 'ended'>;
  /** How far the run is; not monotone by itself. @returns `undefined` when nobody can tell at the moment */
  progress(run: WorkflowRun): Promise<Progress | undefined>;
}

/** A query waits for a worker; without one the progress is simply not known. */
const QUERY_MS = 1000;

export function createWorkflowRuns(workflows: WorkflowClient): WorkflowRuns {
  async function describe(workflowId: string, runId?: string) {
    try {
      return await callTemporal(workflows, () => workflows.getHandle(workflowId, runId).describe());
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  async function findRunning(workflowId: string): Promise<string | undefined> {
    const latest = await describe(workflowId);
    if (!latest || fateOf(latest.status.name) !== 'open') return undefined;
    return latest.raw.workflowExecutionInfo?.firstRunId || latest.runId;
  }

  async function fate({ workflowId, runId }: WorkflowRun): Promise<Fate> {
    const run = await describe(workflowId, runId);
    const fate = run ? fateOf(run.status.name) : 'over';
    // A reset ends this run and goes on in another of the same chain.
    return fate === 'cut' && (await findRunning(workflowId)) === runId ? 'open' : fate;
  }

  return {
    findRunning,
    fate,

    async cancel({ workflowId, runId }) {
      const handle = workflows.getHandle(workflowId, undefined, { firstExecutionRunId: runId });
      try {
        // The server takes a cancel request for a closed run without a word.
        if ((await fate({ workflowId, runId })) !== 'open') return 'ended';
        await callTemporal(workflows, () => handle.cancel());
        return 'requested';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'ended';
        throw error;
      }
    },

    async progress({ workflowId, runId }) {
      const handle = workflows.getHandle(workflowId, runId);
      try {
        // In this order: a part that finishes in between is missed once, where the other way it would count twice.
        const finished = await callTemporal(workflows, () => handle.query<Progress>(PROGRESS_QUERY), QUERY_MS);
        const { raw } = await callTemporal(workflows, () => handle.describe(), QUERY_MS);
        const heartbeats = (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) =>
          (heartbeatDetails?.payloads ?? []).map((payload) => defaultPayloadConverter.fromPayload(payload)),
        );
        return addHeartbeats(finished, heartbeats);
      } catch (error) {
        if (
          error instanceof WorkflowNotFoundError ||
          error instanceof WaybillError ||
          error instanceof QueryNotRegisteredError ||
          error instanceof QueryRejectedError
        ) {
          return undefined;
        }
        throw error;
      }
    },
  };
}

function fateOf(status: WorkflowExecutionStatusName): Fate {
  switch (status) {
    case 'COMPLETED':
      return 'over';
    case 'FAILED':
    case 'CANCELLED':
    case 'TERMINATED':
    case 'TIMED_OUT':
      return 'cut';
    case 'RUNNING':
    case 'PAUSED':
    case 'CONTINUED_AS_NEW':
    case 'UNSPECIFIED':
    case 'UNKNOWN':
      return 'open';
  }
}
