import type { Kysely } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { auditPages } from './audit-pages.ts';
import { type Database, storable } from './database.ts';
import type { Audit } from './ports.ts';
import type { AuditEntry, Tables } from './tables.ts';

/** Maximum length of a text in the trail, in characters; a failed log-in can put any text there. */
const TEXT_LENGTH_MAX = 500;

type NewEntry = Pick<AuditEntry, 'tenant' | 'actor' | 'action'> & Partial<Pick<AuditEntry, 'runId' | 'detail'>>;

/** Adds a line within the caller's transaction, so that both are committed or neither is. */
export async function appendAudit(
  db: Kysely<Tables>,
  { tenant, actor, action, runId = null, detail = {} }: NewEntry,
): Promise<void> {
  const stored = Object.entries(detail).map(([name, value]) => [
    storable(name),
    typeof value === 'string' ? trimmed(value) : value,
  ]);
  await db
    .insertInto('audit')
    .values({
      tenant: tenant === null ? null : trimmed(tenant),
      actor: trimmed(actor),
      action,
      runId: runId !== null && isRunId(runId) ? runId : null,
      detail: JSON.stringify(Object.fromEntries(stored)),
    })
    .execute();
}

function trimmed(text: string): string {
  return storable(text.slice(0, TEXT_LENGTH_MAX));
}

export function audit(database: Database): Audit {
  return {
    ...auditPages(database),

    append: (entry) => database.query((db) => appendAudit(db, entry)),

    list: (tenant, limit) =>
      database.query((db) =>
        db
          .selectFrom('audit')
          .select(['at', 'tenant', 'actor', 'action', 'runId', 'detail'])
          .$if(tenant !== null, (query) => query.where('tenant', '=', storable(tenant ?? '')).orderBy('at', 'desc'))
          .orderBy('id', 'desc')
          .limit(limit)
          .execute(),
      ),

    async listOfRun(runId, limit) {
      if (!isRunId(runId)) return [];
      return database.query((db) =>
        db
          .selectFrom('audit')
          .select(['at', 'tenant', 'actor', 'action', 'runId', 'detail'])
          .where('runId', '=', runId)
          .orderBy('id', 'desc')
          .limit(limit)
          .execute(),
      );
    },
  };
}
