import { credentialOf } from './credentials.ts';
import type { Database } from './database.ts';
import type { Ledger } from './ledger.ts';
import type { SecretHash } from './secret-hash.ts';
import { storable } from './trouble.ts';

/**
 * Checks secrets. The row is read at every check and only scrypt is remembered, so a rotation or a disabling holds for
 * every process from the moment it is committed.
 *
 * @param lookupSalt reads the deployment's salt of the index of bare secrets.
 */
export function verification(
  database: Database,
  secretHash: SecretHash,
  lookupSalt: () => Promise<Buffer>,
): Pick<Ledger, 'verifyCredential' | 'verifyApiKey'> {
  /** Rows that could match, disabled ones included, because leaving them out would answer sooner. */
  function candidates(column: 'client_id' | 'lookup', value: string | Buffer) {
    return database.query((db) =>
      db
        .selectFrom('credentials')
        .innerJoin('tenants', 'tenants.key', 'credentials.tenant')
        .selectAll('credentials')
        .select('tenants.disabled_at as tenant_disabled_at')
        .where(`credentials.${column}`, '=', value)
        .execute(),
    );
  }
  type Candidates = Awaited<ReturnType<typeof candidates>>;

  async function choose(secret: string, rows: Candidates) {
    let found: Candidates[number] | undefined;
    for (const row of rows) {
      if (await secretHash.verify(secret, row.secret_hash)) found = row;
    }
    if (rows.length === 0) await secretHash.verify(secret, undefined);
    if (found === undefined || found.disabled_at !== null || found.tenant_disabled_at !== null) return undefined;
    return credentialOf(found);
  }

  return {
    async verifyCredential(clientId, secret) {
      return choose(secret, await candidates('client_id', storable(clientId)));
    },
    async verifyApiKey(secret) {
      return choose(secret, await candidates('lookup', await secretHash.lookup(secret, await lookupSalt())));
    },
  };
}
