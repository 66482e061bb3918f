import { type Kysely, sql } from 'kysely';

/** Public keys that tenants log in with over SFTP, and the gateway's own host key, the same for all its instances. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table sftp_keys (
      tenant      text not null references tenants (key),
      fingerprint text not null check (fingerprint ~ '^SHA256:[A-Za-z0-9+/]{43}$'),
      public_key  text not null check (length(public_key) <= 4096),
      added_at    timestamptz(3) not null default now(),
      disabled_at timestamptz(3),
      primary key (tenant, fingerprint)
    )`.execute(db);

  await sql`
    create table sftp_host_key (
      single      boolean primary key default true check (single),
      private_key text not null,
      created_at  timestamptz(3) not null default now()
    )`.execute(db);
}
