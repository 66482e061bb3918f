import { type Insertable, sql, type Transaction, type UpdateObject } from 'kysely';
import { FAILURES, type Failure, WaybillError } from '../../contracts/failures.ts';
import { isRunId } from '../../contracts/job-id.ts';
import { standingSeries } from '../../contracts/keys.ts';
import { appendAudit } from './audit.ts';
import { type Database, storable } from './database.ts';
import { recordFailure, recordSuccess } from './notices.ts';
import type { BeginResult, OrderedRun, Runs, StandingRun } from './ports.ts';
import type { runLists } from './run-lists.ts';
import { findStandingOrder, lockStandingOrder, makeStandingOrder, type StandingOrderRow } from './standing-orders.ts';
import type { AuditAction, Run, RunsTable, Tables } from './tables.ts';

type Changes = Omit<Runs, keyof ReturnType<typeof runLists>>;
type End = Parameters<Runs['end']>[1];

const NOW = sql<Date>`now()`;
/** Maximum number of tries; another one is needed if the series' active run ends between the insert and the select. */
const TRIES_MAX = 5;
/** Epoch of restored runs that the standing order's recipient cannot open: older than any other. */
const FOREIGN_EPOCH = 0;

const REPLACED: Failure = { code: 'replaced', message: `${FAILURES.replaced.title}. ${FAILURES.replaced.advice}` };
const LOST: Failure = { code: 'internal', message: 'The run was lost before it finished.' };

/** @returns the audit action of a run's end */
function actionOf({ kind, standingOrderId }: Run, end: 'completed' | End['state']): AuditAction {
  if (standingOrderId === null) return `export.${end}`;
  return `${kind}.${end === 'completed' ? 'published' : end}`;
}

