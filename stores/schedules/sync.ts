import { WaybillError } from '../../contracts/failures.ts';
import type { PeriodicLedger, PeriodicSettings } from '../ledger/periodic.ts';
import type { PeriodicSchedules } from './schedules.ts';

/** Changes that may come in between before this gives up. */
const ROUNDS_MAX = 20;

/**
 * Brings a tenant's schedule in line with the ledger. To be called after every change of the settings, by whoever made
 * it. Of several at once, the last one to write the schedule sees that the settings have moved and writes them again, so
 * that the schedule ends as the ledger says.
 *
 * @returns the settings that the schedule is in line with; `undefined` when the tenant has none
 * @throws WaybillError `temporal_unavailable`, `ledger_unavailable`; `invalid_field` for a time zone that Temporal does
 *   not know
 */
export async function syncSchedule(
  ledger: Pick<PeriodicLedger, 'findPeriodic'>,
  schedules: Pick<PeriodicSchedules, 'apply'>,
  tenant: string,
): Promise<PeriodicSettings | undefined> {
  let settings = await ledger.findPeriodic(tenant);
  for (let round = 0; settings && round < ROUNDS_MAX; round += 1) {
    await schedules.apply(settings);
    const now = await ledger.findPeriodic(tenant);
    if (now?.version === settings.version) return now;
    settings = now;
  }
  if (!settings) return undefined;
  throw new WaybillError(
    'temporal_unavailable',
    'The settings changed faster than their schedule could follow. Try again later.',
  );
}
