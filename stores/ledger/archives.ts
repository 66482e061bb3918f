import { sql } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { QUESTIONNAIRE, versionText } from '../../contracts/questionnaires.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { ArchiveFilter, Archives } from './ports.ts';
import { noTenant } from './tenants.ts';

/** Written into the statement, so that PostgreSQL uses the indexes of archives. */
const KIND = sql<string>`${sql.lit(QUESTIONNAIRE)}`;

export function archives(database: Database): Archives {
  return {
    async ofSeries(tenant, series) {
      const rows = await database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('series', '=', series)
          .where('kind', '=', KIND)
          .where((eb) =>
            eb.or([
              eb('state', 'in', ['pending', 'running']),
              eb('current', '=', true),
              eb(
                'number',
                '=',
                eb
                  .selectFrom('runs as newest')
                  .select('newest.number')
                  .where('newest.tenant', '=', storable(tenant))
                  .where('newest.series', '=', series)
                  .where('newest.kind', '=', KIND)
                  .where('newest.state', 'in', ['completed', 'failed'])
                  .orderBy('newest.number', 'desc')
                  .limit(1),
              ),
            ]),
          )
          .orderBy('number', 'desc')
          .execute(),
      );
      return {
        active: rows.find(({ state }) => state === 'pending' || state === 'running'),
        current: rows.find(({ current }) => current),
        ended: rows.find(({ state }) => state === 'completed' || state === 'failed'),
      };
    },

    list: (tenant, filter, { limit, offset }) =>
      database.query((db) =>
        db
          .selectFrom('runs')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .where('kind', '=', KIND)
          .where(conditions(filter))
          .orderBy('number', 'desc')
          .limit(limit)
          .offset(offset)
          .execute(),
      ),

    retire: async (runId, actor) =>
      isRunId(runId) &&
      database.transaction(async (db) => {
        const run = await db
          .updateTable('runs')
          .set({ current: false, removeAfter: NOW })
          .where('runId', '=', runId)
          .where('kind', '=', KIND)
          .where('current', '=', true)
          .returning(['tenant', 'number'])
          .executeTakeFirst();
        if (!run) return false;
        const { tenant, number } = run;
        await appendAudit(db, { tenant, actor, action: 'export.deleted', runId, detail: { number } });
        return true;
      }),

    settings: (tenant) =>
      database.query((db) =>
        db.selectFrom('archiveSettings').selectAll().where('tenant', '=', storable(tenant)).executeTakeFirst(),
      ),

    setSettings: (tenant, { password, recipients }, actor) =>
      database.transaction(async (db) => {
        const known = await db
          .selectFrom('tenants')
          .select('key')
          .where('key', '=', storable(tenant))
          .executeTakeFirst();
        if (!known) throw noTenant(tenant);
        const change = {
          ...(password !== undefined && { password: password && Buffer.from(password) }),
          ...(recipients && { recipients: [...recipients] }),
        };
        await db
          .insertInto('archiveSettings')
          .values({ tenant, ...change })
          .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ ...change, changedAt: NOW }))
          .execute();
        const detail = {
          ...(password !== undefined && { password: password !== null }),
          ...(recipients && { recipients: recipients.length }),
        };
        await appendAudit(db, { tenant, actor, action: 'tenant.archives', detail });
      }),
  };
}

/** Members of the order are compared as they are recorded. */
function conditions({ version, type, status, state, hasFile }: ArchiveFilter) {
  const all = [
    ...(version
      ? [sql<boolean>`"order"->>'questionnaire' || '$' || ("order"->>'version') = ${versionText(version)}`]
      : []),
    ...(type ? [sql<boolean>`"order"->>'type' = ${type}`] : []),
    ...(status === undefined ? [] : [sql<boolean>`"order"->>'status' is not distinct from ${status}::text`]),
    ...(state ? [sql<boolean>`state = ${state}`] : []),
    ...(hasFile === undefined ? [] : [sql<boolean>`current = ${hasFile}`]),
  ];
  return all.length === 0 ? sql<boolean>`true` : sql.join<boolean>(all, sql` and `);
}
