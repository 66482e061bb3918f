import type { Kysely } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import type { Database } from './database.ts';
import type { AuditEntry, Ledger } from './ledger.ts';
import type { Tables } from './schema.ts';
import { storable } from './trouble.ts';

/** A count of characters that a text in the trail may have: who fails to log in chooses what stands there. */
const TEXT_LENGTH_MAX = 500;

/** Adds a line within the caller's transaction, so that what happened and its trace are one. */
export async function appendAudit(db: Kysely<Tables>, entry: Omit<AuditEntry, 'at'>): Promise<void> {
  const detail = Object.entries(entry.detail).map(([name, value]) => [
    storable(name),
    typeof value === 'string' ? trimmed(value) : value,
  ]);
  await db
    .insertInto('audit')
    .values({
      tenant: entry.tenant === null ? null : trimmed(entry.tenant),
      actor: trimmed(entry.actor),
      action: entry.action,
      export_id: entry.exportId !== null && isRunId(entry.exportId) ? entry.exportId : null,
      detail: JSON.stringify(Object.fromEntries(detail)),
    })
    .execute();
}

function trimmed(text: string): string {
  return storable(text.slice(0, TEXT_LENGTH_MAX));
}

export function auditTrail(database: Database): Pick<Ledger, 'audit' | 'listAudit'> {
  return {
    audit: (entry) => database.query((db) => appendAudit(db, entry)),

    async listAudit(tenant, limit) {
      const rows = await database.query((db) =>
        db
          .selectFrom('audit')
          .selectAll()
          .$if(tenant !== null, (query) => query.where('tenant', '=', storable(tenant ?? '')))
          .orderBy('id', 'desc')
          .limit(limit)
          .execute(),
      );
      return rows.map((row) => ({
        at: row.at,
        tenant: row.tenant,
        actor: row.actor,
        action: row.action,
        exportId: row.export_id,
        detail: row.detail,
      }));
    },
  };
}
