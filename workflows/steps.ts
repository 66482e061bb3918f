import { ActivityCancellationType, type ActivityOptions, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { ATTEMPTS_MAX } from '../contracts/attempts.ts';
import { partsQueue } from '../contracts/task-queues.ts';

/** The steps of an export by class of work; each class has its own patience. */
export interface Steps {
  readonly ledger: Proxy<
    'recordStart' | 'recordOutcome' | 'beginGeneration' | 'endGeneration' | 'recordGenerationRemoval'
  >;
  readonly control: Proxy<'planExport' | 'publishExport' | 'planGeneration' | 'publishGeneration'>;
  readonly parts: Proxy<'writePart' | 'writeFiles'>;
  readonly cleaning: Proxy<'removeExport' | 'removeGenerationFiles'>;
  /** What does not change how a run ended. */
  readonly afterwards: Proxy<'sendNotices' | 'syncPeriodicSchedule' | 'startMissedRun'>;
}
type Proxy<Name extends keyof Activities> = ReturnType<typeof proxyActivities<Pick<Activities, Name>>>;

/**
 * Retries with backoff for trouble that time can cure: about three minutes before the export fails and says so.
 * A killed worker costs one attempt.
 */
const SHORT_TROUBLE = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '30 seconds',
  maximumAttempts: ATTEMPTS_MAX,
} as const;

/** For what can be made up for by the next run, which should not have to wait for this one's end. */
const PASSING_TROUBLE = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' } as const;

/** What must not be lost: the ledger and clean-up are tried until they answer, for a week; the UI shows each attempt. */
const MUST_HAPPEN: ActivityOptions = {
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '7 days',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
};

/** Cancelling waits until the step has let go, so that clean-up never races a writer. */
const LETS_GO = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** @param tenant key that Temporal's fairness shares the task queues by */
export function proxySteps(tenant: string): Steps {
  const priority = { fairnessKey: tenant };
  return {
    ledger: proxyActivities({ ...MUST_HAPPEN, priority, cancellationType: LETS_GO }),
    control: proxyActivities({
      startToCloseTimeout: '1 hour',
      heartbeatTimeout: '10 seconds',
      retry: SHORT_TROUBLE,
      priority,
      cancellationType: LETS_GO,
    }),
    parts: proxyActivities({
      taskQueue: partsQueue(workflowInfo().taskQueue),
      startToCloseTimeout: '24 hours',
      heartbeatTimeout: '10 seconds',
      retry: SHORT_TROUBLE,
      priority,
      cancellationType: LETS_GO,
    }),
    afterwards: proxyActivities({
      startToCloseTimeout: '2 minutes',
      heartbeatTimeout: '10 seconds',
      scheduleToCloseTimeout: '5 minutes',
      retry: PASSING_TROUBLE,
      priority,
      cancellationType: LETS_GO,
    }),
    cleaning: proxyActivities({
      ...MUST_HAPPEN,
      startToCloseTimeout: '10 minutes',
      priority,
      cancellationType: LETS_GO,
    }),
  };
}

/** A pass that fails is not worth more than a few tries, because the next one does the same. */
export function proxyReconciling(): Proxy<'reconcile'> {
  return proxyActivities<Pick<Activities, 'reconcile'>>({
    startToCloseTimeout: '30 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { ...PASSING_TROUBLE, maximumAttempts: 3 },
  });
}
