import { WaybillError } from '../../../contracts/failures.ts';
import { dayOf, daySeries } from '../../../contracts/keys.ts';
import { isActive, type Progress } from '../../../contracts/progress.ts';
import type { Day, Frequency } from '../../../contracts/recurrence.ts';
import { RECURRING } from '../../../contracts/recurring.ts';
import type { Coverage, Page, Run, RunFile, StandingFile, StandingOrder } from '../../../stores/ledger/ports.ts';
import type { PortalContext } from '../environment.ts';
import type { PortalDeps } from '../tab.ts';
import { addMonths, daysOf, isMonth, type Month } from './calendar.ts';

const { kind } = RECURRING;

/** Months on a page, and rows of its list. */
const MONTHS_SHOWN = 3;
const ON_PAGE = 10;
/** How long a page that is kept up to date may show the same while nothing runs. Milliseconds. */
const IDLE_MS = 5000;

/** How runs are scheduled: the tenant's choice, or the deployment's. */
export interface Scheduled {
  readonly frequency: Frequency;
  readonly at: string;
  readonly timeZone: string;
  readonly jitterMinutes: number | null;
  readonly ackHours: number | null;
}

/** What is known of the tenant's recurring exports. */
export interface KnownRecurring {
  /** `undefined`: never registered. */
  readonly order: StandingOrder | undefined;
  readonly scheduled: Scheduled;
  /** What is, or was, registered. */
  readonly files: readonly StandingFile[];
  /** `null`: none is due, or it is not known. */
  readonly nextRunAt: Date | null;
  /** Today, and the day of the next run, in the zone of the registration. */
  readonly today: Day;
  readonly due: Day | null;
  readonly coverage: Coverage;
  /** The months that are shown, the oldest first, and their runs. */
  readonly months: readonly Month[];
  readonly monthRuns: readonly Run[];
  /** A page of runs, the newest first. */
  readonly page: Page<Run>;
  /** What the runs of the months and of the page exported. */
  readonly runFiles: readonly RunFile[];
  readonly running: Run | undefined;
  readonly progress: Progress | undefined;
}

/** @param isStream whether the page is kept up to date, so that the same call comes every second */
export type ReadKnownRecurring = (c: PortalContext, isStream?: boolean) => Promise<KnownRecurring>;

export function knownRecurringReader(deps: PortalDeps): ReadKnownRecurring {
  const { ledger, settings, clock, runs } = deps;
  /** By the request of a stream. */
  const before = new WeakMap<PortalContext, { readonly at: number; readonly known: KnownRecurring }>();

  return async function readKnownRecurring(c, isStream = false) {
    const last = isStream ? before.get(c) : undefined;
    const at = clock.now().getTime();
    if (last && !last.known.running && at - last.at < IDLE_MS) return last.known;
    const known = await read(c);
    if (isStream) before.set(c, { at, known });
    return known;
  };

  async function read(c: PortalContext): Promise<KnownRecurring> {
    const { key: tenant } = c.get('caller').tenant;
    const listed = await ledger.runs.list(tenant, { kind }, { cursor: c.req.query('cursor') ?? null, limit: ON_PAGE });
    const page = { ...listed, rows: await Promise.all(listed.rows.map(runs.closeLostRun)) };
    // Read after the runs, because closing a lost run changes it.
    const order = await ledger.standingOrders.find(tenant, kind);
    const [files, coverage, nextRunAt] = await Promise.all([
      ledger.registrations.list({ tenant, kind }),
      ledger.registrations.coverage({ tenant, kind }),
      order?.enabled ? findNextRun(c, tenant) : null,
    ]);
    const scheduled = {
      frequency: order?.recurrence?.frequency ?? 'daily',
      at: order?.recurrence?.at ?? settings.WAYBILL_RECURRING_AT,
      timeZone: order?.recurrence?.timeZone ?? settings.WAYBILL_RECURRING_TIME_ZONE,
      jitterMinutes: order?.recurrence?.jitterMinutes ?? null,
      ackHours: order?.recurrence?.ackHours ?? null,
    } as const;
    const today = dayIn(scheduled.timeZone, clock.now());
    const firstSeen = [coverage.firstDay, ...page.rows.map(dayOf)].filter((day) => day !== null).toSorted()[0];
    const months = monthsShown(c, today, firstSeen ?? today);
    const days = months.flatMap(daysOf);
    const monthRuns = await ledger.runs.listOfSeries(
      tenant,
      days.map((day) => daySeries(kind, tenant, day)),
    );
    const runIds = new Set([...monthRuns, ...page.rows].map(({ runId }) => runId));
    const running = page.rows.find(({ state }) => isActive(state));
    return {
      ...{ order, scheduled, files, nextRunAt, today, coverage, months, monthRuns, page, running },
      due: nextRunAt && dayIn(scheduled.timeZone, nextRunAt),
      runFiles: await ledger.registrations.filesOf([...runIds]),
      progress: running && (await runs.progress.read(running)),
    };
  }

  /** @returns `null` also if Temporal does not answer, because nothing else depends on it */
  async function findNextRun(c: PortalContext, tenant: string): Promise<Date | null> {
    try {
      return (await deps.temporal.nextRun(RECURRING.scheduleId(tenant)))?.nextRunAt ?? null;
    } catch (error) {
      if (!(error instanceof WaybillError)) throw error;
      c.get('logger').warn({ err: error }, 'a schedule could not be read');
      return null;
    }
  }
}

function monthsShown(c: PortalContext, today: Day, first: Day): readonly Month[] {
  const asked = c.req.query('until');
  const newest = today.slice(0, 7);
  const last = isMonth(asked) && asked < newest ? asked : newest;
  const months = Array.from({ length: MONTHS_SHOWN }, (_, place) => addMonths(last, place - MONTHS_SHOWN + 1));
  const since = months.filter((month) => month >= first.slice(0, 7));
  return since.length > 0 ? since : [last];
}

function dayIn(timeZone: string, at: Date): Day {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(at);
}
