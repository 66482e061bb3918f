import type { PeriodicSettings } from '../ledger/periodic.ts';

/** A tenant's schedule as Temporal has it. */
export interface ScheduleSight {
  /** When the next run is due, jitter included; `null` when none is, as while the schedule is paused. */
  readonly nextRunAt: Date | null;
}

/**
 * The Temporal Schedules of periodic exports, one a tenant.
 *
 * Errors: `WaybillError` `temporal_unavailable` when the server does not answer within seconds.
 */
export interface PeriodicSchedules {
  /**
   * Brings the tenant's schedule in line with the settings: one with their run time when they are enabled, none when
   * they are not. Repeating it is harmless. What an operator did by hand, a pause or a limit of runs, stays.
   *
   * A run time that the clock skips in spring has no run that night; one that it repeats in autumn has two.
   *
   * @throws WaybillError `invalid_field` (field `timeZone`) for a time zone that Temporal does not know
   */
  apply(settings: PeriodicSettings): Promise<void>;
  /**
   * Starts a run now, paused or not. One that is under way is cancelled first, and has ended before the new one begins.
   *
   * @throws WaybillError `not_enabled` when the tenant has no schedule
   */
  trigger(tenant: string): Promise<void>;
  /** Starts a run once the one that is under way has ended, unless another one waits for that already. @throws as above */
  triggerNext(tenant: string): Promise<void>;
  /** @returns `undefined` when the tenant has no schedule */
  find(tenant: string): Promise<ScheduleSight | undefined>;
}
