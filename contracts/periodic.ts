/** Names and words of the periodic exports. */

/** When a tenant's run begins, every day. */
export interface RunTime {
  /** `HH:MM`, 00:00 to 23:59, on the clock of the time zone. */
  readonly at: string;
  /** IANA name, for example `Europe/Amsterdam`. */
  readonly timeZone: string;
}

/** `HH:MM`. */
export const TIME_OF_DAY = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

/** @returns whether the running JavaScript engine knows this IANA time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name);
  } catch {
    return false;
  }
}

/** Id of the Temporal Schedule of a tenant. */
export function periodicScheduleId(tenant: string): string {
  return `periodic-export|tenantKey:${tenant}`;
}

/** Beginning of the ids of a tenant's runs; the schedule appends the nominal time, as in `…acme-2026-11-21T01:30:00Z`. */
export function periodicWorkflowId(tenant: string): string {
  return periodicScheduleId(tenant);
}

/** Name that search attributes and pages show for the bundle of all periodic files. */
export const PERIODIC_BUNDLE = 'periodic';
