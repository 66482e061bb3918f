/** Kind of the runs that deliver one day of recurring exports. */
export const DELIVERIES = 'recurring';

/** @param day `YYYY-MM-DD`. @returns the series of the runs that deliver it; the current one is the delivery */
export function deliverySeries(tenant: string, day: string): string {
  return `${DELIVERIES}|${tenant}|${day}`;
}

const DAY = /\|(\d{4}-\d{2}-\d{2})$/;

/** @returns the day of a series, `YYYY-MM-DD`; `undefined` if it has none */
export function dayOfSeries(series: string): string | undefined {
  return DAY.exec(series)?.[1];
}
