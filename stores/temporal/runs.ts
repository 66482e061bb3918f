import { setTimeout as delay } from 'node:timers/promises';
import {
  QueryNotRegisteredError,
  QueryRejectedError,
  type WorkflowClient,
  type WorkflowExecutionDescription,
  type WorkflowExecutionStatusName,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defaultPayloadConverter, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { z } from 'zod';
import { WaybillError } from '../../contracts/failures.ts';
import { pushWorkflowId, webhooksWorkflowId } from '../../contracts/keys.ts';
import type { PartsProgress, PlannedParts, Progress } from '../../contracts/progress.ts';
import { RELEASE_SIGNAL } from '../../contracts/requests.ts';
import {
  PARTS_QUERY,
  PROGRESS_QUERY,
  PUSH_WORKFLOW,
  RUN_WORKFLOW,
  WEBHOOKS_SIGNAL,
  WEBHOOKS_WORKFLOW,
} from '../../contracts/task-queues.ts';
import { callTemporal } from './calls.ts';
import { pushOptions, runOptions, webhooksOptions } from './labels.ts';
import type { RunStatus, Temporal, WorkflowRun } from './temporal.ts';

/** Query timeout in milliseconds. A query needs a worker; without one the progress is unknown. */
const QUERY_MS = 1000;

/** Polling interval while a run is being cancelled, in milliseconds. */
const POLL_MS = 200;

type Runs = Pick<
  Temporal,
  | 'start'
  | 'startPush'
  | 'wakeWebhooks'
  | 'findRunning'
  | 'findLatest'
  | 'status'
  | 'isCancelling'
  | 'progress'
  | 'parts'
  | 'release'
  | 'cancel'
>;

export function createRuns(workflows: WorkflowClient, taskQueue: string): Runs {
  async function describe(workflowId: string, runId?: string): Promise<WorkflowExecutionDescription | undefined> {
    try {
      return await callTemporal(workflows, () => workflows.getHandle(workflowId, runId).describe());
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  async function status({ workflowId, runId }: WorkflowRun): Promise<RunStatus> {
    const latest = await describe(workflowId);
    // Another run may have been started under the same workflow id since.
    const execution = latest && firstRunId(latest) === runId ? latest : await describe(workflowId, runId);
    return execution ? statusOf(execution.status.name) : 'closed';
  }

  /** @returns the answer of a run's workflow, and the heartbeats of its steps; `undefined` if they cannot be known now */
  async function ask<Answer>({ workflowId, runId }: WorkflowRun, query: string) {
    const handle = workflows.getHandle(workflowId);
    try {
      // In this order, a part that finishes in between is missed once instead of being counted twice.
      const answer = await callTemporal(workflows, () => handle.query<Answer>(query), QUERY_MS);
      const description = await callTemporal(workflows, () => handle.describe(), QUERY_MS);
      if (firstRunId(description) !== runId) return undefined;
      const heartbeats = (description.raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) =>
        (heartbeatDetails?.payloads ?? []).map((payload): unknown => defaultPayloadConverter.fromPayload(payload)),
      );
      return { answer, heartbeats };
    } catch (error) {
      if (UNKNOWN_PROGRESS.some((known) => error instanceof known)) return undefined;
      throw error;
    }
  }

  return {
    async start(workflowId, input, labels) {
      const handle = await callTemporal(workflows, () =>
        workflows.start(RUN_WORKFLOW, {
          ...runOptions(input, labels, taskQueue),
          workflowId,
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        }),
      );
      // Temporal names the current execution, which is not the first one after a reset.
      const execution = await describe(workflowId, handle.firstExecutionRunId);
      return execution ? firstRunId(execution) : handle.firstExecutionRunId;
    },

    async startPush(input) {
      const workflowId = pushWorkflowId(input);
      try {
        await callTemporal(workflows, () =>
          workflows.start(PUSH_WORKFLOW, {
            ...pushOptions(input, taskQueue),
            workflowId,
            workflowIdConflictPolicy: 'FAIL',
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
        throw error;
      }
    },

    async wakeWebhooks(tenant) {
      await callTemporal(workflows, () =>
        workflows.signalWithStart(WEBHOOKS_WORKFLOW, {
          ...webhooksOptions(tenant, taskQueue),
          workflowId: webhooksWorkflowId(tenant),
          signal: WEBHOOKS_SIGNAL,
          signalArgs: [],
        }),
      );
    },

    async findRunning(workflowId) {
      const latest = await describe(workflowId);
      return latest && statusOf(latest.status.name) === 'open' ? firstRunId(latest) : undefined;
    },

    async findLatest(workflowId) {
      const latest = await describe(workflowId);
      return latest && { runId: firstRunId(latest), startedAt: latest.startTime };
    },

    status,

    async isCancelling({ workflowId, runId }) {
      const latest = await describe(workflowId);
      if (!latest || statusOf(latest.status.name) !== 'open' || firstRunId(latest) !== runId) return false;
      return latest.raw.workflowExtendedInfo?.cancelRequested === true;
    },

    async progress(run) {
      const asked = await ask<Progress>(run, PROGRESS_QUERY);
      return asked && addHeartbeats(asked.answer, asked.heartbeats);
    },

    async parts(run) {
      const asked = await ask<PlannedParts | null>(run, PARTS_QUERY);
      return asked?.answer ? addHeartbeatsToParts(asked.answer, asked.heartbeats) : undefined;
    },

    async release({ workflowId, runId }) {
      const chain = workflows.getHandle(workflowId, undefined, { firstExecutionRunId: runId });
      try {
        await callTemporal(workflows, () => chain.signal(RELEASE_SIGNAL));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    },

    async cancel(run, waitMs) {
      const deadline = Date.now() + waitMs;
      // Temporal accepts a cancel request for a closed run without an error.
      if ((await status(run)) !== 'open') return true;
      const chain = workflows.getHandle(run.workflowId, undefined, { firstExecutionRunId: run.runId });
      try {
        await callTemporal(workflows, () => chain.cancel());
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return true;
        throw error;
      }
      while (Date.now() < deadline) {
        await delay(POLL_MS);
        if ((await status(run)) !== 'open') return true;
      }
      return false;
    },
  };
}

const UNKNOWN_PROGRESS = [WorkflowNotFoundError, WaybillError, QueryNotRegisteredError, QueryRejectedError] as const;

function firstRunId({ raw, runId }: WorkflowExecutionDescription): string {
  return raw.workflowExecutionInfo?.firstRunId || runId;
}

function statusOf(status: WorkflowExecutionStatusName): RunStatus {
  switch (status) {
    case 'COMPLETED':
      return 'closed';
    case 'FAILED':
    case 'CANCELLED':
    case 'TERMINATED':
    case 'TIMED_OUT':
      return 'aborted';
    case 'RUNNING':
    case 'PAUSED':
    case 'CONTINUED_AS_NEW':
    case 'UNSPECIFIED':
    case 'UNKNOWN':
      return 'open';
  }
}

const count = z.number().int().min(0);
/** The counts in the heartbeat of a step that writes a part. Heartbeats of other steps do not match. */
const partHeartbeat = z.object({
  ...{ index: count, rows: count, contentBytes: count, storedBytes: count },
  key: z.string(),
});

/** Adds what running parts have reported to the progress of the finished ones. At most 99 percent. */
export function addHeartbeats(finished: Progress, heartbeats: readonly unknown[]): Progress {
  let { rowsDone, contentBytes, storedBytes } = finished;
  for (const heartbeat of heartbeats) {
    const read = partHeartbeat.safeParse(heartbeat);
    if (!read.success) continue;
    rowsDone += read.data.rows;
    contentBytes += read.data.contentBytes;
    storedBytes += read.data.storedBytes;
  }
  if (finished.rowsTotal !== null) rowsDone = Math.min(rowsDone, finished.rowsTotal);
  const share = finished.rowsTotal ? Math.floor((rowsDone / finished.rowsTotal) * 100) : finished.percent;
  return { ...finished, percent: Math.min(99, share), rowsDone, contentBytes, storedBytes, final: false };
}

/** Says of each part that reports how far it is. */
export function addHeartbeatsToParts({ parts, ...rest }: PlannedParts, heartbeats: readonly unknown[]): PartsProgress {
  const beats = heartbeats.flatMap((heartbeat) => {
    const { data } = partHeartbeat.safeParse(heartbeat);
    return data ? [data] : [];
  });
  return {
    ...rest,
    parts: parts.map(({ stem, ...part }) => {
      const beat = beats.find(({ key }) => key.includes(`/${stem}-`));
      if (!beat || part.state === 'written') return part;
      return { ...part, state: 'writing', rows: Math.min(beat.rows, part.rows), storedBytes: beat.storedBytes };
    }),
  };
}
