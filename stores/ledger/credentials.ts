import { type Selectable, sql, type UpdateObject } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { DOORS, type Limits, UNLIMITED } from '../../contracts/limits.ts';
import { appendAudit } from './audit.ts';
import { type Database, NOW, storable } from './database.ts';
import { isTaken } from './errors.ts';
import type { Credentials } from './ports.ts';
import { createProvenSecrets } from './proven-secrets.ts';
import { createSecretHash } from './secret-hash.ts';
import type { AuditAction, AuditEntry, Credential, CredentialsTable, Scope, Tables } from './tables.ts';
import { isAddress, noTenant } from './tenants.ts';
import { isUsable } from './usable.ts';

const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,126}$/;
const SECRET_LENGTH_MIN = 16;

/** How many verified secrets are remembered, about 400 bytes each. */
const PROVEN_MAX = 10_000;
/** How long one is remembered after its last use, in milliseconds. */
const PROVEN_MS = 5 * 60_000;
/** How exact the time of the last use is. Milliseconds. */
const USE_MS = 60_000;

/** What the trail says of a change. */
interface Change {
  readonly action: AuditAction;
  /** @default the operator */
  readonly actor?: string | undefined;
  readonly detail?: AuditEntry['detail'];
}

/**
 * Every check reads the row, even for a secret that was verified before, so rotating or disabling a credential takes effect
 * in every process as soon as it is committed.
 */
export function credentials(database: Database): Credentials {
  const secretHash = createSecretHash();
  const proven = createProvenSecrets(PROVEN_MAX, PROVEN_MS, () => performance.now());
  /** When each credential's last use was written, in milliseconds of this process; oldest first. */
  const uses = new Map<string, number>();
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

  async function change(
    clientId: string,
    to: UpdateObject<Tables, 'credentials'>,
    { action, actor = 'operator', detail = {} }: Change,
  ) {
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
      await appendAudit(db, { tenant: changed.tenant, actor, action, detail: { clientId, ...detail } });
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
    if (found === undefined || !isEnabled(found, new Date())) return undefined;
    proven.remember(clientId, secret, { credentialId: found.id, secretHash: found.secretHash });
    return credentialOf(found);
  }

  return {
    async add({ tenant, clientId, scopes, secret, limits = UNLIMITED, expiresAt = null, actor = 'operator' }) {
      if (!CLIENT_ID.test(clientId)) {
        throw new WaybillError(
          'invalid_field',
          'A client id must have 1 to 127 letters, digits, dots, hyphens, underscores or @, and begin with a letter or digit.',
          { field: 'clientId' },
        );
      }
      const values = {
        ...{ tenant, clientId, scopes: checkedScopes(scopes), expiresAt },
        ...checkedLimits(limits),
        ...(await sealed(secret)),
      };
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
        const detail = { clientId, scopes: row.scopes.join(' '), ...limitsText(limits) };
        await appendAudit(db, { tenant, actor, action: 'credential.added', detail });
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

    async rotate(clientId, secret, actor) {
      const to = { ...(await sealed(secret)), rotatedAt: NOW };
      await change(clientId, to, { action: 'credential.rotated', actor });
    },

    disable: (clientId, actor) =>
      change(
        clientId,
        { disabledAt: sql<Date>`coalesce(disabled_at, now())` },
        { action: 'credential.disabled', actor },
      ),

    async limit(clientId, limits, actor) {
      const detail = limitsText(limits);
      await change(clientId, checkedLimits(limits), { action: 'credential.limited', actor, detail });
    },

    async recordUse(id, address) {
      const now = performance.now();
      if (now - (uses.get(id) ?? Number.NEGATIVE_INFINITY) < USE_MS) return;
      uses.delete(id);
      uses.set(id, now);
      const oldest = uses.keys().next().value;
      if (uses.size > PROVEN_MAX && oldest !== undefined) uses.delete(oldest);
      await database.query((db) =>
        db
          .updateTable('credentials')
          .set({ lastUsedAt: NOW, lastUsedFrom: storable(address) })
          .where('id', '=', id)
          // Another process may have written it just now.
          .where(sql<boolean>`last_used_at is null or last_used_at < now() - interval '1 minute'`)
          .execute(),
      );
    },

    async setEmail(clientId, email) {
      if (email !== null && !isAddress(email)) {
        throw new WaybillError('invalid_field', 'This is not an e-mail address. Use the form name@example.com.', {
          field: 'email',
        });
      }
      await change(clientId, { email }, { action: 'credential.email' });
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
      return row && row.secretHash === proof.secretHash && isEnabled(row, new Date()) ? credentialOf(row) : undefined;
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

function isEnabled(
  row: Pick<Credential, 'disabledAt' | 'expiresAt'> & { readonly tenantDisabledAt: Date | null },
  now: Date,
): boolean {
  return isUsable(row, now) && row.tenantDisabledAt === null;
}

/** @throws WaybillError `invalid_field` (field `doors`, `datasets`) */
function checkedLimits({ doors, datasets }: Limits): { doors: string[] | null; datasets: string[] | null } {
  const unknown = doors?.find((door) => !DOORS.some((known) => known === door));
  if (unknown !== undefined) {
    throw new WaybillError('invalid_field', `There is no kind of export "${unknown}". Choose of ${DOORS.join(', ')}.`, {
      field: 'doors',
    });
  }
  for (const [field, values] of [
    ['doors', doors],
    ['datasets', datasets],
  ] as const) {
    if (values?.length === 0) {
      throw new WaybillError('invalid_field', `Name at least one of the ${field}, or do not limit them.`, { field });
    }
  }
  return { doors: doors && [...new Set(doors)], datasets: datasets && [...new Set(datasets)].map(storable) };
}

function limitsText({ doors, datasets }: Limits): AuditEntry['detail'] {
  return { doors: doors?.join(' ') ?? 'all', datasets: datasets?.join(' ') ?? 'all' };
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
