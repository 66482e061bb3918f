import type { RunTime } from '../contracts/recurrence.ts';
import { RECURRING } from '../contracts/recurring.ts';
import type { ExportKind } from '../contracts/run.ts';
import type { Settings } from './settings.ts';

/** When standing orders run, unless a tenant has chosen. */
interface StandingTimes {
  readonly runTime: RunTime;
  /** Runs are spread over this many minutes, 0 to 1439. */
  readonly jitterMinutes: number;
}

type TimeSettings = Pick<
  Settings,
  | 'WAYBILL_PERIODIC_AT'
  | 'WAYBILL_PERIODIC_TIME_ZONE'
  | 'WAYBILL_PERIODIC_JITTER_MINUTES'
  | 'WAYBILL_RECURRING_AT'
  | 'WAYBILL_RECURRING_TIME_ZONE'
  | 'WAYBILL_RECURRING_JITTER_MINUTES'
>;

/** @returns the deployment's times, by kind of export */
export function standingTimes(settings: TimeSettings): (kind: ExportKind) => StandingTimes {
  const periodic = {
    runTime: { at: settings.WAYBILL_PERIODIC_AT, timeZone: settings.WAYBILL_PERIODIC_TIME_ZONE },
    jitterMinutes: settings.WAYBILL_PERIODIC_JITTER_MINUTES,
  };
  const recurring = {
    runTime: { at: settings.WAYBILL_RECURRING_AT, timeZone: settings.WAYBILL_RECURRING_TIME_ZONE },
    jitterMinutes: settings.WAYBILL_RECURRING_JITTER_MINUTES,
  };
  return (kind) => (kind === RECURRING.kind ? recurring : periodic);
}
