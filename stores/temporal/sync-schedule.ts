import { WaybillError } from '../../contracts/failures.ts';
import type { RunTime } from '../../contracts/recurrence.ts';
import type { ExportKind } from '../../contracts/run.ts';
import type { StandingKind } from '../../contracts/standing.ts';
import type { StandingOrder, StandingOrders } from '../ledger/ports.ts';
import type { ScheduleSpec, Temporal } from './temporal.ts';

/** Concurrent changes of the settings after which {@link SyncSchedule} gives up. */
const ROUNDS_MAX = 20;

/** What the deployment sets for all standing orders. */
export interface StandingDeployment {
  /** For tenants that chose none. */
  readonly runTime: RunTime;
  /** Runs are spread over this many minutes, 0 to 1439. */
  readonly jitterMinutes: number;
}

/**
 * Makes a tenant's schedule match the ledger. Call it after every change of the settings. Among concurrent callers, the
 * last one to write the schedule notices that the settings have changed and writes it again, so the schedule ends up
 * matching the ledger. If it removed a schedule that it then writes again, it starts a run.
 *
 * @returns the settings that the schedule matches; `undefined` when the tenant has none
 * @throws WaybillError `temporal_unavailable`, `ledger_unavailable`; `invalid_field` for a time zone that Temporal does
 *   not know
 */
export type SyncSchedule = (kind: StandingKind, tenant: string) => Promise<StandingOrder | undefined>;

export function createSyncSchedule(
  ledger: { readonly standingOrders: Pick<StandingOrders, 'find' | 'recordSynced'> },
  temporal: Pick<Temporal, 'applySchedule' | 'trigger'>,
  deployment: (kind: ExportKind) => StandingDeployment,
): SyncSchedule {
  async function startAgain(scheduleId: string): Promise<void> {
    try {
      await temporal.trigger(scheduleId, 'after');
    } catch (error) {
      // Somebody else has removed it since, and is not done either.
      if (!(error instanceof WaybillError) || error.code !== 'not_enabled') throw error;
    }
  }

  return async function syncSchedule(kind, tenant) {
    let settings = await ledger.standingOrders.find(tenant, kind.kind);
    let wasRemoved = false;
    for (let round = 0; settings && round < ROUNDS_MAX; round += 1) {
      const spec = settings.enabled ? standingSchedule(kind, settings, deployment(kind.kind)) : null;
      await temporal.applySchedule(kind.scheduleId(tenant), spec);
      // A run that had been triggered but not started went with it.
      if (wasRemoved && spec && kind.exports === 'all') await startAgain(kind.scheduleId(tenant));
      wasRemoved = spec === null;
      const now = await ledger.standingOrders.find(tenant, kind.kind);
      if (now?.version === settings.version) {
        await ledger.standingOrders.recordSynced({ tenant, kind: kind.kind }, now.version);
        return now;
      }
      settings = now;
    }
    if (!settings) return undefined;
    throw new WaybillError(
      'temporal_unavailable',
      'The settings changed faster than their schedule could follow. Try again later.',
    );
  };
}

/** @returns the schedule of an enabled standing order */
export function standingSchedule(
  { kind, subject, formats, name, title, recurrence, catchupHours }: StandingKind,
  settings: StandingOrder,
  { runTime, jitterMinutes }: StandingDeployment,
): ScheduleSpec {
  const { tenant } = settings;
  const at = settings.recurrence?.at ?? runTime.at;
  const timeZone = settings.recurrence?.timeZone ?? runTime.timeZone;
  const spread = settings.recurrence?.jitterMinutes ?? jitterMinutes;
  const jitter = spread > 0 ? `, jitter ${spread} min` : '';
  return {
    recurrence: recurrence(at, settings.recurrence?.frequency ?? null),
    timeZone,
    jitterMinutes: spread,
    catchupHours,
    input: { kind, tenant },
    labels: { tenant, subject, format: formats.join('+'), summary: `${name.toLowerCase()} of ${tenant}` },
    note: `${title} of ${tenant} at ${at} ${timeZone}${jitter}`,
  };
}
