import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';

/** Times are `timestamptz(3)`, because JavaScript's `Date` has millisecond precision and cursors must compare exactly. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await tenants(db);
  await standingOrders(db);
  await runs(db);
  await notices(db);
  await idempotency(db);
  await audit(db);
  await loginFailures(db);
}

async function tenants(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table tenants (
      key          text primary key check (key ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
      title        text not null,
      created_at   timestamptz(3) not null default now(),
      disabled_at  timestamptz(3),
      exports_max  integer check (exports_max > 0),
      requests_max integer check (requests_max > 0),
      contacts     text[] not null default '{}' check (cardinality(contacts) <= 20)
    )`.execute(db);

  await sql`
    create table credentials (
      id          uuid primary key default gen_random_uuid(),
      tenant      text not null references tenants (key),
      client_id   text not null unique check (client_id ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,126}$'),
      scopes      text[] not null check (cardinality(scopes) > 0 and scopes <@ array['read', 'write']),
      secret_hash text not null,
      lookup      bytea not null check (octet_length(lookup) = 5),
      created_at  timestamptz(3) not null default now(),
      rotated_at  timestamptz(3),
      disabled_at timestamptz(3)
    )`.execute(db);
  await sql`create index credentials_tenant on credentials (tenant)`.execute(db);
  await sql`create index credentials_lookup on credentials (lookup)`.execute(db);

  // One row: the deployment's salt for the index of API keys.
  await sql`
    create table deployment (
      single      boolean primary key default true check (single),
      lookup_salt bytea not null check (octet_length(lookup_salt) = 16)
    )`.execute(db);
  await sql`insert into deployment (lookup_salt) values (${randomBytes(16)})`.execute(db);
}

/** `tenant` has no foreign key, here and in runs: the ledger can be rebuilt from manifests before tenants are added. */
async function standingOrders(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table standing_orders (
      standing_order_id uuid primary key default gen_random_uuid(),
      tenant            text not null,
      kind              text not null,
      enabled           boolean not null default false,
      recipient         text,
      own_recipient     boolean not null default false,
      epoch             integer not null check (epoch >= 0),
      version           integer not null check (version >= 0),
      recurrence        jsonb,
      failing_since     timestamptz(3),
      changed_at        timestamptz(3) not null default now(),
      unique (tenant, kind),
      check (recipient is not null or not enabled and not own_recipient and num_nonnulls(recurrence, failing_since) = 0)
    )`.execute(db);
  await sql`create index standing_orders_enabled on standing_orders (kind, tenant) where enabled`.execute(db);
}

async function runs(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table runs (
      run_id            uuid primary key,
      number            bigint generated always as identity unique,
      tenant            text not null,
      kind              text not null,
      series            text not null,
      subject           text not null,
      workflow_id       text not null,
      standing_order_id uuid references standing_orders,
      epoch             integer check (epoch >= 0),
      "order"           jsonb,
      state             text not null check (state in ('pending', 'running', 'completed', 'failed', 'cancelled')),
      requested_at      timestamptz(3) not null,
      started_at        timestamptz(3),
      ended_at          timestamptz(3),
      snapshot_at       text check (length(snapshot_at) = 27),
      files             integer check (files >= 0),
      parts             integer check (parts >= 0),
      rows              bigint check (rows >= 0),
      bytes             bigint check (bytes >= 0),
      content_bytes     bigint check (content_bytes >= 0),
      manifest_sha256   text check (manifest_sha256 ~ '^[0-9a-f]{64}$'),
      previous_run_id   uuid references runs,
      current           boolean not null default false,
      expires_at        timestamptz(3),
      remove_after      timestamptz(3),
      removed_at        timestamptz(3),
      attempted         jsonb,
      rechecked_at      timestamptz(3),
      removal           text check (removal in ('expired', 'deleted', 'replaced', 'failed')),
      failure           jsonb,
      links_revoked_at  timestamptz(3),
      check (num_nonnulls("order", standing_order_id) > 0),
      check ((epoch is null) = (standing_order_id is null)),
      check ((ended_at is null) = (state in ('pending', 'running'))),
      check (num_nulls(snapshot_at, files, parts, rows, bytes, content_bytes, manifest_sha256)
        = case state when 'completed' then 0 else 7 end),
      check ((failure is not null) = (state in ('failed', 'cancelled'))),
      check (failure is null or failure ?& array['code', 'message']),
      check (not current or state = 'completed' and removal is null),
      check (removed_at is null or removal is not null),
      check (removal is null or ended_at is not null and (removal = 'failed') = (state <> 'completed'))
    )`.execute(db);
  await sql`create unique index runs_active on runs (tenant, series) where state in ('pending', 'running')`.execute(db);
  await sql`create unique index runs_current on runs (tenant, series) where current`.execute(db);
  await sql`create index runs_newest on runs (tenant, kind, requested_at desc, run_id desc)`.execute(db);
  await sql`
    create index runs_newest_of_subject
      on runs (tenant, kind, lower(subject), requested_at desc, run_id desc)`.execute(db);
  await sql`create index runs_due on runs (remove_after) where removed_at is null`.execute(db);
  await sql`create index runs_unchecked on runs (ended_at) where rechecked_at is null`.execute(db);
  await sql`create index runs_unremoved on runs (standing_order_id, epoch) where removed_at is null`.execute(db);
}

async function notices(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table notices (
      notice_id     uuid primary key default gen_random_uuid(),
      tenant        text not null,
      run_id        uuid not null references runs,
      kind          text not null check (kind in ('failed', 'recovered')),
      failing_since timestamptz(3) not null,
      failure       jsonb,
      sent_at       timestamptz(3),
      recipients    integer check (recipients >= 0),
      unique (run_id, kind),
      check ((failure is not null) = (kind = 'failed')),
      check (num_nulls(sent_at, recipients) in (0, 2))
    )`.execute(db);
  await sql`create index notices_due on notices (tenant) where sent_at is null`.execute(db);
}

async function idempotency(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table idempotency (
      tenant       text not null,
      key_hash     bytea not null,
      request_hash text not null,
      run_id       uuid,
      attempted_at timestamptz(3) not null default now(),
      claimed_at   timestamptz(3) not null default now(),
      primary key (tenant, key_hash)
    )`.execute(db);
  await sql`create index idempotency_claimed on idempotency (claimed_at)`.execute(db);
}

/** Append-only for everyone, even the table's owner: triggers refuse any change of an existing line. */
async function audit(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table audit (
      id      bigint generated always as identity primary key,
      at      timestamptz(3) not null default now(),
      tenant  text,
      actor   text not null,
      action  text not null,
      run_id  uuid,
      detail  jsonb not null
    )`.execute(db);
  await sql`create index audit_newest_of_tenant on audit (tenant, id desc)`.execute(db);
  await sql`
    create function audit_refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
    end $$`.execute(db);
  await sql`
    create trigger audit_lines_stay before update or delete on audit
      for each row execute function audit_refuse_change()`.execute(db);
  await sql`
    create trigger audit_stays before truncate on audit
      for each statement execute function audit_refuse_change()`.execute(db);
}

/**
 * Columns and their order are those that rate-limiter-flexible inserts into; `expire` is milliseconds since 1970.
 * Unlogged: a count of one minute need not survive a crash, and a burst of log-ins then waits for no disk.
 */
async function loginFailures(db: Kysely<unknown>): Promise<void> {
  await sql`
    create unlogged table login_failures (
      key    varchar(255) primary key,
      points integer not null default 0,
      expire bigint
    )`.execute(db);
}
