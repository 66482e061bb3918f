import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { Destinations } from './ports.ts';

export function destinations(database: Database): Destinations {
  return {
    find: (tenant) =>
      database.query((db) =>
        db.selectFrom('destinations').selectAll().where('tenant', '=', storable(tenant)).executeTakeFirst(),
      ),

    put: ({ tenant, config, secret, actor }) =>
      database.transaction(async (db) => {
        const { kind } = config;
        const values = { kind, config: JSON.stringify(config), secret };
        const destination = await db
          .insertInto('destinations')
          .values({ tenant, ...values })
          .onConflict((conflict) =>
            conflict.column('tenant').doUpdateSet((eb) => ({
              ...values,
              version: eb('destinations.version', '+', 1),
              changedAt: NOW,
            })),
          )
          .returningAll()
          .executeTakeFirstOrThrow();
        const { version } = destination;
        await appendAudit(db, { tenant, actor, action: 'destination.set', detail: { kind, version } });
        return destination;
      }),

    remove: (tenant, actor) =>
      database.transaction(async (db) => {
        const removed = await db
          .deleteFrom('destinations')
          .where('tenant', '=', storable(tenant))
          .returning(['kind', 'version'])
          .executeTakeFirst();
        if (!removed) return false;
        await appendAudit(db, { tenant, actor, action: 'destination.removed', detail: removed });
        return true;
      }),
  };
}
