import { type Selectable, sql, type UpdateObject } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import { isTaken } from './errors.ts';
import type { Credentials } from './ports.ts';
import { createProvenSecrets } from './proven-secrets.ts';
import { createSecretHash } from './secret-hash.ts';
import type { AuditAction, Credential, CredentialsTable, Scope, Tables } from './tables.ts';
import { isAddress, noTenant } from './tenants.ts';

const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,126}$/;
const SECRET_LENGTH_MIN = 16;

/** How many verified secrets are remembered, about 400 bytes each. */
const PROVEN_MAX = 10_000;
/** How long one is remembered after its last use, in milliseconds. */
const PROVEN_MS = 5 * 60_000;

/**
 * Every check reads the row, even for a secret that was verified before, so rotating or disabling a credential takes effect
 * in every process as soon as it is committed.
 */
export function credentials(database: Database): Credentials {
  const secretHash = createSecretHash();
  const proven = createProvenSecrets(PROVEN_MAX, PROVEN_MS, () => performance.now());
  let salt: Buffer | undefined;

  async function lookup(secret: string): Promise<Buffer> {
    // Read once, because it never changes.
    salt ??= (await database.query((db) => db.selectFrom('deployment').select('lookupSalt').executeTakeFirstOrThrow()))
      .lookupSalt;
    return secretHash.lookup(secret, salt);
  }

  async function sealed(secret: string) {
    if (secret.length < SECRET_LENGTH_MIN) {
      throw new WaybillError('invalid_field', `A secret must have at least ${SECRET_LENGTH_MIN} characters.`, {
        field: 'secret',
      });
    }
    const [hash, entry] = await Promise.all([secretHash.hash(secret), lookup(secret)]);
    return { secretHash: hash, lookup: entry };
  }

  async function change(clientId: string, to: UpdateObject<Tables, 'credentials'>, action: AuditAction) {
    await database.transaction(async (db) => {
      const changed = await db
        .updateTable('credentials')
        .set(to)
        .where('clientId', '=', storable(clientId))
        .returning('tenant')
        .executeTakeFirst();
      if (!changed) {
        throw new WaybillError('not_found', `There is no credential with client id "${storable(clientId)}".`);
      }
      await appendAudit(db, { tenant: changed.tenant, actor: 'operator', action, detail: { clientId } });
    });
  }

  /** Rows that could match. Includes disabled ones, because skipping them would make the answer measurably faster. */
  function candidates(column: 'clientId' | 'lookup' | 'id', value: string | Buffer) {
    return database.query((db) =>
      db
        .selectFrom('credentials')
        .innerJoin('tenants', 'tenants.key', 'credentials.tenant')
        .selectAll('credentials')
        .select('tenants.disabledAt as tenantDisabledAt')
        .where(`credentials.${column}`, '=', value)
        .execute(),
    );
  }
  type Candidates = Awaited<ReturnType<typeof candidates>>;

  async function choose(clientId: string | null, secret: string, rows: Candidates) {
    let found: Candidates[number] | undefined;
    for (const row of rows) {
      if (await secretHash.verify(secret, row.secretHash)) found = row;
    }
    if (rows.length === 0) await secretHash.verify(secret, undefined);
    if (found === undefined || !isEnabled(found)) return undefined;
    proven.remember(clientId, secret, { credentialId: found.id, secretHash: found.secretHash });
    return credentialOf(found);
  }

  return {
    async add({ tenant, clientId, scopes, secret }) {
      if (!CLIENT_ID.test(clientId)) {
        throw new WaybillError(
          'invalid_field',
          'A client id must have 1 to 127 letters, digits, dots, hyphens, underscores or @, and begin with a letter or digit.',
          { field: 'clientId' },
        );
      }
      const values = { tenant, clientId, scopes: checkedScopes(scopes), ...(await sealed(secret)) };
      return database.transaction(async (db) => {
        const known = await db
          .selectFrom('tenants')
          .select('key')
          .where('key', '=', storable(tenant))
          .executeTakeFirst();
        if (!known) throw noTenant(tenant);
        let row: Selectable<CredentialsTable>;
        try {
          row = await db.insertInto('credentials').values(values).returningAll().executeTakeFirstOrThrow();
        } catch (error) {
          if (!isTaken(error)) throw error;
          throw new WaybillError('invalid_field', 'This client id is taken. Choose another.', { field: 'clientId' });
        }
        const detail = { clientId, scopes: row.scopes.join(' ') };
        await appendAudit(db, { tenant, actor: 'operator', action: 'credential.added', detail });
        return credentialOf(row);
      });
    },

    async list(tenant) {
      const rows = await database.query((db) =>
        db
          .selectFrom('credentials')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .orderBy('createdAt')
          .orderBy('clientId')
          .execute(),
      );
      return rows.map(credentialOf);
    },

    async rotate(clientId, secret) {
      await change(clientId, { ...(await sealed(secret)), rotatedAt: NOW }, 'credential.rotated');
    },

    disable: (clientId) =>
      change(clientId, { disabledAt: sql<Date>`coalesce(disabled_at, now())` }, 'credential.disabled'),

    async setEmail(clientId, email) {
      if (email !== null && !isAddress(email)) {
        throw new WaybillError('invalid_field', 'This is not an e-mail address. Use the form name@example.com.', {
          field: 'email',
        });
      }
      await change(clientId, { email }, 'credential.email');
    },

    async find(clientId) {
      const row = await database.query((db) =>
        db.selectFrom('credentials').selectAll().where('clientId', '=', storable(clientId)).executeTakeFirst(),
      );
      return row && credentialOf(row);
    },

    async verify(clientId, secret) {
      return choose(clientId, secret, await candidates('clientId', storable(clientId)));
    },

    async verifyKey(secret) {
      return choose(null, secret, await candidates('lookup', await lookup(secret)));
    },

    async recall(clientId, secret) {
      const proof = proven.recall(clientId, secret);
      if (!proof) return undefined;
      const [row] = await candidates('id', proof.credentialId);
      return row && row.secretHash === proof.secretHash && isEnabled(row) ? credentialOf(row) : undefined;
    },
  };
}

function checkedScopes(scopes: readonly Scope[]): Scope[] {
  const unique = [...new Set(scopes)];
  if (unique.length === 0) {
    throw new WaybillError('invalid_field', 'A credential needs at least one scope: read or write.', {
      field: 'scopes',
    });
  }
  return unique;
}

function isEnabled(row: { readonly disabledAt: Date | null; readonly tenantDisabledAt: Date | null }): boolean {
  return row.disabledAt === null && row.tenantDisabledAt === null;
}

/** Leaves out the hash and the index entry. */
function credentialOf({
  id,
  tenant,
  clientId,
  scopes,
  email,
  createdAt,
  rotatedAt,
  disabledAt,
  ...limits
}: Selectable<CredentialsTable>): Credential {
  const { doors, datasets, expiresAt, lastUsedAt, lastUsedFrom } = limits;
  const known = { id, tenant, clientId, scopes, email, createdAt, rotatedAt, disabledAt };
  return { ...known, doors, datasets, expiresAt, lastUsedAt, lastUsedFrom };
}
