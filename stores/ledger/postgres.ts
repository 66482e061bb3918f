import { sql } from 'kysely';
import { archives } from './archives.ts';
import { audit } from './audit.ts';
import { credentials } from './credentials.ts';
import { createDatabase, migrate } from './database.ts';
import { deliveries } from './deliveries.ts';
import { destinations } from './destinations.ts';
import { idempotency } from './idempotency.ts';
import { notices } from './notices.ts';
import { operations } from './operations.ts';
import { operatorSessions } from './operator-sessions.ts';
import { portalSessions } from './portal-sessions.ts';
import type { Ledger } from './ports.ts';
import { registrations } from './registrations.ts';
import { requests } from './requests.ts';
import { runs } from './runs.ts';
import { sftpHostKey, sftpKeys } from './sftp.ts';
import { signingKeys } from './signing-keys.ts';
import { standingOrders } from './standing-orders.ts';
import { tenants } from './tenants.ts';
import { webhookEvents } from './webhook-events.ts';
import { webhooks } from './webhooks.ts';

/**
 * The ledger in PostgreSQL 14 or later. Connects on first use; {@link Ledger.close} closes all connections.
 *
 * @param options.url `postgres://…`; never included in a message
 * @param options.connectionsMax maximum number of connections
 */
export function createLedger(options: { readonly url: string; readonly connectionsMax: number }): Ledger {
  const database = createDatabase(options.url, options.connectionsMax);
  return {
    runs: runs(database),
    requests: requests(database),
    archives: archives(database),
    standingOrders: standingOrders(database),
    registrations: registrations(database),
    notices: notices(database),
    destinations: destinations(database),
    deliveries: deliveries(database),
    webhooks: webhooks(database),
    webhookEvents: webhookEvents(database),
    tenants: tenants(database),
    credentials: credentials(database),
    operatorSessions: operatorSessions(database),
    operations: operations(database),
    audit: audit(database),
    idempotency: idempotency(database),
    signingKeys: signingKeys(database),
    sftpKeys: sftpKeys(database),
    sftpHostKey: sftpHostKey(database),
    portalSessions: portalSessions(database),
    migrate: () => migrate(options.url),
    async ping() {
      await database.query((db) => sql`select 1`.execute(db));
    },
    close: () => database.close(),
  };
}
