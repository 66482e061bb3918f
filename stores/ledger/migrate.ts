import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import * as first from './migrations/0001_first.ts';
import * as periodic from './migrations/0002_periodic.ts';
import * as loginFailures from './migrations/0003_login_failures.ts';
import type { Tables } from './schema.ts';

/** In order of their names. One that was released is never changed; a change is a new one. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001_first': first,
  '0002_periodic': periodic,
  '0003_login_failures': loginFailures,
};

/**
 * Brings the schema up to date: all or nothing, in one transaction, under PostgreSQL's advisory lock, so that whoever
 * comes second waits and then finds nothing to do.
 *
 * @param db without a statement timeout, because waiting for the lock is a statement.
 */
export async function migrateToLatest(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
