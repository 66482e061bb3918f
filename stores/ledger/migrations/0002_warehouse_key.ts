import { type Kysely, sql } from 'kysely';

/** The value that a tenant has in the warehouse, where it is not the tenant's key. No two tenants share their rows. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table tenants
      add column warehouse_key text check (warehouse_key <> '' and octet_length(warehouse_key) <= 1000)`.execute(db);
  await sql`create unique index tenants_warehouse_key on tenants (coalesce(warehouse_key, key))`.execute(db);
}
