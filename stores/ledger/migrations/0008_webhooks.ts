import { type Kysely, sql } from 'kysely';

/** Webhooks: where a tenant wants to be told of outcomes, and the outcomes that it is told of. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table webhooks (
      tenant          text primary key references tenants (key),
      url             text,
      events          text[] not null check (cardinality(events) > 0),
      secret          bytea not null,
      previous_secret bytea,
      previous_until  timestamptz(3),
      version         integer not null default 1 check (version > 0),
      disabled_at     timestamptz(3),
      changed_at      timestamptz(3) not null default now(),
      check (num_nulls(previous_secret, previous_until) in (0, 2))
    )`.execute(db);

  // No foreign key: an order may be recorded only after its callback.
  await sql`
    create table run_callbacks (
      run_id     uuid not null,
      tenant     text not null references tenants (key),
      url        text not null,
      created_at timestamptz(3) not null default now(),
      primary key (run_id, url)
    )`.execute(db);

  // data is json, so that its text stays as it was written.
  await sql`
    create table webhook_events (
      event_id        uuid primary key default gen_random_uuid(),
      tenant          text not null references tenants (key),
      type            text not null,
      run_id          uuid,
      callback_url    text,
      data            json not null,
      state           text not null default 'pending' check (state in ('pending', 'delivered', 'failed', 'skipped')),
      attempts        integer not null default 0 check (attempts >= 0),
      last_status     integer,
      last_error      text,
      created_at      timestamptz(3) not null default now(),
      last_attempt_at timestamptz(3),
      next_attempt_at timestamptz(3) default now(),
      ended_at        timestamptz(3),
      check ((ended_at is null) = (state = 'pending')),
      check ((next_attempt_at is null) = (state <> 'pending'))
    )`.execute(db);
  await sql`
    create unique index webhook_events_once on webhook_events (run_id, type, (coalesce(callback_url, '')))
      where run_id is not null`.execute(db);
  await sql`create index webhook_events_due on webhook_events (tenant, next_attempt_at) where state = 'pending'`.execute(
    db,
  );
  await sql`create index webhook_events_newest on webhook_events (tenant, created_at desc)`.execute(db);
  await sql`create index webhook_events_ended on webhook_events (ended_at) where state <> 'pending'`.execute(db);

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
        ('failed', 'recovered', 'ack_mismatch', 'ack_missing', 'push_failed', 'push_recovered', 'held')),
      add constraint notices_failure
        check ((failure is not null) = (kind in ('failed', 'ack_mismatch', 'push_failed', 'held')))
    `.execute(db);
}
