import {
  type CalendarSpec,
  ScheduleAlreadyRunning,
  type ScheduleClient,
  type ScheduleDescription,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleOverlapPolicy,
  type WorkflowStartOptions,
} from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import { Temporal as DateTime } from 'temporal-polyfill';
import { WaybillError } from '../../contracts/failures.ts';
import { type Recurrence, TIME_OF_DAY } from '../../contracts/recurrence.ts';
import { RUN_WORKFLOW } from '../../contracts/task-queues.ts';
import { callAgain, callTemporal, type Deadlines, grpcAnswer } from './calls.ts';
import { runOptions, subjectAttributes } from './labels.ts';
import type { ScheduleSpec, Temporal } from './temporal.ts';

/** How often a schedule may appear and disappear between two checks before this fails. */
const TRIES_MAX = 10;

const MINUTE_MS = 60_000;

/** Schedules of tenants, not those of others in the same namespace. */
const OURS = 'WaybillTenant IS NOT NULL';

/** Deadline of a list of them, a thousand a page. Milliseconds. */
const LIST_MS = 60_000;

const MONTHS = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;

const OVERLAPS = { replace: ScheduleOverlapPolicy.CANCEL_OTHER, after: ScheduleOverlapPolicy.BUFFER_ONE } as const;

/** @param connection the client's */
export function createSchedules(
  client: ScheduleClient,
  connection: Deadlines,
  taskQueue: string,
): Pick<Temporal, 'applySchedule' | 'trigger' | 'nextRun' | 'listSchedules'> {
  const call = <Answer>(work: () => Promise<Answer>) => callTemporal(connection, work);
  const again = <Answer>(work: () => Promise<Answer>) => callAgain(connection, work);

  async function put(id: string, spec: ScheduleSpec): Promise<void> {
    const options = scheduleOptions(id, spec, taskQueue);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const updated = await ifFound(() =>
        again(() => client.getHandle(id).update((known) => ({ ...options, state: keptState(known, spec.note) }))),
      );
      if (updated.found) return;
      try {
        await call(() => client.create({ ...options, state: { note: spec.note } }));
        return;
      } catch (error) {
        // Another process created it first; its spec may be older than this one.
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      }
    }
    throw new WaybillError('temporal_unavailable', 'The schedule keeps coming and going. Try again later.');
  }

  return {
    async applySchedule(id, spec) {
      if (spec === null) {
        await ifFound(() => again(() => client.getHandle(id).delete()));
        return;
      }
      try {
        await put(id, spec);
      } catch (error) {
        // How the SDK reports a spec that the server refuses: the server has its own list of time zones.
        if (!(error instanceof TypeError && /time ?zone/i.test(error.message))) throw error;
        const message = `The scheduler does not know the time zone "${ianaName(spec.timeZone)}". Choose another one.`;
        throw new WaybillError('invalid_field', message, { field: 'timeZone', cause: error });
      }
    },

    async trigger(id, overlap) {
      const triggered = await ifFound(() => call(() => client.getHandle(id).trigger(OVERLAPS[overlap])));
      if (!triggered.found) throw new WaybillError('not_enabled');
    },

    async nextRun(id) {
      const described = await ifFound(() => again(() => client.getHandle(id).describe()));
      if (!described.found) return undefined;
      const { state, info } = described.answer;
      return { nextRunAt: state.paused ? null : (info.nextActionTimes[0] ?? null) };
    },

    listSchedules: () =>
      callTemporal(
        connection,
        async () => {
          const ids = new Set<string>();
          for await (const { scheduleId } of client.list({ query: OURS })) ids.add(scheduleId);
          return ids;
        },
        LIST_MS,
      ),
  };
}

/** The SDK encodes a priority, although its type of a schedule's action has none. */
type Action = ScheduleOptionsStartWorkflowAction<Workflow> & Pick<WorkflowStartOptions, 'priority'>;

