import { setTimeout as delay } from 'node:timers/promises';
import { type Catalog, offeredName } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { dayOf, daySeries } from '../../contracts/keys.ts';
import { mayUseDataset } from '../../contracts/limits.ts';
import type { Day } from '../../contracts/recurrence.ts';
import { RECURRING } from '../../contracts/recurring.ts';
import { runStatus } from '../../contracts/run.ts';
import type { AskedRun, RunInput } from '../../contracts/steps.ts';
import type { Run, RunFile } from '../../stores/ledger/ports.ts';
import type { RunLabels } from '../../stores/temporal/temporal.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { TryLater } from '../http/problems.ts';
import type { RouteAnswer } from '../openapi.ts';
import type { listRuns, startRun } from './routes.ts';

const { kind, subject, formats } = RECURRING;

const PAGE_SIZE = 50;
/** How long an ended run may take to send its notices. Milliseconds. */
const CLOSING_MS = 10_000;
const POLL_MS = 100;

/** Answers `GET /export/runs`, the newest first. */
export function listRunsHandler({
  ledger,
  catalog,
  clock,
}: Pick<ApiDeps, 'ledger' | 'catalog' | 'clock'>): RouteAnswer<typeof listRuns> {
  return async function listRecurringRuns(c) {
    const { tenant, limits } = c.get('caller');
    const { pageToken = null, pageSize = PAGE_SIZE } = c.req.valid('query');
    const page = await ledger.runs.list(tenant.key, { kind }, { cursor: pageToken, limit: pageSize });
    const files = Map.groupBy(
      (await ledger.registrations.filesOf(page.rows.map(({ runId }) => runId))).filter(({ dataset }) =>
        mayUseDataset(limits, dataset),
      ),
      (file) => file.runId,
    );
    const now = clock.now();
    return c.json({
      status: 'success' as const,
      message: page.rows.length === 0 ? 'There was no run yet.' : `${page.rows.length} runs, the newest first.`,
      result: {
        nextPageToken: page.next ?? '',
        listOfItems: page.rows.map((run) => runView(catalog, run, files.get(run.runId) ?? [], now)),
      },
    });
  };
}

/**
 * Starts a run, or joins the one that is under way.
 *
 * @param day makes the files of this day again; `undefined`: a run of what has changed so far
 * @returns the run's id
 * @throws WaybillError `invalid_field` if nothing is registered, `not_found` if nothing is delivered of the day; TryLater
 */
export type StartRecurringRun = (caller: Caller, day: Day | undefined) => Promise<string>;

export function recurringRunStarter({
  ledger,
  temporal,
  settings,
  clock,
}: Pick<ApiDeps, 'ledger' | 'temporal' | 'settings' | 'clock'>): StartRecurringRun {
  /**
   * Starts a run, or joins the one that is under way. One that is not in the ledger, or has ended there, is about to begin or to
   * close, perhaps because nothing was new when it was asked for.
   *
   * @throws TryLater
   */
  async function startNew(workflowId: string, ...input: [RunInput, RunLabels]): Promise<string> {
    for (const deadline = Date.now() + CLOSING_MS; ; ) {
      const open = await temporal.findRunning(workflowId);
      if (open === undefined) return temporal.start(workflowId, ...input);
      if ((await ledger.runs.find(open))?.endedAt === null) return open;
      if (Date.now() > deadline) throw new TryLater('settings_busy', CLOSING_MS / 1000);
      await delay(POLL_MS);
    }
  }

  return async function startRecurringRun({ tenant, actor }, day) {
    const order = await ledger.standingOrders.find(tenant.key, kind);
    if (!order?.enabled)
      throw new WaybillError('invalid_field', 'No entity is registered. Register with POST /export.');
    if (day !== undefined && !(await ledger.runs.current(tenant.key, daySeries(kind, tenant.key, day)))) {
      throw new WaybillError('not_found', `Nothing is delivered of ${day}. GET /export/runs lists the days.`);
    }
    const settled = clock.now().getTime() - settings.WAYBILL_RECURRING_SETTLING_SECONDS * 1000;
    const asked: AskedRun = day === undefined ? { until: new Date(settled).toISOString() } : { day };
    const labels = {
      ...{ tenant: tenant.key, subject, format: formats.join('+') },
      summary:
        day === undefined ? `recurring export of ${tenant.key}, asked for` : `${day} of ${tenant.key}, once more`,
    };
    const workflowId = `${RECURRING.scheduleId(tenant.key)}|${day ?? 'asked'}`;
    const runId = await startNew(workflowId, { kind, tenant: tenant.key, asked }, labels);
    await ledger.audit.append({
      ...{ tenant: tenant.key, actor, action: 'recurring.run_requested', runId },
      detail: { day: day ?? null },
    });
    return runId;
  };
}

/** Answers `POST /export/runs`. */
export function startRunHandler(start: StartRecurringRun): RouteAnswer<typeof startRun> {
  return async function startRecurringRun(c) {
    const { day } = c.req.valid('json');
    const runId = await start(c.get('caller'), day);
    return c.json(
      {
        status: 'success' as const,
        message: 'The run has been started.',
        result: { run_id: runId, day: day ?? null, status: 'run_started' as const },
      },
      202,
    );
  };
}

function runView(catalog: Catalog, run: Run, files: readonly RunFile[], now: Date) {
  return {
    run_id: run.runId,
    day: dayOf(run),
    state: deliveryState(run, now),
    started_at: (run.startedAt ?? run.requestedAt).toISOString(),
    ended_at: run.endedAt?.toISOString() ?? null,
    rows: run.rows,
    bytes: run.bytes,
    manifest_sha256: run.manifestSha256,
    error: run.failure,
    acknowledgement: acknowledgementOf(run),
    files: files.map(({ dataset, complete, windowFrom, windowTo, rows, failure }) => {
      const known = catalog.find(dataset);
      return {
        entity: known ? offeredName(known) : dataset,
        load: complete ? ('complete' as const) : ('delta' as const),
        window: { from: windowFrom, to: windowTo },
        rows,
        error: failure,
      };
    }),
  };
}

function acknowledgementOf({ acknowledgement }: Run) {
  if (!acknowledgement) return null;
  const { at, matched, differences } = acknowledgement;
  return { at, matched, differences: differences.map(({ message }) => message) };
}

/** @returns whether the run has delivered, and whether its files are still offered */
export function deliveryState(run: Run, now: Date) {
  const status = runStatus(run, now);
  switch (status) {
    case 'completed':
      return run.current ? ('delivered' as const) : ('replaced' as const);
    case 'pending':
      return 'running' as const;
    case 'deleted':
      return 'replaced' as const;
    default:
      return status;
  }
}
