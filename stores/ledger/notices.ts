import type { Insertable, Transaction } from 'kysely';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { Notices } from './ports.ts';
import type { StandingOrderRow } from './standing-orders.ts';
import type { NoticesTable, Tables } from './tables.ts';

type Tx = Transaction<Tables>;

/**
 * Records the first failure of a series and owes the contacts a notice.
 *
 * @param order locked
 * @param failed.failure JSON text
 */
export async function recordFailure(
  db: Tx,
  order: StandingOrderRow,
  { runId, failedAt, failure }: { readonly runId: string; readonly failedAt: Date; readonly failure: string },
): Promise<void> {
  if (order.failingSince !== null) return;
  await setFailingSince(db, order, failedAt);
  await leaveNotice(db, { tenant: order.tenant, kind: 'failed', runId, failingSince: failedAt, failure });
}

/** Ends a series of failures and owes the contacts a notice. @param order locked */
export async function recordSuccess(db: Tx, order: StandingOrderRow, runId: string): Promise<void> {
  const { tenant, failingSince } = order;
  if (failingSince === null) return;
  await setFailingSince(db, order, null);
  await leaveNotice(db, { tenant, kind: 'recovered', runId, failingSince });
}

async function setFailingSince(db: Tx, { standingOrderId }: StandingOrderRow, failingSince: Date | null) {
  await db.updateTable('standingOrders').set({ failingSince }).where('standingOrderId', '=', standingOrderId).execute();
}

/** Owes the contacts a notice, unless the run has one of this kind. */
export async function leaveNotice(db: Tx, notice: Insertable<NoticesTable>): Promise<void> {
  await db
    .insertInto('notices')
    .values(notice)
    .onConflict((conflict) => conflict.columns(['runId', 'kind']).doNothing())
    .execute();
}

export function notices(database: Database): Notices {
  return {
    due: (tenant) =>
      database.query((db) =>
        db
          .selectFrom('notices')
          .select(['noticeId', 'tenant', 'kind', 'runId', 'failingSince', 'failure'])
          .where('tenant', '=', storable(tenant))
          .where('sentAt', 'is', null)
          // A series of failures ends after it has begun.
          .orderBy('failingSince')
          .orderBy('kind')
          .execute(),
      ),

    async recordSent(noticeId, recipients) {
      await database.transaction(async (db) => {
        const sent = await db
          .updateTable('notices')
          .set({ sentAt: NOW, recipients })
          .where('noticeId', '=', noticeId)
          .where('sentAt', 'is', null)
          .returning(['tenant', 'kind', 'runId'])
          .executeTakeFirst();
        if (!sent) return;
        const { tenant, kind, runId } = sent;
        await appendAudit(db, { tenant, actor: 'waybill', action: 'notice.sent', runId, detail: { kind, recipients } });
      });
    },
  };
}
