import type { Connection, WorkflowClient } from '@temporalio/client';
import { fileExtension } from '../../contracts/order.ts';
import type { Progress } from '../../contracts/progress.ts';
import type { ExportInput } from '../../contracts/steps.ts';
import { keyword } from '../../stores/schedules/attributes.ts';
import { callTemporal } from '../../stores/schedules/calls.ts';
import { createWorkflowRuns, type Fate, type WorkflowRun } from '../temporal/workflow-runs.ts';

/** One run of an export's workflow. */
export interface Run {
  readonly workflowId: string;
  /** Run id of the first run. */
  readonly exportId: string;
}

/**
 * The exports as Temporal runs them.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface ExportRuns {
  /** Starts the export, or finds the one that runs under this workflow id. @returns its export id */
  start(workflowId: string, input: ExportInput): Promise<string>;
  /** @returns the export id of the run that is under way, or `undefined` */
  findRunning(workflowId: string): Promise<string | undefined>;
  /** Asks the run to cancel. @returns `ended` when there is nothing left to cancel */
  cancel(run: Run): Promise<'requested' | 'ended'>;
  /** How the run stands. A run that an operator has reset goes on, and is open. */
  fate(run: Run): Promise<Fate>;
  /** How far the run is; not monotone by itself. @returns `undefined` when nobody can tell at the moment */
  progress(run: Run): Promise<Progress | undefined>;
  /** @throws WaybillError `temporal_unavailable` */
  ping(): Promise<void>;
}

const PING_MS = 2000;

/** @param taskQueue queue of this deployment's workflows */
export function createExportRuns(connection: Connection, workflows: WorkflowClient, taskQueue: string): ExportRuns {
  const runs = createWorkflowRuns(workflows);
  return {
    async start(workflowId, input) {
      const { order } = input;
      const handle = await callTemporal(workflows, () =>
        workflows.start('exportDataset', {
          args: [input],
          taskQueue,
          workflowId,
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `${order.dataset} for ${order.tenant} as ${fileExtension(order)}`,
          priority: { fairnessKey: order.tenant },
          typedSearchAttributes: [
            keyword('WaybillTenant', order.tenant),
            keyword('WaybillDataset', order.dataset),
            keyword('WaybillFormat', order.format),
            keyword('WaybillState', 'running'),
          ],
        }),
      );
      return handle.firstExecutionRunId;
    },
    findRunning: (workflowId) => runs.findRunning(workflowId),
    cancel: (run) => runs.cancel(workflowRun(run)),
    fate: (run) => runs.fate(workflowRun(run)),
    progress: (run) => runs.progress(workflowRun(run)),
    async ping() {
      await callTemporal(connection, () => connection.workflowService.getSystemInfo({}), PING_MS);
    },
  };
}

function workflowRun({ workflowId, exportId }: Run): WorkflowRun {
  return { workflowId, runId: exportId };
}
