import { sql } from 'kysely';
import { auditTrail } from './audit.ts';
import { credentials } from './credentials.ts';
import { connect, createDatabase, type Database, STATEMENT_MS_MAX } from './database.ts';
import { exportLists } from './export-lists.ts';
import { exports } from './exports.ts';
import { generationLists } from './generation-lists.ts';
import { generationRestore } from './generation-restore.ts';
import { generations } from './generations.ts';
import { idempotency } from './idempotency.ts';
import type { Ledger } from './ledger.ts';
import { migrateToLatest } from './migrate.ts';
import { notices } from './notices.ts';
import { periodicChanges } from './periodic-changes.ts';
import { periodicSettings } from './periodic-settings.ts';
import { createProvenSecrets } from './proven-secrets.ts';
import { createSecretHash } from './secret-hash.ts';
import { tenants } from './tenants.ts';
import { ledgerTrouble } from './trouble.ts';
import { verification } from './verification.ts';

/** A count of secrets that are remembered as right, about 400 bytes each. */
const PROVEN_MAX = 10_000;
/** Milliseconds from its last use that one is remembered. */
const PROVEN_MS = 5 * 60_000;

/**
 * The ledger in PostgreSQL 14 or later. Connects when it is first used; {@link Ledger.close} ends all connections.
 *
 * @param options.url `postgres://…`; never shown in a message.
 * @param options.connectionsMax a count of connections at the most.
 */
export function createLedger(options: { readonly url: string; readonly connectionsMax: number }): Ledger {
  const database = createDatabase(connect(options.url, options.connectionsMax, STATEMENT_MS_MAX));
  const secretHash = createSecretHash();
  const proven = createProvenSecrets(PROVEN_MAX, PROVEN_MS, () => performance.now());
  const lookupSalt = createLookupSalt(database);
  return {
    ...exports(database),
    ...exportLists(database),
    ...idempotency(database),
    ...tenants(database),
    ...credentials(database, secretHash, lookupSalt),
    ...verification(database, secretHash, proven, lookupSalt),
    ...auditTrail(database),
    ...periodicSettings(database),
    ...periodicChanges(database),
    ...generations(database),
    ...generationLists(database),
    ...generationRestore(database),
    ...notices(database),
    migrate: () => migrate(options.url),
    async ping() {
      await database.query((db) => sql`select 1`.execute(db));
    },
    close: () => database.close(),
  };
}

/** On a connection of its own without statement timeout, because another process may hold the lock for long. */
async function migrate(url: string): Promise<void> {
  const db = connect(url, 1, 0);
  try {
    await migrateToLatest(db);
  } catch (error) {
    throw ledgerTrouble(error);
  } finally {
    await db.destroy();
  }
}

/** Never changes once the schema is there, so it is read once. */
function createLookupSalt(database: Database): () => Promise<Buffer> {
  let salt: Buffer | undefined;
  return async () => {
    salt ??= (await database.query((db) => db.selectFrom('deployment').select('lookup_salt').executeTakeFirstOrThrow()))
      .lookup_salt;
    return salt;
  };
}
