import { type Kysely, sql } from 'kysely';

/** Archives of questionnaires: their state by series, and how a tenant wants them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index runs_archives on runs (tenant, series, number desc) where kind = 'questionnaire'`.execute(db);
  await sql`create index runs_archives_newest on runs (tenant, number desc) where kind = 'questionnaire'`.execute(db);
  await sql`
    create table archive_settings (
      tenant     text primary key references tenants (key),
      password   bytea,
      recipients text[] not null default '{}' check (cardinality(recipients) <= 20),
      changed_at timestamptz(3) not null default now()
    )`.execute(db);
}
