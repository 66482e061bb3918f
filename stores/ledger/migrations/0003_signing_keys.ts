import { type Kysely, sql } from 'kysely';

/** Public keys of the manifests' signatures. None is ever removed, so that old manifests can be checked. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table signing_keys (
      kid        text primary key,
      public_key text not null check (length(public_key) = 43),
      added_at   timestamptz(3) not null default now()
    )`.execute(db);
}
