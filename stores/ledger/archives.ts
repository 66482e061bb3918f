import { sql, type Transaction } from 'kysely';
import { isRunId } from '../../contracts/job-id.ts';
import { QUESTIONNAIRE, versionText } from '../../contracts/questionnaires.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { ArchiveFilter, Archives } from './ports.ts';
import type { Run, Tables } from './tables.ts';
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
        // No archive is committed between the two changes below.
        const known = await db
          .selectFrom('tenants')
          .select('key')
          .where('key', '=', storable(tenant))
          .forNoKeyUpdate()
          .executeTakeFirst();
        if (!known) throw noTenant(tenant);
        const before = await db
          .selectFrom('archiveSettings')
          .select(['password', 'recipients'])
          .where('tenant', '=', tenant)
          .executeTakeFirst();
        const change = {
          ...(isChange(password, before?.password ?? null) && { password: password && Buffer.from(password) }),
          ...(recipients && !isSame(recipients, before?.recipients ?? []) && { recipients: [...recipients] }),
        };
        if (Object.keys(change).length === 0) return 0;
        await db
          .insertInto('archiveSettings')
          .values({ tenant, ...change })
          .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ ...change, changedAt: LATER }))
          .execute();
        const retired = await db
          .updateTable('runs')
          .set({ current: false, removeAfter: NOW })
          .where('tenant', '=', tenant)
          .where('kind', '=', KIND)
          .where('current', '=', true)
          .executeTakeFirst();
        const detail = {
          ...('password' in change && { password: change.password !== null }),
          ...(change.recipients && { recipients: change.recipients.length }),
        };
        await appendAudit(db, { tenant, actor, action: 'tenant.archives', detail });
        return Number(retired.numUpdatedRows);
      }),
  };
}

/** Every change has a time of its own, by which archives are told apart. */
const LATER = sql<Date>`greatest(now(), archive_settings.changed_at + interval '1 millisecond')`;

/** Two sealed passwords cannot be compared. */
function isChange(password: Uint8Array | null | undefined, before: Uint8Array | null): boolean {
  return password !== undefined && (password !== null || before !== null);
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join(' ') === other.toSorted().join(' ');
}

/**
 * Whether the tenant's settings are still those that an archive was ordered with. They stay so until the end of the transaction.
 *
 * @param run locked by this transaction
 */
export async function hasSettings(db: Transaction<Tables>, { tenant, order }: Run): Promise<boolean> {
  await db.selectFrom('tenants').select('key').where('key', '=', tenant).forShare().execute();
  const settings = await db
    .selectFrom('archiveSettings')
    .select('changedAt')
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  const { settingsAt = null } = order && 'questionnaire' in order ? order : {};
  return settingsAt === (settings?.changedAt.toISOString() ?? null);
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
