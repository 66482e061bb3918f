import { availableParallelism } from 'node:os';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Activities } from '../activities/index.ts';
import type { Precedence } from '../activities/precedence.ts';
import { PRIORITIES, partsQueue, pushQueue, queriesQueue, webhooksQueue } from '../contracts/task-queues.ts';
import { bundleWorkflows } from './bundle.ts';
import { createGiveWay } from './give-way.ts';

/** Short steps that one worker runs concurrently. */
const CONTROL_MAX = 100;

/** Workflow tasks at once. They are short and need a core each; more of them would delay those of an order. */
const WORKFLOW_TASKS_MAX = Math.max(2, availableParallelism());

/** How long a stopping worker lets running parts continue before another worker takes over, in milliseconds. */
export const SHUTDOWN_GRACE_MS = 10_000;

/** Maximum interval of heartbeats, so that a cancel is noticed soon: with Temporal's default it took 38 s. */
const HEARTBEAT_THROTTLE = '1 second';

/** Parts of orders that are written when other parts have every place. */
const ORDERED_PARTS = 1;

/** Steps that ask the warehouse at once, by who waits for them. Each occupies a thread of libuv's pool while its queries run. */
const QUERIES_MAX = { [PRIORITIES.interactive]: 8, [PRIORITIES.scheduled]: 2 } as const;

/** Deliveries to tenants' own destinations at once. Each holds up to 24 MB and waits for a server elsewhere most of the time. */
const PUSHES_MAX = 10;

/** Tenants whose webhooks are sent at once. Each has a few small requests open and waits for their answers. */
const WEBHOOKS_MAX = 100;

/** Threads of libuv's pool besides those of the parts: for compression, files, DNS lookups and short queries. */
const OTHER_THREADS = 14;

/**
 * Minimum size of libuv's pool. The query of every part occupies a thread until its content is read, and reading needs
 * threads for compression: without a spare thread, they deadlock.
 */
export function threadsOf(partsMax: number): number {
  return partsMax + ORDERED_PARTS + OTHER_THREADS;
}

export interface WorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Control queue; parts are taken from the queues beside it. */
  readonly taskQueue: string;
  readonly activities: Activities;
  /** Of orders, which the steps of other runs wait for. */
  readonly precedence: Precedence;
  /** Parts written at once. */
  readonly partsMax: number;
  /** File made by `worker/write-bundle.ts`. @default bundled now */
  readonly workflowBundle?: string | undefined;
}

/**
 * Temporal workers in one process: a stream of short steps never waits behind long parts, nor a part that was ordered behind
 * nightly ones.
 */
export async function createWorkers(options: WorkersOptions): Promise<readonly Worker[]> {
  const { connection, namespace, taskQueue, activities, precedence, partsMax, workflowBundle } = options;
  const { write, archive, push, sendWebhooks, ...control } = activities;
  // Among the short steps too, where runs that an earlier release began have put them.
  const { plan, describeArchive, preview, listQuestionnaires } = control;
  const shared: Pick<
    WorkerOptions,
    | 'connection'
    | 'namespace'
    | 'shutdownGraceTime'
    | 'maxHeartbeatThrottleInterval'
    | 'defaultHeartbeatThrottleInterval'
    | 'interceptors'
  > = {
    connection,
    namespace,
    shutdownGraceTime: SHUTDOWN_GRACE_MS,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    interceptors: { activity: [createGiveWay(precedence)] },
  };
  return [
    await Worker.create({
      ...shared,
      taskQueue,
      workflowBundle: workflowBundle ? { codePath: workflowBundle } : await bundleWorkflows(),
      activities: control,
      maxConcurrentActivityTaskExecutions: CONTROL_MAX,
      maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS_MAX,
    }),
    await Worker.create({
      ...shared,
      taskQueue: pushQueue(taskQueue),
      activities: { push },
      maxConcurrentActivityTaskExecutions: PUSHES_MAX,
    }),
    await Worker.create({
      ...shared,
      taskQueue: webhooksQueue(taskQueue),
      activities: { sendWebhooks },
      maxConcurrentActivityTaskExecutions: WEBHOOKS_MAX,
    }),
    ...(await Promise.all(
      ([PRIORITIES.interactive, PRIORITIES.scheduled] as const).flatMap((priority) => [
        Worker.create({
          ...shared,
          taskQueue: queriesQueue(taskQueue, priority),
          activities: { plan, describeArchive, preview, listQuestionnaires },
          maxConcurrentActivityTaskExecutions: QUERIES_MAX[priority],
        }),
        Worker.create({
          ...shared,
          taskQueue: partsQueue(taskQueue, priority),
          activities: { write, archive },
          maxConcurrentActivityTaskExecutions: partsMax,
        }),
      ]),
    )),
  ];
}
