import {
  type Connection,
  isGrpcServiceError,
  QueryNotRegisteredError,
  QueryRejectedError,
  ServiceError,
  type WorkflowClient,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defaultPayloadConverter, defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { WaybillError } from '../../contracts/failures.ts';
import { fileExtension } from '../../contracts/order.ts';
import type { Progress } from '../../contracts/progress.ts';
import type { ExportInput } from '../../contracts/steps.ts';
import { PROGRESS_QUERY, type SEARCH_ATTRIBUTES } from '../../contracts/task-queues.ts';
import { addHeartbeats } from './running-parts.ts';

/** One run of an export's workflow. */
export interface Run {
  readonly workflowId: string;
  /** Run id of the first run. */
  readonly exportId: string;
}

/**
 * How a run stands: `open`; `cut` when it was ended from outside, or failed without a word; `over` when it has done all
 * its steps, or is not known any more.
 */
export type Fate = 'open' | 'cut' | 'over';

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

const CALL_MS = 5000;
/** A query waits for a worker; without one the progress is simply not known. */
const QUERY_MS = 1000;
const PING_MS = 2000;

const keyword = (name: (typeof SEARCH_ATTRIBUTES)[number], value: string) => ({
  key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
  value,
});

/** @param taskQueue queue of this deployment's workflows */
export function createExportRuns(connection: Connection, workflows: WorkflowClient, taskQueue: string): ExportRuns {
  async function call<Answer>(ms: number, work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await connection.withDeadline(Date.now() + ms, work);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError || !isTrouble(error)) throw error;
      throw new WaybillError('temporal_unavailable', undefined, { cause: error });
    }
  }

  async function describe(workflowId: string, runId?: string) {
    try {
      return await call(CALL_MS, () => workflows.getHandle(workflowId, runId).describe());
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

  async function fate({ workflowId, exportId }: Run): Promise<Fate> {
    const run = await describe(workflowId, exportId);
    const fate = run ? fateOf(run.status.name) : 'over';
    // A reset ends this run and goes on in another of the same chain.
    return fate === 'cut' && (await findRunning(workflowId)) === exportId ? 'open' : fate;
  }

  return {
    async start(workflowId, input) {
      const { order } = input;
      const handle = await call(CALL_MS, () =>
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

    findRunning,
    fate,

    async cancel({ workflowId, exportId }) {
      const handle = workflows.getHandle(workflowId, undefined, { firstExecutionRunId: exportId });
      try {
        // The server takes a cancel request for a closed run without a word.
        if ((await fate({ workflowId, exportId })) !== 'open') return 'ended';
        await call(CALL_MS, () => handle.cancel());
        return 'requested';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'ended';
        throw error;
      }
    },

    async progress({ workflowId, exportId }) {
      const handle = workflows.getHandle(workflowId, exportId);
      try {
        // In this order: a part that finishes in between is missed once, where the other way it would count twice.
        const finished = await call(QUERY_MS, () => handle.query<Progress>(PROGRESS_QUERY));
        const { raw } = await call(QUERY_MS, () => handle.describe());
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

    async ping() {
      await call(PING_MS, () => connection.workflowService.getSystemInfo({}));
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

function isTrouble(error: unknown): boolean {
  return isGrpcServiceError(error) || error instanceof ServiceError;
}
