import { type Kysely, sql } from 'kysely';

/** What a tenant says it has received of a run, and the notices about it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table runs add column acknowledgement jsonb check (acknowledgement is null or state = 'completed')`.execute(
    db,
  );
  await sql`
    create index runs_unacknowledged on runs (standing_order_id, ended_at)
      where kind = 'recurring' and current and acknowledgement is null`.execute(db);
  await sql`alter table notices drop constraint notices_kind_check, drop constraint notices_check`.execute(db);
  await sql`
    alter table notices
      add constraint notices_kind check (kind in ('failed', 'recovered', 'ack_mismatch', 'ack_missing')),
      add constraint notices_failure check ((failure is not null) = (kind in ('failed', 'ack_mismatch')))`.execute(db);
}
