import { sql } from 'kysely';
import { ROTATION_HOURS } from '../../contracts/webhook.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import type { Webhooks } from './ports.ts';

export function webhooks(database: Database): Webhooks {
  return {
    find: (tenant) =>
      database.query((db) =>
        db.selectFrom('webhooks').selectAll().where('tenant', '=', storable(tenant)).executeTakeFirst(),
      ),

    put: ({ tenant, url, events, secret, actor }) =>
      database.transaction(async (db) => {
        const values = { url, events: [...events] };
        const webhook = await db
          .insertInto('webhooks')
          .values({ tenant, ...values, secret })
          .onConflict((conflict) =>
            conflict.column('tenant').doUpdateSet((eb) => ({
              ...values,
              version: eb('webhooks.version', '+', 1),
              disabledAt: null,
              changedAt: NOW,
            })),
          )
          .returningAll()
          .executeTakeFirstOrThrow();
        const { version } = webhook;
        await appendAudit(db, { tenant, actor, action: 'webhook.set', detail: { events: events.join(' '), version } });
        return webhook;
      }),

    rotate: ({ tenant, secret, actor }) =>
      database.transaction(async (db) => {
        const webhook = await db
          .updateTable('webhooks')
          .set((eb) => ({
            secret,
            previousSecret: eb.ref('secret'),
            previousUntil: sql<Date>`now() + make_interval(hours => ${ROTATION_HOURS})`,
            changedAt: NOW,
          }))
          .where('tenant', '=', tenant)
          .returningAll()
          .executeTakeFirst();
        if (webhook) await appendAudit(db, { tenant, actor, action: 'webhook.rotated' });
        return webhook;
      }),

    disable: (tenant, version) =>
      database.transaction(async (db) => {
        const disabled = await db
          .updateTable('webhooks')
          .set({ disabledAt: NOW })
          .where('tenant', '=', tenant)
          .where('version', '=', version)
          .where('disabledAt', 'is', null)
          .returning('version')
          .executeTakeFirst();
        if (disabled) await appendAudit(db, { tenant, actor: 'waybill', action: 'webhook.disabled', detail: disabled });
      }),

    remove: (tenant, actor) =>
      database.transaction(async (db) => {
        const removed = await db
          .deleteFrom('webhooks')
          .where('tenant', '=', storable(tenant))
          .returning('version')
          .executeTakeFirst();
        if (!removed) return false;
        await appendAudit(db, { tenant, actor, action: 'webhook.removed', detail: removed });
        return true;
      }),
  };
}
