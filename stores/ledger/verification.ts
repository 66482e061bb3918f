import { credentialOf } from './credentials.ts';
import type { Database } from './database.ts';
import type { Ledger } from './ledger.ts';
import type { ProvenSecrets } from './proven-secrets.ts';
import type { SecretHash } from './secret-hash.ts';
import { storable } from './trouble.ts';

/**
 * Checks secrets. The row is read at every check, also of a secret that is remembered as right, so a rotation or a
 * disabling holds for every process from the moment it is committed.
 *
 * @param lookupSalt reads the deployment's salt of the index of bare secrets.
 */
export function verification(
  database: Database,
  secretHash: SecretHash,
  proven: ProvenSecrets,
  lookupSalt: () => Promise<Buffer>,
): Pick<Ledger, 'verifyCredential' | 'verifyApiKey' | 'recallCredential'> {
  /** Rows that could match, disabled ones included, because leaving them out would answer sooner. */
  function candidates(column: 'client_id' | 'lookup' | 'id', value: string | Buffer) {
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

  async function choose(clientId: string | null, secret: string, rows: Candidates) {
    let found: Candidates[number] | undefined;
    for (const row of rows) {
      if (await secretHash.verify(secret, row.secret_hash)) found = row;
    }
    if (rows.length === 0) await secretHash.verify(secret, undefined);
    if (found === undefined || !isEnabled(found)) return undefined;
    proven.remember(clientId, secret, { credentialId: found.id, secretHash: found.secret_hash });
    return credentialOf(found);
  }

  return {
    async verifyCredential(clientId, secret) {
      return choose(clientId, secret, await candidates('client_id', storable(clientId)));
    },
    async verifyApiKey(secret) {
      return choose(null, secret, await candidates('lookup', await secretHash.lookup(secret, await lookupSalt())));
    },
    async recallCredential(clientId, secret) {
      const proof = proven.recall(clientId, secret);
      if (!proof) return undefined;
      const [row] = await candidates('id', proof.credentialId);
      return row && row.secret_hash === proof.secretHash && isEnabled(row) ? credentialOf(row) : undefined;
    },
  };
}

function isEnabled(row: { readonly disabled_at: Date | null; readonly tenant_disabled_at: Date | null }): boolean {
  return row.disabled_at === null && row.tenant_disabled_at === null;
}
