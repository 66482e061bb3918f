import { Temporal } from 'temporal-polyfill';
import type { Period } from '../contracts/deltas.ts';
import { type Instant, instantFromDate, parseInstant } from '../contracts/instant.ts';
import type { Day, Recurrence } from '../contracts/recurrence.ts';
import type { StandingKind } from '../contracts/standing.ts';
import type { AskedRun } from '../contracts/steps.ts';
import type { StandingOrder } from '../stores/ledger/ports.ts';
import type { StandingDeployment } from '../stores/temporal/sync-schedule.ts';

/**
 * @param startedAt when the run began
 * @returns what a run covers. One that is due ends at the latest time of its schedule, so that one run makes up for all that
 *   were missed before it. A day alone: the files of that day again.
 */
export function periodOf(
  kind: Pick<StandingKind, 'recurrence'>,
  { recurrence }: Pick<StandingOrder, 'recurrence'>,
  { runTime }: Pick<StandingDeployment, 'runTime'>,
  { asked, startedAt }: { readonly asked: AskedRun | undefined; readonly startedAt: Date },
): Period | { readonly day: Day } {
  if (asked && 'day' in asked) return asked;
  const timeZone = recurrence?.timeZone ?? runTime.timeZone;
  if (asked) {
    const until = new Date(asked.until);
    return { day: dayAt(until, timeZone), end: parseInstant(asked.until) ?? instantFromDate(until) };
  }
  const times = kind.recurrence(recurrence?.at ?? runTime.at, recurrence?.frequency ?? null);
  const due = latestTime(times, timeZone, startedAt);
  return { day: due.day, end: due.at };
}

/** @returns the latest nominal time at or before a moment, and its day there */
export function latestTime(
  recurrence: Recurrence,
  timeZone: string,
  before: Date,
): { readonly day: Day; readonly at: Instant } {
  const here = Temporal.Instant.fromEpochMilliseconds(before.getTime()).toZonedDateTimeISO(timeZone);
  const plainTime = Temporal.PlainTime.from(recurrence.at);
  for (let date = here.toPlainDate(); ; date = date.subtract({ days: 1 })) {
    if (!isDay(recurrence, date)) continue;
    // A time that the clock skips is as long after the change as it would be; of one that it repeats, the first counts.
    const due = date.toZonedDateTime({ timeZone, plainTime });
    if (Temporal.ZonedDateTime.compare(due, here) > 0) continue;
    return { day: date.toString(), at: instantFromDate(new Date(due.epochMilliseconds)) };
  }
}

function dayAt(moment: Date, timeZone: string): Day {
  return Temporal.Instant.fromEpochMilliseconds(moment.getTime()).toZonedDateTimeISO(timeZone).toPlainDate().toString();
}

const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;

function isDay(recurrence: Recurrence, date: Temporal.PlainDate): boolean {
  switch (recurrence.every) {
    case 'day':
      return true;
    case 'week':
      return WEEKDAYS[date.dayOfWeek - 1] === recurrence.on;
    case 'month':
      return date.day === recurrence.on;
  }
}
