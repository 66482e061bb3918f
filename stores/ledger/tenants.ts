import type { Kysely, Selectable } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { TENANT_KEY } from '../../contracts/keys.ts';
import { appendAudit } from './audit.ts';
import type { Database } from './database.ts';
import type { AuditAction, AuditEntry, Ledger, Tenant } from './ledger.ts';
import type { Tables, TenantsTable } from './schema.ts';
import { isTaken, storable } from './trouble.ts';

const CONTACTS_MAX = 20;
/** A count of characters. Source: RFC 5321, 4.5.3.1.3, without the angle brackets. */
const ADDRESS_LENGTH_MAX = 254;
/**
 * One @ with something on each side, and nothing that a mail header could take for the end of an address. Whether
 * letters arrive there is for the mail server to say.
 */
const ADDRESS = /^[^\s\p{C}@,;:<>()[\]"\\]+@[^\s\p{C}@,;:<>()[\]"\\]+$/u;

type Tenants = Pick<
  Ledger,
  | 'addTenant'
  | 'findTenant'
  | 'listTenants'
  | 'disableTenant'
  | 'enableTenant'
  | 'setTenantLimits'
  | 'setTenantContacts'
>;

export function tenants(database: Database): Tenants {
  return {
    async addTenant({ key, title }) {
      if (!TENANT_KEY.test(key)) {
        throw new WaybillError(
          'invalid_field',
          'A tenant key has 1 to 63 lower-case letters, digits and hyphens, and does not begin with a hyphen.',
          { field: 'key' },
        );
      }
      await database.transaction(async (db) => {
        try {
          await db
            .insertInto('tenants')
            .values({ key, title: storable(title) })
            .execute();
        } catch (error) {
          if (!isTaken(error)) throw error;
          throw new WaybillError('invalid_field', `There is a tenant "${key}" already. Choose another key.`, {
            field: 'key',
          });
        }
        await auditTenant(db, key, 'tenant.added');
      });
    },

    async findTenant(key) {
      if (!TENANT_KEY.test(key)) return undefined;
      const row = await database.query((db) =>
        db.selectFrom('tenants').selectAll().where('key', '=', key).executeTakeFirst(),
      );
      return row && tenantOf(row);
    },

    async listTenants() {
      const rows = await database.query((db) => db.selectFrom('tenants').selectAll().orderBy('key').execute());
      return rows.map(tenantOf);
    },

    async disableTenant(key) {
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('tenants')
          .set((eb) => ({ disabled_at: eb.fn.coalesce('disabled_at', eb.fn<Date>('now')) }))
          .where('key', '=', storable(key))
          .returning('key')
          .executeTakeFirst();
        if (!row) throw noTenant(key);
        await auditTenant(db, key, 'tenant.disabled');
      });
    },

    async enableTenant(key) {
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('tenants')
          .set({ disabled_at: null })
          .where('key', '=', storable(key))
          .returning('key')
          .executeTakeFirst();
        if (!row) throw noTenant(key);
        await auditTenant(db, key, 'tenant.enabled');
      });
    },

    async setTenantLimits(key, { exportsMax, requestsMax }) {
      for (const [field, limit] of Object.entries({ exportsMax, requestsMax })) {
        if (limit !== null && !(Number.isInteger(limit) && limit > 0 && limit < 2 ** 31)) {
          throw new WaybillError('invalid_field', 'A limit is a whole number from 1 up.', { field });
        }
      }
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('tenants')
          .set({ exports_max: exportsMax, requests_max: requestsMax })
          .where('key', '=', storable(key))
          .returning('key')
          .executeTakeFirst();
        if (!row) throw noTenant(key);
        await auditTenant(db, key, 'tenant.limited', { exportsMax, requestsMax });
      });
    },

    async setTenantContacts(key, contacts) {
      const unique = checkedContacts(contacts);
      await database.transaction(async (db) => {
        const row = await db
          .updateTable('tenants')
          .set({ contacts: unique })
          .where('key', '=', storable(key))
          .returning('key')
          .executeTakeFirst();
        if (!row) throw noTenant(key);
        await auditTenant(db, key, 'tenant.contacts', { contacts: unique.length });
      });
    },
  };
}

/** Names the place of a bad address and not the address, because messages end in logs. */
function checkedContacts(contacts: readonly string[]): string[] {
  const bad = contacts.findIndex((contact) => contact.length > ADDRESS_LENGTH_MAX || !ADDRESS.test(contact));
  if (bad >= 0) {
    throw new WaybillError(
      'invalid_field',
      `Contact ${bad + 1} is not an e-mail address. Write it like name@example.com, ${ADDRESS_LENGTH_MAX} characters at most.`,
      { field: 'contacts' },
    );
  }
  const unique = [...new Set(contacts)];
  if (unique.length > CONTACTS_MAX) {
    throw new WaybillError('invalid_field', `A tenant has at most ${CONTACTS_MAX} contacts.`, { field: 'contacts' });
  }
  return unique;
}

async function auditTenant(
  db: Kysely<Tables>,
  tenant: string,
  action: AuditAction,
  detail: AuditEntry['detail'] = {},
): Promise<void> {
  await appendAudit(db, { tenant, actor: 'operator', action, exportId: null, detail });
}

export function noTenant(key: string): WaybillError {
  return new WaybillError('not_found', `There is no tenant "${storable(key)}". List the tenants to see their keys.`);
}

function tenantOf(row: Selectable<TenantsTable>): Tenant {
  return {
    key: row.key,
    title: row.title,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    exportsMax: row.exports_max,
    requestsMax: row.requests_max,
    contacts: row.contacts,
  };
}
