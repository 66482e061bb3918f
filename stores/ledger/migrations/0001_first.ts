import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';

/** Times are `timestamptz(3)`, because JavaScript's `Date` stops at milliseconds and a cursor must compare exactly. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await tenants(db);
  await exports(db);
  await idempotency(db);
  await audit(db);
}

async function tenants(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table tenants (
      key          text primary key check (key ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
      title        text not null,
      created_at   timestamptz(3) not null default now(),
      disabled_at  timestamptz(3),
      exports_max  integer check (exports_max > 0),
      requests_max integer check (requests_max > 0)
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

  // One row: what this deployment mixes into the index of API keys.
  await sql`
    create table deployment (
      single      boolean primary key default true check (single),
      lookup_salt bytea not null check (octet_length(lookup_salt) = 16)
    )`.execute(db);
  await sql`insert into deployment (lookup_salt) values (${randomBytes(16)})`.execute(db);
}

/** `tenant` has no foreign key: the ledger can be rebuilt from manifests before the tenants are added again. */
async function exports(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table exports (
      export_id        uuid primary key,
      workflow_id      text not null,
      tenant           text not null,
      dataset          text not null,
      "order"          jsonb not null,
      state            text not null default 'pending' check (state in
                         ('pending', 'running', 'completed', 'failed', 'cancelled', 'expired', 'deleted')),
      requested_at     timestamptz(3) not null,
      started_at       timestamptz(3),
      ended_at         timestamptz(3),
      snapshot_at      text check (length(snapshot_at) = 27),
      rows             bigint check (rows >= 0),
      bytes            bigint check (bytes >= 0),
      content_bytes    bigint check (content_bytes >= 0),
      parts            integer check (parts >= 0),
      expires_at       timestamptz(3),
      failure_code     text,
      failure_message  text,
      links_revoked_at timestamptz(3),
      check (state not in ('completed', 'expired')
        or num_nulls(snapshot_at, rows, bytes, content_bytes, parts, expires_at, ended_at) = 0),
      check (state not in ('failed', 'cancelled') or num_nulls(failure_code, failure_message, ended_at) = 0)
    )`.execute(db);
  await sql`create index exports_newest on exports (tenant, requested_at desc, export_id desc)`.execute(db);
  await sql`
    create index exports_newest_of_dataset
      on exports (tenant, lower(dataset), requested_at desc, export_id desc)`.execute(db);
  await sql`create index exports_active on exports (tenant) where state in ('pending', 'running')`.execute(db);
}

async function idempotency(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table idempotency (
      tenant       text not null,
      key_hash     bytea not null,
      request_hash text not null,
      export_id    uuid,
      claimed_at   timestamptz(3) not null default now(),
      primary key (tenant, key_hash)
    )`.execute(db);
  await sql`create index idempotency_claimed on idempotency (claimed_at)`.execute(db);
}

/** Append-only for everybody, the owner of the table included: the triggers refuse whatever would change a line. */
async function audit(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table audit (
      id        bigint generated always as identity primary key,
      at        timestamptz(3) not null default now(),
      tenant    text,
      actor     text not null,
      action    text not null,
      export_id uuid,
      detail    jsonb not null
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
