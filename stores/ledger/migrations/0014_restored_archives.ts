import { type Kysely, sql } from 'kysely';

/** How archives are protected is known from them before their tenants have been added again. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table archive_settings drop constraint archive_settings_tenant_fkey`.execute(db);
}
