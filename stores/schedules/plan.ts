import type { ScheduleOptions, ScheduleOptionsStartWorkflowAction, WorkflowStartOptions } from '@temporalio/client';
import type { Workflow } from '@temporalio/common';
import {
  PERIODIC_BUNDLE,
  periodicScheduleId,
  periodicWorkflowId,
  type RunTime,
  TIME_OF_DAY,
} from '../../contracts/periodic.ts';
import type { PeriodicInput } from '../../contracts/periodic-steps.ts';
import type { PeriodicSettings } from '../ledger/periodic.ts';
import { keyword } from './attributes.ts';

const MINUTE_MS = 60_000;

/** A run that an outage prevented is made up for until so long after its time: an evening, but never the next run. */
const CATCHUP_MS = 12 * 60 * MINUTE_MS;

/** What the deployment says about all periodic exports. */
export interface PeriodicDeployment {
  /** Queue of this deployment's workflows. */
  readonly taskQueue: string;
  /** For tenants that chose none. */
  readonly runTime: RunTime;
  /** Runs are spread over so many minutes from their time on, 0 to 1439. */
  readonly jitterMinutes: number;
}

/** The SDK encodes a priority, although the type of a schedule's action has no place for it. */
type Action = ScheduleOptionsStartWorkflowAction<Workflow> & Pick<WorkflowStartOptions, 'priority'>;

export type SchedulePlan = ScheduleOptions & { readonly action: Action; readonly note: string };

/** What the schedule of a tenant whose periodic exports are enabled says. */
export function planSchedule(settings: PeriodicSettings, deployment: PeriodicDeployment): SchedulePlan {
  const { tenant } = settings;
  const { at, timeZone } = runTimeOf(settings, deployment.runTime);
  if (!TIME_OF_DAY.test(at)) throw new RangeError(`not a time of day: ${at}`);
  const [hour = 0, minute = 0] = at.split(':').map(Number);
  const input: PeriodicInput = { tenant };
  const named = [keyword('WaybillTenant', tenant), keyword('WaybillDataset', PERIODIC_BUNDLE)];
  const jitter = deployment.jitterMinutes;
  return {
    scheduleId: periodicScheduleId(tenant),
    spec: { calendars: [{ hour, minute }], timezone: timeZone, jitter: jitter * MINUTE_MS },
    policies: { overlap: 'SKIP', catchupWindow: CATCHUP_MS },
    typedSearchAttributes: named,
    action: {
      type: 'startWorkflow',
      workflowType: 'periodicExport',
      workflowId: periodicWorkflowId(tenant),
      taskQueue: deployment.taskQueue,
      args: [input],
      typedSearchAttributes: [...named, keyword('WaybillFormat', 'csv+json'), keyword('WaybillState', 'running')],
      staticSummary: `periodic export of ${tenant}`,
      priority: { fairnessKey: tenant },
    },
    note: `nightly periodic export of ${tenant} at ${at} ${timeZone}${jitter > 0 ? `, jitter ${jitter} min` : ''}`,
  };
}

function runTimeOf({ runAt, timeZone }: PeriodicSettings, deployment: RunTime): RunTime {
  return { at: runAt ?? deployment.at, timeZone: spelled(timeZone ?? deployment.timeZone) };
}

/** JavaScript reads `europe/amsterdam` as well; Temporal wants the name as the IANA database writes it. */
function spelled(timeZone: string): string {
  const known = new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone;
  // Where it is another name, it is an older one for the same place.
  return known.toLowerCase() === timeZone.toLowerCase() ? known : timeZone;
}