/** Every state change is one UPDATE that names the states it may leave, so late and repeated calls have no effect. */
export function runChanges(database: Database): Changes {
  async function setColumns(runId: string, columns: UpdateObject<Tables, 'runs'>): Promise<void> {
    if (!isRunId(runId)) return;
    await database.query((db) => db.updateTable('runs').set(columns).where('runId', '=', runId).execute());
  }

  return {
    request: (run, lost) =>
      database.transaction(async (db) => {
        const { other, inserted } = await insertRun(db, { ...columnsOf(run), state: 'pending' }, undefined, lost);
        return { run: other ?? (await findRun(db, run.runId)), inserted };
      }),

    begin: (run, lost) =>
      database.transaction((db) => ('order' in run ? beginOrdered(db, run, lost) : beginStanding(db, run, lost))),

    commit: (runId, { retention, ...totals }) =>
      database.transaction(async (db) => {
        const locked = await lockRun(db, runId);
        if (!locked) return false;
        const { run, order } = locked;
        if (run.state === 'completed') return true;
        const open = order === undefined || (order.enabled && order.epoch === run.epoch);
        if (run.state !== 'running' || !open) return false;

        const replaces = 'replaceAfterSeconds' in retention;
        const previous = replaces ? await replaceCurrent(db, run, retention.replaceAfterSeconds) : null;
        await db
          .updateTable('runs')
          .set({
            ...totals,
            state: 'completed',
            endedAt: NOW,
            current: replaces,
            previousRunId: previous,
            ...(replaces ? {} : { expiresAt: retention.expiresAt, removeAfter: retention.expiresAt }),
          })
          .where('runId', '=', runId)
          .where('state', '=', 'running')
          .execute();
        if (order) await recordSuccess(db, order, runId);
        const { files, rows, bytes } = totals;
        await auditRun(db, run, actionOf(run, 'completed'), { files, rows, bytes });
        return true;
      }),

    async end(runId, end) {
      await database.transaction(async (db) => {
        const locked = await lockRun(db, runId);
        if (locked) await endRun(db, locked.run, locked.order, end);
      });
    },

    async recordRemoval(runId, removal) {
      if (!isRunId(runId)) return;
      await database.transaction(async (db) => {
        const run = await db
          .updateTable('runs')
          .set((eb) => ({
            removal: eb
              .case()
              .when('state', '=', 'completed')
              .then(removal)
              .else('failed' as const)
              .end(),
            removedAt: NOW,
          }))
          .where('runId', '=', runId)
          .where('state', 'in', ['completed', 'failed', 'cancelled'])
          .where('current', '=', false)
          .where('removedAt', 'is', null)
          .returning(['runId', 'tenant', 'removal'])
          .executeTakeFirst();
        if (run?.removal === 'expired') await auditRun(db, run, 'export.expired', {});
      });
    },

    noteAttempted: (runId, attempted) => setColumns(runId, { attempted: JSON.stringify(attempted) }),

    recordRecheck: (runId) => setColumns(runId, { recheckedAt: NOW }),

    revokeLinks: (runId) => setColumns(runId, { linksRevokedAt: NOW }),

    restore: (run) =>
      database.transaction(async (db) => {
        const { runId, workflowId, endedAt, ...described } = run;
        if ('order' in described) {
          const { order, expiresAt, ...totals } = described;
          const completed = { ...totals, state: 'completed', endedAt, expiresAt, removeAfter: expiresAt } as const;
          const requestedAt = new Date(totals.snapshotAt);
          const row = await db
            .insertInto('runs')
            .values({ ...columnsOf({ runId, workflowId, order, requestedAt }), ...completed })
            .onConflict((conflict) =>
              conflict.column('runId').doUpdateSet(completed).where('runs.state', 'in', ['pending', 'running']),
            )
            .returning('runId')
            .executeTakeFirst();
          return row !== undefined;
        }
        const { tenant, kind, subject, recipient, ...totals } = described;
        const order = await makeStandingOrder(db, { tenant, kind, recipient, epoch: 1, version: 1 });
        const ours = order.recipient === recipient;
        const current = ours && (await findStandingOrder(db, tenant, kind))?.currentRunId === null;
        const startedAt = new Date(totals.snapshotAt);
        const row = await db
          .insertInto('runs')
          .values({
            ...columnsOf({ runId, workflowId, tenant, kind, subject, startedAt }),
            ...totals,
            standingOrderId: order.standingOrderId,
            epoch: ours ? order.epoch : FOREIGN_EPOCH,
            state: 'completed',
            endedAt,
            current,
            ...(current ? {} : { removeAfter: NOW }),
          })
          .onConflict((conflict) => conflict.column('runId').doNothing())
          .returning('runId')
          .executeTakeFirst();
        return row !== undefined;
      }),
  };
}

async function beginOrdered(db: Transaction<Tables>, run: OrderedRun, lost?: string): Promise<BeginResult> {
  const { other } = await insertRun(db, { ...columnsOf(run), state: 'pending' }, undefined, lost);
  if (other) return { outcome: 'busy', other };
  await db
    .updateTable('runs')
    .set({ state: 'running', startedAt: NOW })
    .where('runId', '=', run.runId)
    .where('state', '=', 'pending')
    .execute();
  const { state } = await findRun(db, run.runId);
  return state === 'running' ? { outcome: 'begun', standingOrder: null } : { outcome: 'off' };
}

