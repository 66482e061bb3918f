import { sql, type Transaction, type UpdateObject } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { QUESTIONNAIRE } from '../../contracts/questionnaires.ts';
import { acknowledgements } from './acknowledgements.ts';
import { hasSettings } from './archives.ts';
import { appendAudit } from './audit.ts';
import { beginOrdered, beginRequest, beginStanding, requestRun } from './begin-runs.ts';
import { commitChanges } from './changes.ts';
import { type Database, NOW, storable } from './database.ts';
import { addDelivery } from './deliveries.ts';
import { auditEnd, endRun } from './end-runs.ts';
import { recordFailure, recordSuccess } from './notices.ts';
import type { Commit, Runs } from './ports.ts';
import { restoreRun } from './restore-runs.ts';
import { runLists } from './run-lists.ts';
import { lockStandingOrder, type StandingOrderRow } from './standing-orders.ts';
import type { Run, Tables } from './tables.ts';
import { dataOf, deliveredOf, hasReceivers, oweEvents } from './webhook-events.ts';

/** Every state change is one UPDATE that names the states it may leave, so late and repeated calls have no effect. */
export function runs(database: Database): Runs {
  async function setColumns(runId: string, columns: UpdateObject<Tables, 'runs'>): Promise<void> {
    if (!isRunId(runId)) return;
    await database.query((db) => db.updateTable('runs').set(columns).where('runId', '=', runId).execute());
  }

  return {
    ...runLists(database),
    ...acknowledgements(database),

    request: (run, lost) => database.transaction((db) => requestRun(db, run, lost)),

    begin: (run, lost) =>
      database.transaction((db) => ('order' in run ? beginOrdered(db, run, lost) : beginStanding(db, run, lost))),

    beginRequest: (run, runningMax, lost) => database.transaction((db) => beginRequest(db, run, runningMax, lost)),

    commit: (runId, { retention, missing = [], datasetRows, ...totals }) =>
      database.transaction(async (db) => {
        const locked = await lockRun(db, runId);
        if (!locked) return false;
        const { run, order } = locked;
        if (run.state === 'completed') return true;
        const open = order === undefined || (order.enabled && order.epoch === run.epoch);
        if (run.state !== 'running' || run.deletedAt !== null || run.removeAfter !== null || !open) return false;
        if (run.kind === QUESTIONNAIRE && !(await hasSettings(db, run))) return false;

        const { expiresAt, graceSeconds = 0, replaceAfterSeconds } = retention;
        const replaces = replaceAfterSeconds !== undefined;
        const previous = replaces ? await replaceCurrent(db, run, replaceAfterSeconds) : null;
        await db
          .updateTable('runs')
          .set({
            ...totals,
            state: 'completed',
            endedAt: NOW,
            current: replaces,
            previousRunId: previous,
            ...(expiresAt ? { expiresAt, removeAfter: new Date(expiresAt.getTime() + graceSeconds * 1000) } : {}),
          })
          .where('runId', '=', runId)
          .where('state', '=', 'running')
          .execute();
        if (order) {
          if (datasetRows) {
            await commitChanges(db, run, order, { missing, datasetRows });
            await addDelivery(db, run);
          }
          await recordOutcome(db, order, runId, missing);
        }
        await oweOutcome(db, run, order, { ...totals, expiresAt: expiresAt ?? null }, missing);
        const { files, rows, bytes } = totals;
        await auditEnd(db, run, 'completed', { files, rows, bytes });
        return true;
      }),

    async preventCommit(runId) {
      if (!isRunId(runId)) return true;
      return database.query(async (db) => {
        const prevented = await db
          .updateTable('runs')
          .set((eb) => ({ removeAfter: eb.fn.coalesce('removeAfter', NOW) }))
          .where('runId', '=', runId)
          .where('state', '!=', 'completed')
          .executeTakeFirst();
        if (prevented.numUpdatedRows > 0n) return true;
        return !(await db.selectFrom('runs').select('runId').where('runId', '=', runId).executeTakeFirst());
      });
    },

    end: (runId, end) =>
      database.transaction(async (db) => {
        const locked = await lockRun(db, runId);
        if (locked) await endRun(db, locked.run, locked.order, end);
      }),

    async noteDeletion(runId, entry) {
      if (!isRunId(runId)) return;
      await database.transaction(async (db) => {
        const noted = await db
          .updateTable('runs')
          .set({ deletedAt: NOW, removeAfter: NOW })
          .where('runId', '=', runId)
          .where('state', '=', 'completed')
          .where('current', '=', false)
          .where('removedAt', 'is', null)
          .where('deletedAt', 'is', null)
          .executeTakeFirst();
        if (entry && noted.numUpdatedRows > 0n) await appendAudit(db, entry);
      });
    },

    async recordRemoval(runId, removal) {
      if (!isRunId(runId)) return;
      await database.transaction(async (db) => {
        const run = await db
          .updateTable('runs')
          .set((eb) => ({
            current: false,
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
          .where((eb) => eb.or([eb('current', '=', false), eb('expiresAt', '<=', NOW)]))
          .where('removedAt', 'is', null)
          .returning(['tenant', 'removal'])
          .executeTakeFirst();
        if (run?.removal !== 'expired') return;
        await appendAudit(db, { tenant: run.tenant, actor: 'waybill', action: 'export.expired', runId });
      });
    },

    noteAttempted: (runId, attempted) => setColumns(runId, { attempted: JSON.stringify(attempted) }),

    recordRecheck: (runId) => setColumns(runId, { recheckedAt: NOW }),

    revokeLinks: (runId) => setColumns(runId, { linksRevokedAt: NOW }),

    restore: (run) => database.transaction((db) => restoreRun(db, run)),
  };
}

/** A run that does without some of its datasets continues or begins a series of failures. */
async function recordOutcome(
  db: Transaction<Tables>,
  order: StandingOrderRow,
  runId: string,
  missing: NonNullable<Commit['missing']>,
): Promise<void> {
  const [first] = missing;
  if (!first) return recordSuccess(db, order, runId);
  const message = missing.map(({ failure }) => failure.message).join(' ');
  const failure = JSON.stringify({ code: first.failure.code, message: storable(message) });
  await recordFailure(db, order, { runId, failedAt: new Date(), failure });
}

/** Events of a completed run, and of the end of a series of failures. @param order as it was before */
async function oweOutcome(
  db: Transaction<Tables>,
  run: Run,
  order: StandingOrderRow | undefined,
  columns: Partial<Run>,
  missing: NonNullable<Commit['missing']>,
): Promise<void> {
  const { tenant, runId } = run;
  // A callback that is added meanwhile waits for this transaction and is told then.
  if (!(await hasReceivers(db, tenant, runId))) return;
  const data = {
    ...dataOf(run, columns),
    ...(order && (await deliveredOf(db, runId))),
    ...(missing.length > 0 && { missing: missing.map(({ dataset, failure }) => ({ dataset, ...failure })) }),
  };
  await oweEvents(db, { type: 'export.completed', tenant, runId, data });
  const failingSince = order?.failingSince?.toISOString();
  if (failingSince === undefined || missing.length > 0) return;
  await oweEvents(db, { type: 'export.recovered', tenant, runId, data: { ...data, failingSince } });
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
