import { ActivityCancellationType, type ActivityOptions, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { ATTEMPTS_MAX } from '../contracts/attempts.ts';
import { PREVIEW_SECONDS_MAX } from '../contracts/preview.ts';
import { PRIORITIES, partsQueue, pushQueue, queriesQueue, webhooksQueue } from '../contracts/task-queues.ts';

/** The steps of a run. */
export type Steps = Proxy<
  | 'enqueue'
  | 'begin'
  | 'describeArchive'
  | 'plan'
  | 'write'
  | 'archive'
  | 'publish'
  | 'end'
  | 'remove'
  | 'finalize'
  | 'notify'
>;
type Proxy<Name extends keyof Activities> = ReturnType<typeof proxyActivities<Pick<Activities, Name>>>;

/** Transient errors are retried with backoff for about three minutes before the run fails. A killed worker costs one attempt. */
const TRANSIENT = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '30 seconds',
  maximumAttempts: ATTEMPTS_MAX,
} as const;

/** For what the next run makes up for, and which must not delay it. */
const BEST_EFFORT = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' } as const;

/** What must not be lost, the ledger and clean-up, is retried for a week; the UI shows each attempt. */
const MUST_HAPPEN: ActivityOptions = {
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '7 days',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
};

/** @param tenant key by which Temporal shares the task queues fairly among runs of the same priority */
export function proxySteps(tenant: string, priorityKey: number): Steps {
  const shared: ActivityOptions = {
    priority: { priorityKey, fairnessKey: tenant },
    // Cancelling waits until the step has stopped, so that clean-up never races a writer.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  };
  const heartbeatTimeout = '10 seconds';
  const { enqueue, begin, end } = proxyActivities<Pick<Activities, 'enqueue' | 'begin' | 'end'>>({
    ...MUST_HAPPEN,
    ...shared,
  });
  const hour: ActivityOptions = { startToCloseTimeout: '1 hour', heartbeatTimeout, retry: TRANSIENT, ...shared };
  const { describeArchive, plan } = proxyActivities<Pick<Activities, 'describeArchive' | 'plan'>>({
    ...hour,
    taskQueue: queriesQueue(workflowInfo().taskQueue, priorityKey),
  });
  const { publish } = proxyActivities<Pick<Activities, 'publish'>>(hour);
  const { write, archive } = proxyActivities<Pick<Activities, 'write' | 'archive'>>({
    taskQueue: partsQueue(workflowInfo().taskQueue, priorityKey),
    startToCloseTimeout: '24 hours',
    heartbeatTimeout,
    retry: TRANSIENT,
    ...shared,
  });
  const { remove } = proxyActivities<Pick<Activities, 'remove'>>({
    ...MUST_HAPPEN,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout,
    ...shared,
  });
  const { finalize, notify } = proxyActivities<Pick<Activities, 'finalize' | 'notify'>>({
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout,
    scheduleToCloseTimeout: '5 minutes',
    retry: BEST_EFFORT,
    ...shared,
  });
  return { enqueue, begin, describeArchive, plan, write, archive, publish, end, remove, finalize, notify };
}

/** A tenant has a day to mend its destination. */
const FOR_A_DAY: ActivityOptions = {
  startToCloseTimeout: '24 hours',
  scheduleToCloseTimeout: '24 hours',
  retry: { initialInterval: '5 seconds', backoffCoefficient: 2, maximumInterval: '30 minutes' },
};

/** The steps of a delivery to a tenant's own destination. */
export function proxyPush(tenant: string): Proxy<'push' | 'endPush'> {
  const shared: ActivityOptions = {
    priority: { priorityKey: PRIORITIES.scheduled, fairnessKey: tenant },
    // Only then may a newer delivery of the same day begin.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  };
  const { push } = proxyActivities<Pick<Activities, 'push'>>({
    ...FOR_A_DAY,
    ...shared,
    taskQueue: pushQueue(workflowInfo().taskQueue),
    heartbeatTimeout: '10 seconds',
  });
  const { endPush } = proxyActivities<Pick<Activities, 'endPush'>>({ ...MUST_HAPPEN, ...shared });
  return { push, endPush };
}

/** The step that sends a tenant's webhooks: whatever fails in it is tried again, for as long as it takes. */
export function proxyWebhooks(tenant: string): Proxy<'sendWebhooks'> {
  return proxyActivities<Pick<Activities, 'sendWebhooks'>>({
    taskQueue: webhooksQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '10 seconds',
    retry: BEST_EFFORT,
    priority: { priorityKey: PRIORITIES.scheduled, fairnessKey: tenant },
  });
}

/** Somebody waits for these, so they are tried twice, and no longer than that. */
export function proxyWaited(tenant: string): Proxy<'preview' | 'listQuestionnaires'> {
  return proxyActivities<Pick<Activities, 'preview' | 'listQuestionnaires'>>({
    taskQueue: queriesQueue(workflowInfo().taskQueue, PRIORITIES.interactive),
    scheduleToCloseTimeout: `${PREVIEW_SECONDS_MAX} seconds`,
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '500 milliseconds', maximumAttempts: 2 },
    priority: { priorityKey: PRIORITIES.interactive, fairnessKey: tenant },
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  });
}

/** A pass that fails is retried only a few times, because the next pass does the same. */
export function proxyReconciling(): Proxy<'reconcile'> {
  return proxyActivities<Pick<Activities, 'reconcile'>>({
    startToCloseTimeout: '30 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { ...BEST_EFFORT, maximumAttempts: 3 },
    priority: { priorityKey: PRIORITIES.maintenance },
  });
}
