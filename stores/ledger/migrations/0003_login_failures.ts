import { type Kysely, sql } from 'kysely';

/**
 * Columns and their order are those that rate-limiter-flexible inserts into; `expire` is milliseconds since 1970.
 * Unlogged: a count of one minute need not survive a crash, and a burst of log-ins then waits for no disk.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create unlogged table login_failures (
      key    varchar(255) primary key,
      points integer not null default 0,
      expire bigint
    )`.execute(db);
}