async function beginStanding(db: Transaction<Tables>, run: StandingRun, lost?: string): Promise<BeginResult> {
  const order = await lockStandingOrder(db, run.tenant, run.kind);
  if (!order) return { outcome: 'off' };
  const enabled = order.enabled && (await isLetIn(db, run.tenant));
  if (enabled) {
    const { standingOrderId, epoch } = order;
    const row = { ...columnsOf(run), standingOrderId, epoch, state: 'running' } as const;
    const { other } = await insertRun(db, row, order, lost);
    if (other) return { outcome: 'busy', other };
  }
  const known = await db
    .selectFrom('runs')
    .selectAll()
    .where('runId', '=', run.runId)
    .where('standingOrderId', '=', order.standingOrderId)
    .executeTakeFirst();
  if (known?.state !== 'running') return { outcome: 'off' };
  if (enabled && known.epoch === order.epoch) {
    return { outcome: 'begun', standingOrder: (await findStandingOrder(db, run.tenant, run.kind)) ?? null };
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
async function insertRun(
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

function columnsOf(run: OrderedRun | StandingRun) {
  const { runId, workflowId } = run;
  if ('order' in run) {
    const { order, requestedAt } = run;
    return {
      ...{ runId, workflowId, tenant: order.tenant, kind: 'on-demand', series: workflowId, subject: order.dataset },
      ...{ order: JSON.stringify(order), requestedAt },
    } satisfies Partial<Insertable<RunsTable>>;
  }
  const { tenant, kind, subject, startedAt } = run;
  const series = standingSeries(kind, tenant);
  return { runId, workflowId, tenant, kind, series, subject, requestedAt: startedAt, startedAt };
}

function findRun(db: Transaction<Tables>, runId: string): Promise<Run> {
  return db.selectFrom('runs').selectAll().where('runId', '=', runId).executeTakeFirstOrThrow();
}

/** Locks the standing order, then the run. Every transaction that locks both uses this order. */
async function lockRun(
  db: Transaction<Tables>,
  runId: string,
): Promise<{ readonly run: Run; readonly order: StandingOrderRow | undefined } | undefined> {
  if (!isRunId(runId)) return undefined;
  const known = await db
    .selectFrom('runs')
    .select(['tenant', 'kind', 'standingOrderId'])
    .where('runId', '=', runId)
    .executeTakeFirst();
  if (!known) return undefined;
  const order = known.standingOrderId === null ? undefined : await lockStandingOrder(db, known.tenant, known.kind);
  const run = await db.selectFrom('runs').selectAll().where('runId', '=', runId).forUpdate().executeTakeFirstOrThrow();
  return { run, order };
}

/** @returns the previously current run */
async function replaceCurrent(db: Transaction<Tables>, { tenant, series }: Run, seconds: number) {
  const replaced = await db
    .updateTable('runs')
    .set({ current: false, removeAfter: sql<Date>`now() + make_interval(secs => ${seconds})` })
    .where('tenant', '=', tenant)
    .where('series', '=', series)
    .where('current', '=', true)
    .returning('runId')
    .executeTakeFirst();
  return replaced?.runId ?? null;
}

/** @param order of the run, locked by this transaction */
async function endRun(db: Transaction<Tables>, run: Run, order: StandingOrderRow | undefined, { state, failure }: End) {
  const cause = JSON.stringify({ code: failure.code, message: storable(failure.message) });
  const ended = await db
    .updateTable('runs')
    .set({ state, failure: cause, endedAt: NOW, removeAfter: NOW })
    .where('runId', '=', run.runId)
    .where('state', 'in', ['pending', 'running'])
    .returning('endedAt')
    .executeTakeFirst();
  if (!ended) return;
  await auditRun(db, run, actionOf(run, state), { code: failure.code, message: failure.message });
  if (state === 'failed' && order?.epoch === run.epoch && ended.endedAt) {
    await recordFailure(db, order, { runId: run.runId, failedAt: ended.endedAt, failure });
  }
}

async function auditRun(
  db: Transaction<Tables>,
  { tenant, runId }: Pick<Run, 'tenant' | 'runId'>,
  action: AuditAction,
  detail: Parameters<typeof appendAudit>[1]['detail'],
) {
  await appendAudit(db, { tenant, actor: 'waybill', action, runId, detail });
}

async function isLetIn(db: Transaction<Tables>, tenant: string): Promise<boolean> {
  const row = await db
    .selectFrom('tenants')
    .select('key')
    .where('key', '=', tenant)
    .where('disabledAt', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}
