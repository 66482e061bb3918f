import { type ExpressionBuilder, type Selectable, sql } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import type { Database } from './database.ts';
import type { ExportFilter, ExportRecord, Ledger } from './ledger.ts';
import type { ExportsTable, Tables } from './schema.ts';
import { storable } from './trouble.ts';

export function exportLists(database: Database): Pick<Ledger, 'findExport' | 'listExports' | 'countActive'> {
  return {
    async findExport(exportId) {
      if (!isRunId(exportId)) return undefined;
      const row = await database.query((db) =>
        db.selectFrom('exports').selectAll().where('export_id', '=', exportId).executeTakeFirst(),
      );
      return row && recordOf(row);
    },

    async listExports(tenant, filter, { cursor, limit }) {
      const after = cursor === null ? undefined : decodeCursor(cursor);
      const rows = await database.query((db) =>
        db
          .selectFrom('exports')
          .selectAll()
          .where('tenant', '=', tenant)
          .where((eb) => matches(eb, filter))
          .$if(after !== undefined, (query) =>
            query.where(({ refTuple, tuple, eb }) =>
              eb(
                refTuple('requested_at', 'export_id'),
                '<',
                tuple(after?.requestedAt ?? new Date(0), after?.exportId ?? ''),
              ),
            ),
          )
          .orderBy('requested_at', 'desc')
          .orderBy('export_id', 'desc')
          .limit(limit + 1)
          .execute(),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const more = rows.length > limit && last !== undefined;
      return {
        rows: page.map(recordOf),
        next: more ? encodeCursor({ requestedAt: last.requested_at, exportId: last.export_id }) : null,
      };
    },

    async countActive(tenant) {
      const row = await database.query((db) =>
        db
          .selectFrom('exports')
          .select((eb) => eb.fn.countAll<number>().as('active'))
          .where('tenant', '=', tenant)
          .where('state', 'in', sql<'pending' | 'running'>`('pending', 'running')`)
          .executeTakeFirstOrThrow(),
      );
      return row.active;
    },
  };
}

function matches(eb: ExpressionBuilder<Tables, 'exports'>, filter: ExportFilter) {
  const conditions = [];
  if (filter.states !== undefined) conditions.push(eb('state', '=', eb.fn.any(eb.val(filter.states))));
  if (filter.dataset !== undefined) {
    conditions.push(eb(eb.fn<string>('lower', ['dataset']), '=', storable(filter.dataset.toLowerCase())));
  }
  return eb.and(conditions);
}

function recordOf(row: Selectable<ExportsTable>): ExportRecord {
  return {
    exportId: row.export_id,
    workflowId: row.workflow_id,
    tenant: row.tenant,
    order: row.order,
    state: row.state,
    requestedAt: row.requested_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    snapshotAt: row.snapshot_at,
    rows: row.rows,
    bytes: row.bytes,
    contentBytes: row.content_bytes,
    parts: row.parts,
    expiresAt: row.expires_at,
    failure:
      row.failure_code === null ? null : { code: row.failure_code, message: row.failure_message ?? row.failure_code },
    linksRevokedAt: row.links_revoked_at,
  };
}
