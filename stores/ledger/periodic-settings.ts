import type { Insertable, Selectable, Transaction } from 'kysely';
import type { Database } from './database.ts';
import type { PeriodicLedger, PeriodicSettings } from './periodic.ts';
import type { PeriodicExportsTable, Tables } from './schema.ts';
import { storable } from './trouble.ts';

export type SettingsRow = Selectable<PeriodicExportsTable>;

/** Locks the tenant's settings until the transaction ends; whoever changes them or a generation does this first. */
export async function lockSettings(db: Transaction<Tables>, tenant: string): Promise<SettingsRow | undefined> {
  return lock(db, tenant).executeTakeFirst();
}

/** The same, but the settings are made first where there are none; of several who come at once, one makes them. */
export async function lockOrMakeSettings(
  db: Transaction<Tables>,
  made: Insertable<PeriodicExportsTable>,
): Promise<SettingsRow> {
  await db
    .insertInto('periodic_exports')
    .values(made)
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute();
  return lock(db, made.tenant).executeTakeFirstOrThrow();
}

function lock(db: Transaction<Tables>, tenant: string) {
  return db.selectFrom('periodic_exports').selectAll().where('tenant', '=', storable(tenant)).forUpdate();
}

export function periodicSettings(database: Database): Pick<PeriodicLedger, 'findPeriodic'> {
  return {
    async findPeriodic(tenant) {
      const row = await database.query((db) =>
        db.selectFrom('periodic_exports').selectAll().where('tenant', '=', storable(tenant)).executeTakeFirst(),
      );
      return row && settingsOf(row);
    },
  };
}

export function settingsOf(row: SettingsRow): PeriodicSettings {
  return {
    tenant: row.tenant,
    enabled: row.enabled,
    recipient: row.recipient,
    ownRecipient: row.own_recipient,
    epoch: row.epoch,
    version: row.version,
    runAt: row.run_at,
    timeZone: row.time_zone,
    generationId: row.generation_id,
    failingSince: row.failing_since,
    changedAt: row.changed_at,
  };
}
