import type { ListQuestionnairesInput } from '../../contracts/handover.ts';
import type { PreviewInput } from '../../contracts/preview.ts';
import type { PartsProgress, Progress } from '../../contracts/progress.ts';
import type { Recurrence } from '../../contracts/recurrence.ts';
import type { PushInput, RunInput, StepResult } from '../../contracts/steps.ts';

/** A workflow execution, and the executions that continue it after a retry or a reset. */
export interface WorkflowRun {
  readonly workflowId: string;
  /** Run id of the first execution. */
  readonly runId: string;
}

/**
 * `aborted`: terminated, timed out, cancelled or failed, so the run may not have recorded its outcome. `closed`: all steps
 * are done, or Temporal does not know the run.
 */
export type RunStatus = 'open' | 'aborted' | 'closed';

/** How a run is labelled in the Temporal UI. Never encrypted. */
export interface RunLabels {
  /** Also the key of Temporal's fairness. */
  readonly tenant: string;
  /** Dataset or bundle. */
  readonly subject: string;
  readonly format: string;
  /** One line. */
  readonly summary: string;
}

export interface ScheduleSpec {
  readonly recurrence: Recurrence;
  /**
   * IANA name. A daily time that the clock skips in spring is due as long after the change as it would be; one that it repeats in
   * autumn is due twice.
   */
  readonly timeZone: string;
  /** Runs are spread over this many minutes after their nominal time, 0 to 1439. */
  readonly jitterMinutes: number;
  /** Catch-up window for runs missed in an outage, in hours. */
  readonly catchupHours: number;
  readonly input: RunInput;
  readonly labels: RunLabels;
  /** Shown in the Temporal UI, unless an operator paused the schedule with a note of their own. */
  readonly note: string;
}

export interface ScheduleInfo {
  /** When the next run is due, jitter included; `null` when none is, as while the schedule is paused. */
  readonly nextRunAt: Date | null;
}

/**
 * Runs and schedules on one Temporal namespace and task queue.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface Temporal {
  /** Starts a run, or finds the one that is open under this workflow id. @returns run id of the first execution */
  start(workflowId: string, input: RunInput, labels: RunLabels): Promise<string>;
  /** @returns run id of the first execution of the open run; `undefined` when none is open */
  findRunning(workflowId: string): Promise<string | undefined>;
  /** @returns the newest run under this workflow id, open or closed */
  findLatest(workflowId: string): Promise<{ readonly runId: string; readonly startedAt: Date } | undefined>;
  status(run: WorkflowRun): Promise<RunStatus>;
  /** @returns whether the run is open and its cancellation was requested */
  isCancelling(run: WorkflowRun): Promise<boolean>;
  /** Not monotonic. @returns `undefined` if the progress is unknown, for example without a worker */
  progress(run: WorkflowRun): Promise<Progress | undefined>;
  /** @returns `undefined` if they are unknown, for example because the run is not planned yet */
  parts(run: WorkflowRun): Promise<PartsProgress | undefined>;
  /** Ends the wait of a request for its batch; no effect on a run that has ended. */
  release(run: WorkflowRun): Promise<void>;
  /**
   * Requests cancellation and waits for the end, clean-up included.
   * @param waitMs how long to wait, in milliseconds; 0: do not wait
   * @returns whether the run has ended; `true` also when Temporal does not know it
   */
  cancel(run: WorkflowRun, waitMs: number): Promise<boolean>;

  /**
   * Makes a preview, and waits for it. Aborting the signal cancels it.
   * @returns why it could not be made, if the caller can do something about it
   * @throws WaybillError with a code that a retry may cure, `warehouse_unavailable` if it takes too long
   */
  preview(input: PreviewInput, signal: AbortSignal): Promise<StepResult<null>>;

  /** Has a worker look up a tenant's questionnaires, in the same way. */
  listQuestionnaires(input: ListQuestionnairesInput, signal: AbortSignal): Promise<StepResult<null>>;

  /** Starts the delivery of a run's files to the tenant's own destination, unless it is under way. @returns whether it did */
  startPush(input: PushInput): Promise<boolean>;

  /** Lets the tenant's webhooks that are due be sent, by a workflow that is under way or a new one. */
  wakeWebhooks(tenant: string): Promise<void>;

  /**
   * Creates or updates a schedule, which appends the nominal time to its id to name its workflows; `null` deletes it.
   * Idempotent. What an operator did by hand, a pause or a limit of runs, is kept.
   *
   * @throws WaybillError `invalid_field` (field `timeZone`) when Temporal does not know the time zone
   */
  applySchedule(id: string, spec: ScheduleSpec | null): Promise<void>;
  /**
   * Starts a run now, also while the schedule is paused.
   * @param overlap `replace`: cancels the open run first; `after`: waits for it, unless another run waits already
   * @throws WaybillError `not_enabled` when there is no such schedule
   */
  trigger(id: string, overlap: 'replace' | 'after'): Promise<void>;
  /** @returns `undefined` when there is no such schedule */
  nextRun(id: string): Promise<ScheduleInfo | undefined>;
  /** @returns the ids of the schedules of tenants. The list may lag behind */
  listSchedules(): Promise<ReadonlySet<string>>;

  /** Succeeds once the namespace takes runs and schedules, search attributes included. */
  ping(): Promise<void>;
}
