import { randomUUID } from 'node:crypto';
import type { PeriodicRuns } from '../api/periodic/runs.ts';
import type { Fate } from '../api/temporal/workflow-runs.ts';
import { WaybillError } from '../contracts/failures.ts';
import { periodicWorkflowId } from '../contracts/periodic.ts';
import type { RemoveGenerationInput } from '../contracts/periodic-steps.ts';
import type { Progress } from '../contracts/progress.ts';
import type { PeriodicSettings } from '../stores/ledger/periodic.ts';
import type { GenerationRemovals } from '../stores/schedules/removals.ts';
import type { PeriodicSchedules } from '../stores/schedules/schedules.ts';
import type { StrayRemovals } from '../stores/schedules/strays.ts';

/** When every schedule's next run is due. */
export const NEXT_RUN_AT = new Date('2036-11-22T01:30:00.000Z');

/** Temporal's part of the periodic exports, played: nothing happens until the test says so. */
export interface ScriptedPeriodic {
  /** While it holds one of these, that method fails with `temporal_unavailable`; `all`: every method does. */
  readonly away: Set<'all' | 'find' | 'apply' | 'trigger' | 'scheduleRemoval' | 'endRun'>;
  /** Settings that each schedule was last brought in line with, by tenant; no entry: no schedule. */
  readonly scheduled: Map<string, PeriodicSettings>;
  /** Called when a schedule is brought in line, before it is. */
  onApply: (settings: PeriodicSettings) => Promise<void>;
  /** Tenants whose schedule was triggered, in order. */
  readonly triggered: string[];
  /** Removals that were asked for, with their delay in milliseconds. */
  readonly removalsDue: (RemoveGenerationInput & { readonly delayMs: number })[];
  /** Ids of exports and generations that are to be looked at again. */
  readonly looksDue: string[];
  /** How runs stand, by generation id; one that has no entry is `over`. */
  readonly fates: Map<string, Fate>;
  /** Generation ids of runs that were asked to end. */
  readonly ended: string[];
  /** Generation ids of runs that do not end in time. */
  readonly busy: Set<string>;
  /** What is answered next, by generation id. */
  readonly seen: Map<string, Progress>;
  readonly schedules: PeriodicSchedules;
  readonly removals: GenerationRemovals;
  readonly strays: StrayRemovals;
  readonly periodicRuns: PeriodicRuns;
}

export function createScriptedPeriodic(): ScriptedPeriodic {
  const reach = (method?: 'find' | 'apply' | 'trigger' | 'scheduleRemoval' | 'endRun') => {
    if (played.away.has('all') || (method && played.away.has(method))) throw new WaybillError('temporal_unavailable');
  };
  const played: ScriptedPeriodic = {
    away: new Set(),
    scheduled: new Map(),
    onApply: async () => undefined,
    triggered: [],
    removalsDue: [],
    looksDue: [],
    fates: new Map(),
    ended: [],
    busy: new Set(),
    seen: new Map(),
    schedules: {
      async apply(settings) {
        reach('apply');
        await played.onApply(settings);
        if (settings.enabled) played.scheduled.set(settings.tenant, settings);
        else played.scheduled.delete(settings.tenant);
      },
      async trigger(tenant) {
        reach('trigger');
        if (!played.scheduled.has(tenant)) throw new WaybillError('not_enabled');
        played.triggered.push(tenant);
      },
      async triggerNext(tenant) {
        reach('trigger');
        if (!played.scheduled.has(tenant)) throw new WaybillError('not_enabled');
        played.triggered.push(tenant);
      },
      async find(tenant) {
        reach('find');
        return played.scheduled.has(tenant) ? { nextRunAt: NEXT_RUN_AT } : undefined;
      },
    },
    removals: {
      async scheduleRemoval(input, delayMs) {
        reach('scheduleRemoval');
        played.removalsDue.push({ ...input, delayMs });
      },
    },
    strays: {
      async schedule({ id }) {
        reach();
        played.looksDue.push(id);
      },
    },
    periodicRuns: {
      async endRun({ generationId }) {
        reach('endRun');
        played.ended.push(generationId);
        if (played.busy.has(generationId)) return false;
        played.fates.delete(generationId);
        return true;
      },
      async fate({ generationId }) {
        reach();
        return played.fates.get(generationId) ?? 'over';
      },
      async progress({ generationId }) {
        return played.away.has('all') ? undefined : played.seen.get(generationId);
      },
    },
  };
  return played;
}

/** Ids of a run that a schedule might have started. */
export function runOf(tenant: string) {
  const generationId = randomUUID();
  return { tenant, generationId, workflowId: `${periodicWorkflowId(tenant)}-${generationId}`, startedAt: new Date() };
}
