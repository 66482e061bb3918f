import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Activities } from '../activities/index.ts';
import { partsQueue } from '../contracts/task-queues.ts';
import { WORKFLOWS_PATH } from './bundle.ts';

/** Workflow tasks and short steps that one worker runs concurrently. */
const CONTROL_MAX = 100;

/** How long a stopping worker lets running parts continue before another worker takes over, in milliseconds. */
export const SHUTDOWN_GRACE_MS = 10_000;

/** Maximum interval of heartbeats, so that a cancel is noticed soon: with Temporal's default it took 38 s. */
const HEARTBEAT_THROTTLE = '1 second';

/** Threads of libuv's pool besides those of the parts: for compression, files, DNS lookups and short queries. */
const OTHER_THREADS = 14;

/**
 * Minimum size of libuv's pool. The query of every part occupies a thread until its content is read, and reading needs
 * threads for compression: without a spare thread, they deadlock.
 */
export function threadsOf(partsMax: number): number {
  return partsMax + OTHER_THREADS;
}

export interface WorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Control queue; parts are taken from the queue beside it. */
  readonly taskQueue: string;
  readonly activities: Activities;
  /** Parts written at once. */
  readonly partsMax: number;
  /** File made by `worker/write-bundle.ts`. @default bundled now */
  readonly workflowBundle?: string | undefined;
}

/** Two Temporal workers in one process: a stream of short steps never waits behind long parts. */
export async function createWorkers(options: WorkersOptions): Promise<readonly [Worker, Worker]> {
  const { connection, namespace, taskQueue, activities, partsMax, workflowBundle } = options;
  const { write, ...control } = activities;
  const shared: Pick<
    WorkerOptions,
    | 'connection'
    | 'namespace'
    | 'shutdownGraceTime'
    | 'maxHeartbeatThrottleInterval'
    | 'defaultHeartbeatThrottleInterval'
  > = {
    connection,
    namespace,
    shutdownGraceTime: SHUTDOWN_GRACE_MS,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
  };
  return [
    await Worker.create({
      ...shared,
      taskQueue,
      ...(workflowBundle ? { workflowBundle: { codePath: workflowBundle } } : { workflowsPath: WORKFLOWS_PATH }),
      activities: control,
      maxConcurrentActivityTaskExecutions: CONTROL_MAX,
    }),
    await Worker.create({
      ...shared,
      taskQueue: partsQueue(taskQueue),
      activities: { write },
      maxConcurrentActivityTaskExecutions: partsMax,
    }),
  ];
}
