import { Cron } from 'croner';

/** Requests do not wait for a batch. */
const IMMEDIATELY = 'immediately';

/** Whether {@link nextBatch} takes it. */
export function isBatchSchedule(text: string): boolean {
  if (text === IMMEDIATELY) return true;
  try {
    return new Cron(text, { mode: '5-part' }).nextRun() !== null;
  } catch {
    return false;
  }
}

/**
 * @param schedule `immediately`, or a cron expression of five fields
 * @param timeZone IANA name; a time that the clock skips in spring is due as soon as it is over
 * @returns when the first batch after `now` begins; `null`: at once
 */
export function nextBatch(schedule: string, timeZone: string, now: Date): Date | null {
  if (schedule === IMMEDIATELY) return null;
  return new Cron(schedule, { mode: '5-part', timezone: timeZone }).nextRun(now);
}
