import { type Kysely, sql } from 'kysely';

/** Pages of the audit trail, limits of credentials, and the operator's page. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await audit(db);
  await credentials(db);
  await operator(db);
}

/** Each list of the trail is by time: all of a tenant, those of one actor, or those of some actions. */
async function audit(db: Kysely<unknown>): Promise<void> {
  await sql`create index audit_by_time on audit (tenant, at desc, id desc)`.execute(db);
  await sql`create index audit_by_actor on audit (tenant, actor, at desc, id desc)`.execute(db);
  await sql`create index audit_by_action on audit (tenant, action, at desc, id desc)`.execute(db);
  await sql`drop index audit_newest_of_tenant`.execute(db);
}

async function credentials(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table credentials
      add column doors          text[] check (cardinality(doors) > 0),
      add column datasets       text[] check (cardinality(datasets) > 0),
      add column expires_at     timestamptz(3),
      add column last_used_at   timestamptz(3),
      add column last_used_from text`.execute(db);
}

/** Each figure of the page is a bounded window of an index, or an index that holds only what counts. */
async function operator(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table operator_sessions (
      token_hash bytea primary key check (length(token_hash) = 32),
      generation bytea not null check (length(generation) = 32),
      begun_at   timestamptz(3) not null,
      used_at    timestamptz(3) not null
    )`.execute(db);
  await sql`create index runs_ended on runs (ended_at) include (tenant, kind, state)`.execute(db);
  await sql`create index runs_failed on runs (ended_at) where state = 'failed'`.execute(db);
  await sql`
    create index runs_stored on runs (tenant) include (bytes)
      where state = 'completed' and removed_at is null`.execute(db);
}