function scheduleOptions(id: string, spec: ScheduleSpec, taskQueue: string): ScheduleOptions {
  const { input, labels } = spec;
  const action: Action = {
    type: 'startWorkflow',
    workflowType: RUN_WORKFLOW,
    workflowId: id,
    ...runOptions(input, labels, taskQueue),
  };
  return {
    scheduleId: id,
    spec: {
      calendars: [calendarOf(spec.recurrence), ...skippedTimes(spec.recurrence, spec.timeZone, new Date())],
      timezone: ianaName(spec.timeZone),
      jitter: spec.jitterMinutes * MINUTE_MS,
    },
    policies: { overlap: 'SKIP', catchupWindow: spec.catchupHours * 60 * MINUTE_MS },
    typedSearchAttributes: subjectAttributes(labels),
    action,
  };
}

/** @throws RangeError if the time of day is invalid */
function calendarOf(recurrence: Recurrence): CalendarSpec {
  if (!TIME_OF_DAY.test(recurrence.at)) throw new RangeError(`not a time of day: ${recurrence.at}`);
  const [hour = 0, minute = 0] = recurrence.at.split(':').map(Number);
  switch (recurrence.every) {
    case 'day':
      return { hour, minute };
    case 'week':
      return { hour, minute, dayOfWeek: recurrence.on };
    case 'month':
      return { hour, minute, dayOfMonth: recurrence.on };
  }
}

/** How far ahead the clock's changes are looked up. Every run synchronizes its schedule, so that none is missed. */
const AHEAD_DAYS = 400;

/**
 * Temporal skips a time that does not exist on a day, because the clock is put forward then.
 *
 * @returns the days on which that happens to a daily schedule, each at the time that the clock shows instead
 */
function skippedTimes(recurrence: Recurrence, timeZone: string, from: Date): readonly CalendarSpec[] {
  if (recurrence.every !== 'day') return [];
  const here = DateTime.Instant.fromEpochMilliseconds(from.getTime()).toZonedDateTimeISO(timeZone);
  const end = here.add({ days: AHEAD_DAYS });
  const plainTime = DateTime.PlainTime.from(recurrence.at);
  const found: CalendarSpec[] = [];
  for (let at = here.getTimeZoneTransition('next'); at; at = at.getTimeZoneTransition('next')) {
    if (DateTime.ZonedDateTime.compare(at, end) > 0) break;
    const day = at.toPlainDate();
    const due = day.toZonedDateTime({ timeZone, plainTime });
    if (due.toPlainTime().equals(plainTime)) continue;
    const { year, month, day: dayOfMonth, hour, minute } = due;
    found.push({ year, month: MONTHS[month - 1] ?? 'JANUARY', dayOfMonth, hour, minute });
  }
  return found;
}

/** Temporal requires the spelling of the IANA database; JavaScript also accepts `europe/amsterdam`. */
function ianaName(timeZone: string): string {
  const known = new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone;
  // Any other name is an alias of the same place.
  return known.toLowerCase() === timeZone.toLowerCase() ? known : timeZone;
}

/** A pause with its note and a limit of runs are an operator's decisions. */
function keptState({ state }: ScheduleDescription, note: string): Partial<ScheduleDescription['state']> {
  const { paused, remainingActions } = state;
  return {
    paused,
    note: paused ? (state.note ?? note) : note,
    ...(remainingActions === undefined ? {} : { remainingActions }),
  };
}

type IfFound<Answer> = { readonly found: true; readonly answer: Answer } | { readonly found: false };

async function ifFound<Answer>(call: () => Promise<Answer>): Promise<IfFound<Answer>> {
  try {
    return { found: true, answer: await call() };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError || wasDeletedUnstarted(error)) return { found: false };
    throw error;
  }
}

/** Temporal does not answer "not found" for a schedule that was deleted before its first workflow task. */
function wasDeletedUnstarted(error: unknown): boolean {
  return /execution closed before WorkflowTaskStarted/i.test(grpcAnswer(error)?.message ?? '');
}
