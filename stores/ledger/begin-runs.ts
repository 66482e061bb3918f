import { type Insertable, sql, type Transaction } from 'kysely';
import { FAILURES, type Failure, WaybillError } from '../../contracts/failures.ts';
import { standingSeries } from '../../contracts/keys.ts';
import { QUESTIONNAIRE } from '../../contracts/questionnaires.ts';
import { REQUESTS } from '../../contracts/requests.ts';
import { ON_DEMAND } from '../../contracts/run.ts';
import { insertRunFiles, planChanges, readChanges } from './changes.ts';
import { NOW, storable } from './database.ts';
import { endRun } from './end-runs.ts';
import { noteHeld } from './held.ts';
import type { ArchiveRun, BeginResult, OrderedRun, RequestedRun, StandingRun } from './ports.ts';
import { findStandingOrder, lockStandingOrder, type StandingOrderRow } from './standing-orders.ts';
import type { Run, RunsTable, Tables } from './tables.ts';

/** Maximum number of tries; another one is needed if the series' active run ends between the insert and the select. */
const TRIES_MAX = 5;

const REPLACED: Failure = { code: 'replaced', message: `${FAILURES.replaced.title}. ${FAILURES.replaced.advice}` };
const LOST: Failure = { code: 'internal', message: 'The run was lost before it finished.' };

/** Implements `Runs.request`. */
export async function requestRun(
  db: Transaction<Tables>,
  run: OrderedRun | ArchiveRun,
  lost?: string,
): Promise<{ readonly run: Run; readonly inserted: boolean }> {
  const { other, inserted } = await insertRun(db, { ...orderedRow(run), state: 'pending' }, undefined, lost);
  return { run: other ?? (await findRun(db, run.runId)), inserted };
}

/** Implements `Runs.begin` for a run with its own order. */
export async function beginOrdered(
  db: Transaction<Tables>,
  run: OrderedRun | ArchiveRun,
  lost?: string,
): Promise<BeginResult> {
  const { other } = await insertRun(db, { ...orderedRow(run), state: 'pending' }, undefined, lost);
  if (other) return { outcome: 'busy', other };
  await db
    .updateTable('runs')
    .set({ state: 'running', startedAt: NOW })
    .where('runId', '=', run.runId)
    .where('state', '=', 'pending')
    .execute();
  const { state } = await findRun(db, run.runId);
  return state === 'running' ? { outcome: 'begun', standingOrder: null, changes: null } : { outcome: 'off' };
}

/** Implements `Runs.beginRequest`. */
export async function beginRequest(
  db: Transaction<Tables>,
  run: RequestedRun,
  runningMax: number,
  lost?: string,
): Promise<BeginResult> {
  // Two requests must not take the same place.
  await sql`select pg_advisory_xact_lock(hashtext('waybill: begin a request'))`.execute(db);
  const { other } = await insertRun(db, { ...requestedRow(run), state: 'pending' }, undefined, lost);
  if (other) return { outcome: 'busy', other };
  const known = await findRun(db, run.runId);
  if (known.state === 'running') return { outcome: 'begun', standingOrder: null, changes: null };
  if (known.state !== 'pending') return { outcome: 'off' };
  const before = await countBefore(db, known);
  if (before >= runningMax) return { outcome: 'queued', ahead: before - runningMax + 1 };
  await db.updateTable('runs').set({ state: 'running', startedAt: NOW }).where('runId', '=', run.runId).execute();
  return { outcome: 'begun', standingOrder: null, changes: null };
}

/** @returns the number of requests that run, or that are due and older */
async function countBefore(db: Transaction<Tables>, { number }: Run): Promise<number> {
  const { count } = await db
    .selectFrom('runs')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('kind', '=', sql<string>`'requests'`)
    .where('state', 'in', sql<'pending' | 'running'>`('pending', 'running')`)
    .where((eb) =>
      eb.or([
        eb('state', '=', 'running'),
        eb.and([eb('number', '<', number), eb.or([eb('startsAt', 'is', null), eb('startsAt', '<=', NOW)])]),
      ]),
    )
    .executeTakeFirstOrThrow();
  return count;
}

