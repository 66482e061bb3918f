import { type Kysely, sql } from 'kysely';

/** Lists of a tenant's runs in one state, and counts of requests by state, without a walk through all its runs. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index runs_unsuccessful on runs (tenant, kind, requested_at desc, run_id desc)
      where state in ('failed', 'cancelled')`.execute(db);
  await sql`drop index runs_requests`.execute(db);
  await sql`
    create index runs_requests on runs (tenant, number desc) include (state, removal, expires_at, subject)
      where kind = 'requests' and deleted_at is null`.execute(db);
}
