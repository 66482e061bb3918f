import { Temporal } from 'temporal-polyfill';
import type { Recurrence } from '../../../contracts/recurrence.ts';

const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;

/**
 * @param timeZone IANA name
 * @returns the last time at or before `now` at which something was due
 */
export function lastDue(recurrence: Recurrence, timeZone: string, now: Date): Date {
  const plainTime = Temporal.PlainTime.from(recurrence.at);
  let day = Temporal.Instant.fromEpochMilliseconds(now.getTime()).toZonedDateTimeISO(timeZone).toPlainDate();
  for (;;) {
    const due = day.toZonedDateTime({ timeZone, plainTime }).epochMilliseconds;
    if (due <= now.getTime() && isDay(recurrence, day)) return new Date(due);
    day = day.subtract({ days: 1 });
  }
}

function isDay(recurrence: Recurrence, day: Temporal.PlainDate): boolean {
  switch (recurrence.every) {
    case 'day':
      return true;
    case 'week':
      return WEEKDAYS[day.dayOfWeek - 1] === recurrence.on;
    case 'month':
      return day.day === recurrence.on;
  }
}
