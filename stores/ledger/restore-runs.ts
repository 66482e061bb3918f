import type { Transaction } from 'kysely';
import { orderedRow, standingRow } from './begin-runs.ts';
import { NOW } from './database.ts';
import type { RestoredRun } from './ports.ts';
import { findStandingOrder, makeStandingOrder } from './standing-orders.ts';
import type { Tables } from './tables.ts';

/** Epoch of restored runs that the standing order's recipient cannot open: older than any other. */
const FOREIGN_EPOCH = 0;

type RestoredOrderedRun = Extract<RestoredRun, { readonly expiresAt: Date }>;
type RestoredStandingRun = Exclude<RestoredRun, RestoredOrderedRun>;

/** Implements `Runs.restore`. */
export async function restoreRun(db: Transaction<Tables>, run: RestoredRun): Promise<boolean> {
  const row = await ('order' in run ? restoreOrdered(db, run) : restoreStanding(db, run));
  return row !== undefined;
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
