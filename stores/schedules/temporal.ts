import {
  ScheduleAlreadyRunning,
  type ScheduleClient,
  type ScheduleDescription,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { WaybillError } from '../../contracts/failures.ts';
import { periodicScheduleId } from '../../contracts/periodic.ts';
import { callAgain, callTemporal, type Deadlines, grpcAnswer } from './calls.ts';
import { type PeriodicDeployment, planSchedule, type SchedulePlan } from './plan.ts';
import type { PeriodicSchedules } from './schedules.ts';

/** How often a schedule may come and go between two looks at it before that is trouble. */
const LOOKS_MAX = 10;

/** @param connection the client's: a `Connection`, or a worker's `NativeConnection` */
export function createPeriodicSchedules(
  client: ScheduleClient,
  connection: Deadlines,
  deployment: PeriodicDeployment,
): PeriodicSchedules {
  const call = <Answer>(work: () => Promise<Answer>) => callTemporal(connection, work);
  const again = <Answer>(work: () => Promise<Answer>) => callAgain(connection, work);
  const handleOf = (tenant: string) => client.getHandle(periodicScheduleId(tenant));

  async function put({ note, ...plan }: SchedulePlan): Promise<void> {
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      const updated = await ifThere(() =>
        again(() => client.getHandle(plan.scheduleId).update((known) => ({ ...plan, state: stateOf(known, note) }))),
      );
      if (updated.there) return;
      try {
        await call(() => client.create({ ...plan, state: { note } }));
        return;
      } catch (error) {
        // Another process was quicker; what it wrote may be older than what is written here.
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      }
    }
    throw new WaybillError('temporal_unavailable', 'The schedule keeps coming and going. Try again later.');
  }

  async function trigger(tenant: string, overlap: ScheduleOverlapPolicy): Promise<void> {
    const triggered = await ifThere(() => call(() => handleOf(tenant).trigger(overlap)));
    if (!triggered.there) throw new WaybillError('not_enabled');
  }

  return {
    async apply(settings) {
      if (!settings.enabled) {
        await ifThere(() => again(() => handleOf(settings.tenant).delete()));
        return;
      }
      const plan = planSchedule(settings, deployment);
      try {
        await put(plan);
      } catch (error) {
        // The SDK's word for a specification that the server refuses: its list of time zones may be another.
        if (!(error instanceof TypeError && /time ?zone/i.test(error.message))) throw error;
        const message = `The scheduler does not know the time zone "${plan.spec.timezone}". Choose another one.`;
        throw new WaybillError('invalid_field', message, { field: 'timeZone', cause: error });
      }
    },

    trigger: (tenant) => trigger(tenant, ScheduleOverlapPolicy.CANCEL_OTHER),
    triggerNext: (tenant) => trigger(tenant, ScheduleOverlapPolicy.BUFFER_ONE),

    async find(tenant) {
      const found = await ifThere(() => again(() => handleOf(tenant).describe()));
      if (!found.there) return undefined;
      const { state, info } = found.answer;
      return { nextRunAt: state.paused ? null : (info.nextActionTimes[0] ?? null) };
    },
  };
}

/** What ops did by hand stays: a pause with its reason, and a limit of runs. */
function stateOf({ state }: ScheduleDescription, note: string): Partial<ScheduleDescription['state']> {
  const { paused, remainingActions } = state;
  return {
    paused,
    note: paused ? (state.note ?? note) : note,
    ...(remainingActions === undefined ? {} : { remainingActions }),
  };
}

type IfThere<Answer> = { readonly there: true; readonly answer: Answer } | { readonly there: false };

async function ifThere<Answer>(call: () => Promise<Answer>): Promise<IfThere<Answer>> {
  try {
    return { there: true, answer: await call() };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError || isStillborn(error)) return { there: false };
    throw error;
  }
}

/** A schedule that was deleted before it took its first step is not said to be unknown when it is asked about. */
function isStillborn(error: unknown): boolean {
  return /execution closed before WorkflowTaskStarted/i.test(grpcAnswer(error)?.message ?? '');
}
