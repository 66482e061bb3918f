import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowClient } from '@temporalio/client';
import type { Progress } from '../../contracts/progress.ts';
import type { Generation } from '../../stores/ledger/periodic.ts';
import { createWorkflowRuns, type Fate, type WorkflowRun } from '../temporal/workflow-runs.ts';

type Run = Pick<Generation, 'workflowId' | 'generationId'>;

/**
 * The periodic runs as Temporal runs them. Who starts them is the schedule.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface PeriodicRuns {
  /**
   * Asks the run to cancel and waits for its end, clean-up included.
   * @param waitMs milliseconds to wait at the most
   * @returns whether it has ended; also true for one that is not known
   */
  endRun(run: Run, waitMs: number): Promise<boolean>;
  /** How the run stands. */
  fate(run: Run): Promise<Fate>;
  /** How far the run is; not monotone by itself. @returns `undefined` when nobody can tell at the moment */
  progress(run: Run): Promise<Progress | undefined>;
}

/** Milliseconds between two looks at a run that is being ended. */
const LOOK_MS = 200;

export function createPeriodicRuns(workflows: WorkflowClient): PeriodicRuns {
  const runs = createWorkflowRuns(workflows);
  return {
    async endRun(run, waitMs) {
      const deadline = Date.now() + waitMs;
      if ((await runs.cancel(workflowRun(run))) === 'ended') return true;
      while (Date.now() < deadline) {
        await delay(LOOK_MS);
        if ((await runs.fate(workflowRun(run))) !== 'open') return true;
      }
      return false;
    },
    fate: (run) => runs.fate(workflowRun(run)),
    progress: (run) => runs.progress(workflowRun(run)),
  };
}

function workflowRun({ workflowId, generationId }: Run): WorkflowRun {
  return { workflowId, runId: generationId };
}
