import { sql } from 'kysely';
import { audit } from './audit.ts';
import { credentials } from './credentials.ts';
import { createDatabase, type Database, migrate } from './database.ts';
import { idempotency } from './idempotency.ts';
import { notices } from './notices.ts';
import type { Ledger } from './ports.ts';
import { createProvenSecrets } from './proven-secrets.ts';
import { runLists } from './run-lists.ts';
import { runChanges } from './runs.ts';
import { createSecretHash } from './secret-hash.ts';
import { standingOrders } from './standing-orders.ts';
import { tenants } from './tenants.ts';

/** How many verified secrets are remembered, about 400 bytes each. */
const PROVEN_MAX = 10_000;
/** How long one is remembered after its last use, in milliseconds. */
const PROVEN_MS = 5 * 60_000;

/**
 * The ledger in PostgreSQL 14 or later. Connects on first use; {@link Ledger.close} closes all connections.
 *
 * @param options.url `postgres://…`; never included in a message
 * @param options.connectionsMax maximum number of connections
 */
export function createLedger(options: { readonly url: string; readonly connectionsMax: number }): Ledger {
  const database = createDatabase(options.url, options.connectionsMax);
  const proven = createProvenSecrets(PROVEN_MAX, PROVEN_MS, () => performance.now());
  return {
    runs: { ...runLists(database), ...runChanges(database) },
    standingOrders: standingOrders(database),
    notices: notices(database),
    tenants: tenants(database),
    credentials: credentials(database, createSecretHash(), proven, createLookupSalt(database)),
    audit: audit(database),
    idempotency: idempotency(database),
    migrate: () => migrate(options.url),
    async ping() {
      await database.query((db) => sql`select 1`.execute(db));
    },
    close: () => database.close(),
  };
}

/** Read once, because it never changes. */
function createLookupSalt(database: Database): () => Promise<Buffer> {
  let salt: Buffer | undefined;
  return async () => {
    salt ??= (await database.query((db) => db.selectFrom('deployment').select('lookupSalt').executeTakeFirstOrThrow()))
      .lookupSalt;
    return salt;
  };
}
