import { type Kysely, sql } from 'kysely';

/** Standing orders that export what has changed: which datasets a tenant has registered, and what each run exported of them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // Such files need no recipient.
  await sql`alter table standing_orders drop constraint standing_orders_check`.execute(db);
  await sql`
    alter table standing_orders
      add column synced_version integer,
      add constraint standing_orders_recipient check (kind = 'recurring'
        or recipient is not null or not enabled and not own_recipient and num_nonnulls(recurrence, failing_since) = 0)
    `.execute(db);
  // Schedules of earlier versions are taken as they are.
  await sql`update standing_orders set synced_version = version`.execute(db);
  await sql`
    create index standing_orders_unsynced on standing_orders (kind)
      where synced_version is distinct from version`.execute(db);

  await sql`
    create table standing_files (
      standing_order_id uuid not null references standing_orders,
      dataset           text not null,
      active            boolean not null,
      generation        integer not null default 1,
      columns           jsonb,
      watermark         text check (length(watermark) = 27),
      starts_from       text check (length(starts_from) = 27),
      full_load_at      timestamptz(3),
      held              jsonb,
      failure           jsonb,
      registered_at     timestamptz(3) not null default now(),
      changed_at        timestamptz(3) not null default now(),
      primary key (standing_order_id, dataset)
    )`.execute(db);

  await sql`
    create table run_files (
      run_id       uuid not null references runs,
      dataset      text not null,
      generation   integer not null,
      complete     boolean not null,
      replaces     boolean not null default false,
      base_run_id  uuid references runs,
      window_from  text check (length(window_from) = 27),
      window_to    text not null check (length(window_to) = 27),
      full_load_at timestamptz(3),
      columns      jsonb not null,
      rows         bigint check (rows >= 0),
      failure      jsonb,
      primary key (run_id, dataset)
    )`.execute(db);
  await sql`create index run_files_ends on run_files (dataset, window_to)`.execute(db);
}
