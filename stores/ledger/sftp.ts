import { sql } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { SftpHostKey, SftpKeys } from './ports.ts';
import { noTenant } from './tenants.ts';

export function sftpKeys(database: Database): SftpKeys {
  return {
    add: (tenant, key, actor) =>
      database.transaction(async (db) => {
        const known = await db
          .selectFrom('tenants')
          .select('key')
          .where('key', '=', storable(tenant))
          .executeTakeFirst();
        if (!known) throw noTenant(tenant);
        const row = await db
          .insertInto('sftpKeys')
          .values({ tenant, ...key })
          .onConflict((conflict) => conflict.columns(['tenant', 'fingerprint']).doUpdateSet({ disabledAt: null }))
          .returningAll()
          .executeTakeFirstOrThrow();
        await appendAudit(db, { tenant, actor, action: 'sftp_key.added', detail: { fingerprint: key.fingerprint } });
        return row;
      }),

    list: (tenant) =>
      database.query((db) =>
        db
          .selectFrom('sftpKeys')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .orderBy('addedAt')
          .orderBy('fingerprint')
          .execute(),
      ),

    disable: (tenant, fingerprint, actor) =>
      database.transaction(async (db) => {
        const row = await db
          .updateTable('sftpKeys')
          .set({ disabledAt: sql<Date>`coalesce(disabled_at, ${NOW})` })
          .where('tenant', '=', storable(tenant))
          .where('fingerprint', '=', storable(fingerprint))
          .returning('fingerprint')
          .executeTakeFirst();
        if (!row) throw new WaybillError('not_found', 'The tenant has no SFTP key with this fingerprint.');
        await appendAudit(db, { tenant, actor, action: 'sftp_key.disabled', detail: { fingerprint: row.fingerprint } });
      }),

    find: (user, fingerprint) =>
      database.query((db) =>
        db
          .selectFrom('sftpKeys')
          .innerJoin('tenants', 'tenants.key', 'sftpKeys.tenant')
          .selectAll('sftpKeys')
          .where('sftpKeys.fingerprint', '=', storable(fingerprint))
          .where('sftpKeys.disabledAt', 'is', null)
          .where('tenants.disabledAt', 'is', null)
          .where(({ eb, or, exists, selectFrom }) =>
            or([
              eb('tenants.key', '=', storable(user)),
              exists(
                selectFrom('credentials')
                  .select('credentials.id')
                  .whereRef('credentials.tenant', '=', 'tenants.key')
                  .where('credentials.clientId', '=', storable(user))
                  .where('credentials.disabledAt', 'is', null),
              ),
            ]),
          )
          // A client id may be the key of another tenant.
          .orderBy((eb) => eb('tenants.key', '=', storable(user)), 'desc')
          .limit(1)
          .executeTakeFirst(),
      ),
  };
}

export function sftpHostKey(database: Database): SftpHostKey {
  const stored = () => database.query((db) => db.selectFrom('sftpHostKey').select('privateKey').executeTakeFirst());
  return {
    find: async () => (await stored())?.privateKey,

    async obtain(make) {
      const found = await stored();
      if (found) return found.privateKey;
      // The primary key lets only one row in, so of several instances all but one get the key of another.
      await database.query((db) =>
        db
          .insertInto('sftpHostKey')
          .values({ privateKey: make() })
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      );
      const made = await stored();
      if (!made) throw new WaybillError('internal');
      return made.privateKey;
    },
  };
}
