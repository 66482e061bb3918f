import type { Selectable } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { appendAudit } from './audit.ts';
import type { Database } from './database.ts';
import type { Credential, Ledger, Scope } from './ledger.ts';
import type { CredentialsTable } from './schema.ts';
import type { SecretHash } from './secret-hash.ts';
import { noTenant } from './tenants.ts';
import { isTaken, storable } from './trouble.ts';

const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,126}$/;
const SECRET_LENGTH_MIN = 16;

type Credentials = Pick<
  Ledger,
  'addCredential' | 'listCredentials' | 'rotateCredential' | 'disableCredential' | 'findCredential'
>;

/** @param lookupSalt reads the deployment's salt of the index of bare secrets. */
export function credentials(
  database: Database,
  secretHash: SecretHash,
  lookupSalt: () => Promise<Buffer>,
): Credentials {
  async function sealed(secret: string) {
    if (secret.length < SECRET_LENGTH_MIN) {
      throw new WaybillError('invalid_field', `A secret has at least ${SECRET_LENGTH_MIN} characters.`, {
        field: 'secret',
      });
    }
    const [secret_hash, lookup] = await Promise.all([
      secretHash.hash(secret),
      lookupSalt().then((salt) => secretHash.lookup(secret, salt)),
    ]);
    return { secret_hash, lookup };
  }

  return {
    async addCredential({ tenant, clientId, scopes, secret }) {
      if (!CLIENT_ID.test(clientId)) {
        throw new WaybillError(
          'invalid_field',
          'A client id has 1 to 127 letters, digits, dots, hyphens, underscores and @, and begins with a letter or digit.',
          { field: 'clientId' },
        );
      }
      const values = { tenant, client_id: clientId, scopes: checkedScopes(scopes), ...(await sealed(secret)) };
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
        await appendAudit(db, {
          tenant,
          actor: 'operator',
          action: 'credential.added',
          exportId: null,
          detail: { clientId, scopes: row.scopes.join(' ') },
        });
        return credentialOf(row);
      });
    },

    async listCredentials(tenant) {
      const rows = await database.query((db) =>
        db
          .selectFrom('credentials')
          .selectAll()
          .where('tenant', '=', storable(tenant))
          .orderBy('created_at')
          .orderBy('client_id')
          .execute(),
      );
      return rows.map(credentialOf);
    },

    async rotateCredential(clientId, secret) {
      const values = await sealed(secret);
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('credentials')
          .set((eb) => ({ ...values, rotated_at: eb.fn<Date>('now') }))
          .where('client_id', '=', storable(clientId))
          .returning('tenant')
          .executeTakeFirst();
        if (!row) throw noCredential(clientId);
        await appendAudit(db, {
          tenant: row.tenant,
          actor: 'operator',
          action: 'credential.rotated',
          exportId: null,
          detail: { clientId },
        });
      });
    },

    async disableCredential(clientId) {
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('credentials')
          .set((eb) => ({ disabled_at: eb.fn.coalesce('disabled_at', eb.fn<Date>('now')) }))
          .where('client_id', '=', storable(clientId))
          .returning('tenant')
          .executeTakeFirst();
        if (!row) throw noCredential(clientId);
        await appendAudit(db, {
          tenant: row.tenant,
          actor: 'operator',
          action: 'credential.disabled',
          exportId: null,
          detail: { clientId },
        });
      });
    },

    async findCredential(clientId) {
      const row = await database.query((db) =>
        db.selectFrom('credentials').selectAll().where('client_id', '=', storable(clientId)).executeTakeFirst(),
      );
      return row && credentialOf(row);
    },
  };
}

function checkedScopes(scopes: readonly Scope[]): Scope[] {
  const unique = [...new Set(scopes)];
  if (unique.length === 0) {
    throw new WaybillError('invalid_field', 'A credential has at least one scope: read, write.', { field: 'scopes' });
  }
  return unique;
}

function noCredential(clientId: string): WaybillError {
  return new WaybillError('not_found', `There is no credential with client id "${storable(clientId)}".`);
}

export function credentialOf(row: Selectable<CredentialsTable>): Credential {
  return {
    id: row.id,
    tenant: row.tenant,
    clientId: row.client_id,
    scopes: row.scopes,
    createdAt: row.created_at,
    rotatedAt: row.rotated_at,
    disabledAt: row.disabled_at,
  };
}
