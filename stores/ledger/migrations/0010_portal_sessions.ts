import { type Kysely, sql } from 'kysely';

/** Log-ins to the portal, and the trail of one run, which its page shows. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table portal_sessions (
      token_hash    bytea primary key check (length(token_hash) = 32),
      tenant        text not null references tenants (key),
      actor         text not null,
      scopes        text[] not null check (scopes <@ array['read', 'write']),
      credential_id uuid references credentials (id),
      generation    timestamptz(3),
      begun_at      timestamptz(3) not null,
      used_at       timestamptz(3) not null
    )`.execute(db);
  await sql`create index portal_sessions_by_use on portal_sessions (used_at)`.execute(db);
  await sql`create index audit_newest_of_run on audit (run_id, id desc) where run_id is not null`.execute(db);
}
