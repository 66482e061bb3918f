import { randomUUID } from 'node:crypto';
import { WaybillError } from '../contracts/failures.ts';
import type { Progress } from '../contracts/progress.ts';
import { priorityOf } from '../contracts/steps.ts';
import type { RunStatus, ScheduleSpec, Temporal, WorkflowRun } from '../stores/temporal/temporal.ts';
import { periodicScheduleId } from './keys.ts';

/** The next run of every schedule. */
export const NEXT_RUN_AT = new Date('2036-11-22T01:30:00.000Z');

/** Replaces Temporal. Runs change only when a test changes them. */
export interface ScriptedTemporal extends Temporal {
  /** Methods that fail with `temporal_unavailable`. With `all`, every method fails, except that progress is unknown. */
  readonly away: Set<'all' | keyof Temporal>;
  /** Whether a start times out although the run begins. */
  startsLate: boolean;
  /** The newest run, by workflow id. */
  readonly latest: Map<string, { readonly runId: string; readonly startedAt: Date }>;
  /** Run ids of started runs that are open, by workflow id. */
  readonly running: Map<string, string>;
  /** Run ids that stay open after their outcome is recorded, as during clean-up, for a number of lookups. */
  readonly closing: Map<string, number>;
  /** Status of all other runs, by run id. Default `closed`. */
  readonly statuses: Map<string, RunStatus>;
  /** Priorities of started runs, by run id. */
  readonly priorities: Map<string, number>;
  /** Run ids that were cancelled, in order. */
  readonly cancelled: string[];
  /** Run ids of requests that were released, in order. */
  readonly released: string[];
  /** Run ids of runs that do not end in time. */
  readonly busy: Set<string>;
  /** Progress of runs, by run id. */
  readonly seen: Map<string, Progress>;
  /** Number of lookups of progress. */
  asked: number;
  /** Schedules by id. */
  readonly scheduled: Map<string, ScheduleSpec>;
  /** Called before a schedule changes. */
  onApply: () => Promise<void>;
  /** Ids of schedules that were triggered, in order. */
  readonly triggered: string[];
}

export function createScriptedTemporal(): ScriptedTemporal {
  const reach = (method?: keyof Temporal) => {
    if (scripted.away.has('all') || (method && scripted.away.has(method))) {
      throw new WaybillError('temporal_unavailable');
    }
  };
  const statusOf = ({ workflowId, runId }: WorkflowRun): RunStatus =>
    scripted.running.get(workflowId) === runId ? 'open' : (scripted.statuses.get(runId) ?? 'closed');

  const scripted: ScriptedTemporal = {
    away: new Set(),
    startsLate: false,
    latest: new Map(),
    running: new Map(),
    closing: new Map(),
    statuses: new Map(),
    priorities: new Map(),
    cancelled: [],
    released: [],
    busy: new Set(),
    seen: new Map(),
    asked: 0,
    scheduled: new Map(),
    onApply: async () => undefined,
    triggered: [],

    async start(workflowId, input) {
      reach('start');
      const runId = scripted.running.get(workflowId) ?? randomUUID();
      if (!scripted.running.has(workflowId)) scripted.latest.set(workflowId, { runId, startedAt: new Date() });
      scripted.running.set(workflowId, runId);
      scripted.priorities.set(runId, priorityOf(input));
      if (scripted.startsLate) throw new WaybillError('temporal_unavailable');
      return runId;
    },
    async preview() {
      reach('preview');
      return { ok: true, value: null };
    },
    async listQuestionnaires() {
      reach('listQuestionnaires');
      return { ok: true, value: null };
    },
    async startPush() {
      reach('startPush');
      return true;
    },
    async wakeWebhooks() {
      reach('wakeWebhooks');
    },
    async findRunning(workflowId) {
      reach('findRunning');
      return scripted.running.get(workflowId);
    },
    async findLatest(workflowId) {
      reach('findLatest');
      return scripted.latest.get(workflowId);
    },
    async status(run) {
      reach('status');
      const lookups = scripted.closing.get(run.runId);
      if (lookups === 0 && scripted.running.get(run.workflowId) === run.runId) scripted.running.delete(run.workflowId);
      else if (lookups) scripted.closing.set(run.runId, lookups - 1);
      return statusOf(run);
    },
    async isCancelling({ workflowId, runId }) {
      reach('isCancelling');
      return scripted.running.get(workflowId) === runId && scripted.cancelled.includes(runId);
    },
    async progress({ runId }) {
      scripted.asked += 1;
      return scripted.away.has('all') ? undefined : scripted.seen.get(runId);
    },
    async parts() {
      return undefined;
    },
    async release({ runId }) {
      reach('release');
      scripted.released.push(runId);
    },
    async cancel(run, waitMs) {
      reach('cancel');
      if (statusOf(run) !== 'open') return true;
      scripted.cancelled.push(run.runId);
      if (waitMs === 0 || scripted.busy.has(run.runId)) return false;
      scripted.statuses.delete(run.runId);
      return true;
    },

    async applySchedule(id, spec) {
      reach('applySchedule');
      await scripted.onApply();
      if (spec) scripted.scheduled.set(id, spec);
      else scripted.scheduled.delete(id);
    },
    async trigger(id) {
      reach('trigger');
      if (!scripted.scheduled.has(id)) throw new WaybillError('not_enabled');
      scripted.triggered.push(id);
    },
    async listSchedules() {
      reach('listSchedules');
      return new Set(scripted.scheduled.keys());
    },
    async nextRun(id) {
      reach('nextRun');
      return scripted.scheduled.has(id) ? { nextRunAt: NEXT_RUN_AT } : undefined;
    },
    async ping() {
      reach('ping');
    },
  };
  return scripted;
}

/** A run that a schedule might have started. */
export function runOf(tenant: string) {
  const runId = randomUUID();
  const workflowId = `${periodicScheduleId(tenant)}-${runId}`;
  return { tenant, kind: 'periodic', subject: 'periodic', runId, workflowId, startedAt: new Date() } as const;
}
