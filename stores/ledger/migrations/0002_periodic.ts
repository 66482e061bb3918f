import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await contacts(db);
  await generations(db);
  await periodicExports(db);
  await notices(db);
}

async function contacts(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table tenants
      add column contacts text[] not null default '{}' check (cardinality(contacts) <= 20)`.execute(db);
}

/** `tenant` has no foreign key, as in `exports`: the ledger can be rebuilt before the tenants are added again. */
async function generations(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table generations (
      generation_id   uuid primary key,
      tenant          text not null,
      workflow_id     text not null,
      epoch           integer not null check (epoch >= 0),
      state           text not null default 'running' check (state in
                        ('running', 'published', 'superseded', 'failed', 'cancelled', 'removed')),
      started_at      timestamptz(3) not null,
      ended_at        timestamptz(3),
      snapshot_at     text check (length(snapshot_at) = 27),
      files           integer check (files >= 0),
      rows            bigint check (rows >= 0),
      bytes           bigint check (bytes >= 0),
      manifest_sha256 text check (manifest_sha256 ~ '^[0-9a-f]{64}$'),
      previous_id     uuid references generations,
      failure_code    text,
      failure_message text,
      removed_at      timestamptz(3),
      check (state not in ('published', 'superseded', 'removed')
        or num_nulls(snapshot_at, files, rows, bytes, manifest_sha256, ended_at) = 0),
      check (state not in ('failed', 'cancelled') or num_nulls(failure_code, failure_message, ended_at) = 0),
      check (state <> 'running' or ended_at is null),
      check (state <> 'removed' or removed_at is not null),
      check (removed_at is null or state in ('failed', 'cancelled', 'removed'))
    )`.execute(db);
  await sql`create index generations_newest on generations (tenant, started_at desc, generation_id desc)`.execute(db);
  await sql`create index generations_unremoved on generations (tenant, epoch) where removed_at is null`.execute(db);
  await sql`create unique index generations_published on generations (tenant) where state = 'published'`.execute(db);
}

/** Rows are never deleted: one that only says its epoch keeps epochs from coming again. */
async function periodicExports(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table periodic_exports (
      tenant        text primary key,
      enabled       boolean not null default false,
      recipient     text,
      own_recipient boolean not null default false,
      epoch         integer not null check (epoch >= 0),
      version       integer not null check (version >= 0),
      run_at        text check (run_at ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
      time_zone     text,
      generation_id uuid unique references generations,
      failing_since timestamptz(3),
      changed_at    timestamptz(3) not null default now(),
      check (recipient is not null or not enabled and not own_recipient
        and num_nonnulls(run_at, time_zone, generation_id, failing_since) = 0)
    )`.execute(db);
  await sql`create index periodic_exports_enabled on periodic_exports (tenant) where enabled`.execute(db);
}

/** A generation ends once, so it leaves one notice at the most. */
async function notices(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table notices (
      notice_id       uuid primary key default gen_random_uuid(),
      tenant          text not null,
      kind            text not null check (kind in ('failed', 'recovered')),
      generation_id   uuid not null unique references generations,
      failing_since   timestamptz(3) not null,
      failure_code    text,
      failure_message text,
      sent_at         timestamptz(3),
      recipients      integer check (recipients >= 0),
      check (num_nulls(failure_code, failure_message) = case kind when 'failed' then 0 else 2 end),
      check (num_nulls(sent_at, recipients) in (0, 2))
    )`.execute(db);
  await sql`create index notices_due on notices (tenant) where sent_at is null`.execute(db);
}
