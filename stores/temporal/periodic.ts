import { WaybillError } from '../../contracts/failures.ts';
import type { RunTime } from '../../contracts/recurrence.ts';
import { periodicScheduleId } from '../../contracts/task-queues.ts';
import type { StandingOrder, StandingOrders } from '../ledger/ports.ts';
import type { ScheduleSpec, Temporal } from './temporal.ts';

/** Catch-up window for runs missed in an outage: shorter than the time to the next run. */
const CATCHUP_HOURS = 12;

/** Concurrent changes of the settings after which {@link SyncSchedule} gives up. */
const ROUNDS_MAX = 20;

/** What the deployment sets for all periodic exports. */
export interface PeriodicDeployment {
  /** For tenants that chose none. */
  readonly runTime: RunTime;
  /** Runs are spread over this many minutes, 0 to 1439. */
  readonly jitterMinutes: number;
}

/**
 * Makes a tenant's schedule match the ledger. Call it after every change of the settings. Among concurrent callers, the
 * last one to write the schedule notices that the settings have changed and writes it again, so the schedule ends up
 * matching the ledger.
 *
 * @returns the settings that the schedule matches; `undefined` when the tenant has none
 * @throws WaybillError `temporal_unavailable`, `ledger_unavailable`; `invalid_field` for a time zone that Temporal does
 *   not know
 */
export type SyncSchedule = (tenant: string) => Promise<StandingOrder | undefined>;

export function createSyncSchedule(
  ledger: { readonly standingOrders: Pick<StandingOrders, 'find'> },
  temporal: Pick<Temporal, 'applySchedule'>,
  deployment: PeriodicDeployment,
): SyncSchedule {
  return async function syncSchedule(tenant) {
    let settings = await ledger.standingOrders.find(tenant, 'periodic');
    for (let round = 0; settings && round < ROUNDS_MAX; round += 1) {
      const spec = settings.enabled ? periodicSchedule(settings, deployment) : null;
      await temporal.applySchedule(periodicScheduleId(tenant), spec);
      const now = await ledger.standingOrders.find(tenant, 'periodic');
      if (now?.version === settings.version) return now;
      settings = now;
    }
    if (!settings) return undefined;
    throw new WaybillError(
      'temporal_unavailable',
      'The settings changed faster than their schedule could follow. Try again later.',
    );
  };
}

/** The schedule of a tenant whose periodic exports are enabled. */
export function periodicSchedule(settings: StandingOrder, deployment: PeriodicDeployment): ScheduleSpec {
  const { tenant, recurrence } = settings;
  const { runTime, jitterMinutes } = deployment;
  const at = recurrence?.at ?? runTime.at;
  const timeZone = recurrence?.timeZone ?? runTime.timeZone;
  return {
    recurrence: { every: 'day', at },
    timeZone,
    jitterMinutes,
    catchupHours: CATCHUP_HOURS,
    input: { kind: 'periodic', tenant },
    labels: { tenant, subject: 'periodic', format: 'csv+json', summary: `periodic export of ${tenant}` },
    note: `nightly periodic export of ${tenant} at ${at} ${timeZone}${jitterMinutes > 0 ? `, jitter ${jitterMinutes} min` : ''}`,
  };
}
