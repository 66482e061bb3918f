import { type Kysely, sql } from 'kysely';

/** Push delivery: where a tenant wants its files put, and what became of each run's files there. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table destinations (
      tenant        text primary key references tenants (key),
      kind          text not null check (kind in ('sftp', 's3')),
      config        jsonb not null,
      secret        bytea not null,
      version       integer not null default 1 check (version > 0),
      failing_since timestamptz(3),
      changed_at    timestamptz(3) not null default now()
    )`.execute(db);

  await sql`
    create table deliveries (
      run_id              uuid primary key references runs,
      destination_version integer not null,
      state               text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'skipped')),
      attempts            integer not null default 0 check (attempts >= 0),
      created_at          timestamptz(3) not null default now(),
      ended_at            timestamptz(3),
      failure             jsonb,
      check ((ended_at is null) = (state = 'pending')),
      check ((failure is not null) = (state = 'failed'))
    )`.execute(db);
  await sql`create index deliveries_pending on deliveries (created_at) where state = 'pending'`.execute(db);

  // By what they say and not by name, because other migrations may have replaced them.
  await sql`
    do $$
    declare found record;
    begin
      for found in select conname from pg_constraint
        where conrelid = 'notices'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%kind%'
      loop
        execute format('alter table notices drop constraint %I', found.conname);
      end loop;
    end $$`.execute(db);
  await sql`
    alter table notices
      add constraint notices_kind check (kind in
        ('failed', 'recovered', 'ack_mismatch', 'ack_missing', 'push_failed', 'push_recovered')),
      add constraint notices_failure check ((failure is not null) = (kind in ('failed', 'ack_mismatch', 'push_failed')))
    `.execute(db);
}