/** Implements `Runs.begin` for a run of a standing order. */
export async function beginStanding(db: Transaction<Tables>, run: StandingRun, lost?: string): Promise<BeginResult> {
  const order = await lockStandingOrder(db, run.tenant, run.kind);
  if (!order) return { outcome: 'off' };
  const { standingOrderId, epoch } = order;
  const enabled = order.enabled && (await isTenantEnabled(db, run.tenant));
  const findKnown = () =>
    db
      .selectFrom('runs')
      .selectAll()
      .where('runId', '=', run.runId)
      .where('standingOrderId', '=', standingOrderId)
      .executeTakeFirst();
  if (enabled && !(await findKnown())) {
    const other = run.changes && (await findOther(db, standingOrderId));
    if (other && other.runId !== lost) return { outcome: 'busy', other };
    if (other) await endRun(db, other, order, { state: 'failed', failure: LOST });
    const planned = run.changes && (await planChanges(db, run, run.changes, order));
    if (planned?.files.length === 0) {
      await noteHeld(db, order, planned.held, undefined);
      return { outcome: 'off' };
    }
    const series = planned ? { series: planned.series } : {};
    const row = { ...standingRow(run), ...series, standingOrderId, epoch, state: 'running' } as const;
    const met = await insertRun(db, row, order, lost);
    if (met.other) {
      if (planned) await noteHeld(db, order, planned.held, undefined);
      return { outcome: 'busy', other: met.other };
    }
    if (planned) {
      await insertRunFiles(db, planned.files);
      await noteHeld(db, order, planned.held, await findKnown());
    }
  }
  const known = await findKnown();
  if (known?.state !== 'running') return { outcome: 'off' };
  if (enabled && known.epoch === epoch) {
    const standingOrder = (await findStandingOrder(db, run.tenant, run.kind)) ?? null;
    return { outcome: 'begun', standingOrder, changes: run.changes ? await readChanges(db, known, order) : null };
  }
  // A retried begin whose standing order has changed: end the run here, because the workflow will not.
  await endRun(db, known, order, { state: 'cancelled', failure: REPLACED });
  return { outcome: 'off' };
}

/**
 * Inserts a run unless it exists.
 *
 * @param order its standing order, locked by this transaction
 * @param lost id of an active run of the series that may be ended to make way
 * @returns the other active run of the series, if that prevented the insert
 */
export async function insertRun(
  db: Transaction<Tables>,
  row: Insertable<RunsTable>,
  order: StandingOrderRow | undefined,
  lost: string | undefined,
): Promise<{ readonly inserted: boolean; readonly other?: Run }> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const inserted = await db
      .insertInto('runs')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .returning('runId')
      .executeTakeFirst();
    if (inserted) return { inserted: true };
    const met = await db
      .selectFrom('runs')
      .selectAll()
      .where((eb) =>
        eb.or([
          eb('runId', '=', row.runId),
          eb.and([
            eb('tenant', '=', row.tenant),
            eb('series', '=', row.series),
            eb('state', 'in', ['pending', 'running']),
          ]),
        ]),
      )
      .execute();
    if (met.some(({ runId }) => runId === row.runId)) return { inserted: false };
    const [other] = met;
    if (!other) continue;
    if (other.runId !== lost) return { inserted: false, other };
    await endRun(db, other, order, { state: 'failed', failure: LOST });
  }
  throw new WaybillError('ledger_unavailable');
}

/** Columns of a run with its own order: on demand, or an archive. */
export function orderedRow({ runId, workflowId, order, requestedAt }: OrderedRun | ArchiveRun) {
  const { tenant } = order;
  const [kind, subject] = 'questionnaire' in order ? [QUESTIONNAIRE, order.bundle] : [ON_DEMAND, order.dataset];
  const described = { kind, series: workflowId, subject, order: JSON.stringify(order) };
  return { runId, workflowId, tenant, ...described, requestedAt };
}

/** Columns of a request. */
export function requestedRow({ order, series, requestedBy, startsAt, ...run }: RequestedRun) {
  const { tenant, dataset: subject } = order;
  const described = {
    kind: REQUESTS,
    series,
    subject,
    order: JSON.stringify(order),
    requestedBy: storable(requestedBy),
  };
  return { ...run, tenant, ...described, startsAt };
}

/** Columns of a run of a standing order. */
export function standingRow({ runId, workflowId, tenant, kind, subject, startedAt }: StandingRun) {
  const series = standingSeries(kind, tenant);
  return { runId, workflowId, tenant, kind, series, subject, requestedAt: startedAt, startedAt };
}

/** @returns an active run of the standing order, of whatever series */
function findOther(db: Transaction<Tables>, standingOrderId: string): Promise<Run | undefined> {
  return db
    .selectFrom('runs')
    .selectAll()
    .where('standingOrderId', '=', standingOrderId)
    .where('state', 'in', ['pending', 'running'])
    .executeTakeFirst();
}

function findRun(db: Transaction<Tables>, runId: string): Promise<Run> {
  return db.selectFrom('runs').selectAll().where('runId', '=', runId).executeTakeFirstOrThrow();
}

async function isTenantEnabled(db: Transaction<Tables>, tenant: string): Promise<boolean> {
  const row = await db
    .selectFrom('tenants')
    .select('key')
    .where('key', '=', tenant)
    .where('disabledAt', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}
