import { sql, type Transaction } from 'kysely';
import { appendAudit } from './audit.ts';
import type { Database } from './database.ts';
import type { Notice, PeriodicLedger } from './periodic.ts';
import type { Tables } from './schema.ts';
import { storable } from './trouble.ts';

/** Leaves a notice within the transaction that causes it. */
export async function leaveNotice(db: Transaction<Tables>, notice: Omit<Notice, 'noticeId'>): Promise<void> {
  await db
    .insertInto('notices')
    .values({
      tenant: notice.tenant,
      kind: notice.kind,
      generation_id: notice.generationId,
      failing_since: notice.failingSince,
      failure_code: notice.failure?.code ?? null,
      failure_message: notice.failure ? storable(notice.failure.message) : null,
    })
    .execute();
}

export function notices(database: Database): Pick<PeriodicLedger, 'listDueNotices' | 'recordNoticeSent'> {
  return {
    async listDueNotices(tenant) {
      const rows = await database.query((db) =>
        db
          .selectFrom('notices')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('sent_at', 'is', null)
          // A series ends after it has begun.
          .orderBy('failing_since')
          .orderBy('kind')
          .execute(),
      );
      return rows.map((row) => ({
        noticeId: row.notice_id,
        tenant: row.tenant,
        kind: row.kind,
        generationId: row.generation_id,
        failingSince: row.failing_since,
        failure:
          row.failure_code === null
            ? null
            : { code: row.failure_code, message: row.failure_message ?? row.failure_code },
      }));
    },

    async recordNoticeSent(noticeId, recipients) {
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('notices')
          .set({ sent_at: sql<Date>`now()`, recipients })
          .where('notice_id', '=', noticeId)
          .where('sent_at', 'is', null)
          .returning(['tenant', 'kind', 'generation_id'])
          .executeTakeFirst();
        if (!row) return;
        await appendAudit(db, {
          tenant: row.tenant,
          actor: 'waybill',
          action: 'notice.sent',
          exportId: row.generation_id,
          detail: { kind: row.kind, recipients },
        });
      });
    },
  };
}
