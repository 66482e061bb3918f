import { type Kysely, sql } from 'kysely';

/** The request portal: what a request waits for, what became of it, and who is told. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table runs
      add column requested_by  text,
      add column starts_at     timestamptz(3),
      add column deleted_at    timestamptz(3),
      add column downloaded_at timestamptz(3),
      add column mailed_at     timestamptz(3)`.execute(db);
  await sql`
    create index runs_requests on runs (tenant, number desc) where kind = 'requests' and deleted_at is null`.execute(
    db,
  );
  await sql`
    create index runs_same_request on runs (tenant, series)
      where kind = 'requests' and state = 'completed' and deleted_at is null and removal is null`.execute(db);
  await sql`
    create index runs_queue on runs (number) where kind = 'requests' and state in ('pending', 'running')`.execute(db);
  await sql`
    create index runs_unmailed on runs (ended_at)
      where kind = 'requests' and mailed_at is null and state in ('completed', 'failed')`.execute(db);

  // An address is claimed before the message is sent, and never claimed twice, so that nobody gets it twice.
  await sql`
    create table mails (
      run_id     uuid not null references runs,
      kind       text not null check (kind in ('ready', 'failed', 'support')),
      address    text not null,
      claimed_at timestamptz(3) not null default now(),
      sent_at    timestamptz(3),
      primary key (run_id, kind, address)
    )`.execute(db);

  await sql`
    alter table tenants
      add column request_keep_days integer check (request_keep_days between 1 and 3650)`.execute(db);
  await sql`alter table credentials add column email text check (length(email) <= 254)`.execute(db);
}
