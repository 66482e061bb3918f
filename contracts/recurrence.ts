/** `HH:MM`, 00:00 to 23:59. */
export const TIME_OF_DAY = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

/** A recurring time. `at` is `HH:MM` in the given time zone. */
export type Recurrence =
  | { readonly every: 'day'; readonly at: string }
  | { readonly every: 'week'; readonly on: Weekday; readonly at: string }
  /** `on` is a day of the month, 1 to 28, which every month has. */
  | { readonly every: 'month'; readonly on: number; readonly at: string };

export type Weekday = 'MONDAY' | 'TUESDAY' | 'WEDNESDAY' | 'THURSDAY' | 'FRIDAY' | 'SATURDAY' | 'SUNDAY';

/** How often a tenant may choose: every day, every Monday, or on the first of each month. */
export const FREQUENCIES = ['daily', 'weekly', 'monthly'] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** A calendar day in the time zone of a standing order, `YYYY-MM-DD`. */
export type Day = string;
export const DAY = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;

/** When a daily run begins. */
export interface RunTime {
  /** `HH:MM`, 00:00 to 23:59, in the time zone. */
  readonly at: string;
  /** IANA name, for example `Europe/Amsterdam`. */
  readonly timeZone: string;
}

/** @returns whether this JavaScript engine knows the IANA time zone */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name);
  } catch {
    return false;
  }
}

/** @param name an IANA time zone, in any case @returns its name, `UTC` for every name of UTC */
export function resolveTimeZone(name: string): string {
  const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
  return timeZone === 'UTC' || timeZone.toLowerCase() === name.toLowerCase() ? timeZone : name;
}
