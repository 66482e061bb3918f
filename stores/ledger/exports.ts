import { sql, type Updateable } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { appendAudit } from './audit.ts';
import type { Database } from './database.ts';
import type { AuditAction, Ledger, Outcome } from './ledger.ts';
import type { ExportsTable } from './schema.ts';
import { storable } from './trouble.ts';

type Exports = Pick<
  Ledger,
  'recordOrder' | 'recordStart' | 'recordOutcome' | 'recordRemoval' | 'restoreExport' | 'revokeLinks'
>;

/** Every change of state is one UPDATE that names the states it may leave, so late and repeated calls do nothing. */
export function exports(database: Database): Exports {
  return {
    async recordOrder(entry) {
      await database.query((db) =>
        db
          .insertInto('exports')
          .values({ ...identity(entry), state: 'pending' })
          .onConflict((conflict) => conflict.column('export_id').doNothing())
          .execute(),
      );
    },

    async recordStart(exportId) {
      await database.query((db) =>
        db
          .updateTable('exports')
          .set({ state: 'running', started_at: sql<Date>`now()` })
          .where('export_id', '=', exportId)
          .where('state', '=', 'pending')
          .execute(),
      );
    },

    async recordOutcome(exportId, outcome) {
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('exports')
          .set({ ...outcomeColumns(outcome), ended_at: sql<Date>`now()` })
          .where('export_id', '=', exportId)
          .where('state', 'in', ['pending', 'running'])
          .returning('tenant')
          .executeTakeFirst();
        if (!row) return;
        const detail =
          outcome.state === 'completed'
            ? { rows: outcome.rows, bytes: outcome.bytes }
            : { code: outcome.failure.code, message: outcome.failure.message };
        await appendAudit(db, {
          tenant: row.tenant,
          actor: 'waybill',
          action: OUTCOME_ACTIONS[outcome.state],
          exportId,
          detail,
        });
      });
    },

    async recordRemoval(exportId, state) {
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('exports')
          .set({ state })
          .where('export_id', '=', exportId)
          .where('state', 'in', state === 'expired' ? ['completed'] : ['completed', 'failed', 'cancelled'])
          .returning('tenant')
          .executeTakeFirst();
        if (!row || state === 'deleted') return;
        await appendAudit(db, {
          tenant: row.tenant,
          actor: 'waybill',
          action: 'export.expired',
          exportId,
          detail: {},
        });
      });
    },

    async restoreExport(entry, outcome, endedAt) {
      const columns = { ...outcomeColumns(outcome), ended_at: endedAt };
      const row = await database.query((db) =>
        db
          .insertInto('exports')
          .values({ ...identity(entry), ...columns })
          .onConflict((conflict) =>
            conflict.column('export_id').doUpdateSet(columns).where('exports.state', 'in', ['pending', 'running']),
          )
          .returning('export_id')
          .executeTakeFirst(),
      );
      return row !== undefined;
    },

    async revokeLinks(exportId) {
      if (!isRunId(exportId)) return;
      await database.query((db) =>
        db
          .updateTable('exports')
          .set({ links_revoked_at: sql<Date>`now()` })
          .where('export_id', '=', exportId)
          .execute(),
      );
    },
  };
}

const OUTCOME_ACTIONS = {
  completed: 'export.completed',
  failed: 'export.failed',
  cancelled: 'export.cancelled',
} as const satisfies Record<Outcome['state'], AuditAction>;

function identity(entry: Parameters<Ledger['recordOrder']>[0]) {
  return {
    export_id: entry.exportId,
    workflow_id: entry.workflowId,
    tenant: entry.order.tenant,
    dataset: entry.order.dataset,
    order: JSON.stringify(entry.order),
    requested_at: entry.requestedAt,
  };
}

function outcomeColumns(outcome: Outcome) {
  if (outcome.state !== 'completed') {
    return {
      state: outcome.state,
      failure_code: outcome.failure.code,
      failure_message: storable(outcome.failure.message),
    } satisfies Updateable<ExportsTable>;
  }
  return {
    state: outcome.state,
    snapshot_at: outcome.snapshotAt,
    rows: outcome.rows,
    bytes: outcome.bytes,
    content_bytes: outcome.contentBytes,
    parts: outcome.parts,
    expires_at: outcome.expiresAt,
  } satisfies Updateable<ExportsTable>;
}
