import type { Transaction } from 'kysely';
import { daySeries } from '../../contracts/keys.ts';
import type { Order } from '../../contracts/order.ts';
import { orderedRow, requestedRow, standingRow } from './begin-runs.ts';
import { insertRunFiles } from './changes.ts';
import { NOW } from './database.ts';
import type { RestoredArchive, RestoredChanges, RestoredRun } from './ports.ts';
import { findStandingOrder, makeStandingOrder } from './standing-orders.ts';
import type { Tables } from './tables.ts';

/** Epoch of restored runs that the standing order's recipient cannot open: older than any other. */
const FOREIGN_EPOCH = 0;

type RestoredRequest = Extract<RestoredRun, { readonly series: string }>;
type RestoredOrderedRun = Exclude<Extract<RestoredRun, { readonly order: Order }>, RestoredRequest>;
type RestoredArchiveRun = Extract<RestoredRun, RestoredArchive>;
type RestoredChangesRun = Extract<RestoredRun, RestoredChanges>;
type RestoredStandingRun = Extract<RestoredRun, { readonly recipient: string }>;

/** Implements `Runs.restore`. */
export async function restoreRun(db: Transaction<Tables>, run: RestoredRun): Promise<boolean> {
  if ('series' in run) return (await restoreRequest(db, run)) !== undefined;
  if ('order' in run) {
    const restored = isArchive(run) ? restoreArchive(db, run) : restoreOrdered(db, run);
    return (await restored) !== undefined;
  }
  if ('day' in run) return restoreChanges(db, run);
  return (await restoreStanding(db, run)) !== undefined;
}

function restoreOrdered(db: Transaction<Tables>, run: RestoredOrderedRun) {
  const { runId, workflowId, order, expiresAt, ...totals } = run;
  const completed = { ...totals, state: 'completed', expiresAt, removeAfter: expiresAt } as const;
  const requestedAt = new Date(totals.snapshotAt);
  return db
    .insertInto('runs')
    .values({ ...orderedRow({ runId, workflowId, order, requestedAt }), ...completed })
    .onConflict((conflict) =>
      conflict.column('runId').doUpdateSet(completed).where('runs.state', 'in', ['pending', 'running']),
    )
    .returning('runId')
    .executeTakeFirst();
}

function isArchive(run: RestoredOrderedRun | RestoredArchiveRun): run is RestoredArchiveRun {
  return 'hasPassword' in run;
}

/** It gets another number. */
async function restoreArchive(db: Transaction<Tables>, run: RestoredArchiveRun) {
  const { runId, workflowId, order, hasPassword, ...totals } = run;
  const row = orderedRow({ runId, workflowId, order, requestedAt: new Date(totals.snapshotAt) });
  const known = await db
    .selectFrom('runs')
    .select('runId')
    .where('tenant', '=', row.tenant)
    .where('series', '=', row.series)
    .where('current', '=', true)
    .executeTakeFirst();
  const current = known === undefined;
  const completed = { ...totals, state: 'completed', current, removeAfter: current ? null : NOW } as const;
  const restored = await db
    .insertInto('runs')
    .values({ ...row, ...completed })
    .onConflict((conflict) =>
      conflict.column('runId').doUpdateSet(completed).where('runs.state', 'in', ['pending', 'running']),
    )
    .returning('runId')
    .executeTakeFirst();
  if (restored) await restoreSettings(db, run);
  return restored;
}

/** Archives to come are protected as the newest one was, or not made. */
async function restoreSettings(db: Transaction<Tables>, { order, hasPassword }: RestoredArchive): Promise<void> {
  const { tenant, recipients } = order;
  await db
    .insertInto('archiveSettings')
    .values({ tenant, recipients: [...recipients], password: hasPassword ? Buffer.alloc(0) : null })
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute();
}

/** It gets another number. Whoever made it is not known any more, and has been told. */
function restoreRequest(db: Transaction<Tables>, run: RestoredRequest) {
  const { runId, workflowId, order, series, expiresAt, ...totals } = run;
  const completed = { ...totals, state: 'completed', expiresAt, removeAfter: expiresAt, mailedAt: NOW } as const;
  const { requestedBy: _, ...row } = requestedRow({
    ...{ runId, workflowId, order, series, requestedBy: '', startsAt: null },
    requestedAt: new Date(totals.snapshotAt),
  });
  return db
    .insertInto('runs')
    .values({ ...row, ...completed })
    .onConflict((conflict) =>
      conflict.column('runId').doUpdateSet(completed).where('runs.state', 'in', ['pending', 'running']),
    )
    .returning('runId')
    .executeTakeFirst();
}

async function restoreStanding(db: Transaction<Tables>, run: RestoredStandingRun) {
  const { runId, workflowId, tenant, kind, subject, recipient, ...totals } = run;
  const order = await makeStandingOrder(db, { tenant, kind, recipient, epoch: 1, version: 1 });
  const ours = order.recipient === recipient;
  const current = ours && (await findStandingOrder(db, tenant, kind))?.currentRunId === null;
  const startedAt = new Date(totals.snapshotAt);
  return db
    .insertInto('runs')
    .values({
      ...standingRow({ runId, workflowId, tenant, kind, subject, startedAt }),
      ...totals,
      standingOrderId: order.standingOrderId,
      epoch: ours ? order.epoch : FOREIGN_EPOCH,
      state: 'completed',
      current,
      ...(current ? {} : { removeAfter: NOW }),
    })
    .onConflict((conflict) => conflict.column('runId').doNothing())
    .returning('runId')
    .executeTakeFirst();
}

async function restoreChanges(db: Transaction<Tables>, run: RestoredChangesRun): Promise<boolean> {
  const { runId, workflowId, tenant, kind, subject, day, delivered, expiresAt, ...totals } = run;
  const { standingOrderId, epoch } = await makeStandingOrder(db, { tenant, kind, epoch: 0, version: 0 });
  const series = daySeries(kind, tenant, day);
  const known = await db
    .selectFrom('runs')
    .select('runId')
    .where('tenant', '=', tenant)
    .where('series', '=', series)
    .where('current', '=', true)
    .executeTakeFirst();
  const current = known === undefined;
  const startedAt = new Date(totals.snapshotAt);
  const inserted = await db
    .insertInto('runs')
    .values({
      ...standingRow({ runId, workflowId, tenant, kind, subject, startedAt }),
      ...{ ...totals, series, standingOrderId, epoch, state: 'completed', current, expiresAt },
      removeAfter: current ? expiresAt : NOW,
    })
    .onConflict((conflict) => conflict.column('runId').doNothing())
    .returning('runId')
    .executeTakeFirst();
  if (!inserted) return false;
  const files = delivered.map((file) => ({
    ...file,
    runId,
    generation: 0,
    replaces: false,
    baseRunId: null,
    fullLoadAt: null,
    failure: null,
  }));
  await insertRunFiles(db, files);
  return true;
}
