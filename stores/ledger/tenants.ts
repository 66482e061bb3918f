import { type Kysely, sql, type UpdateObject } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { TENANT_KEY } from '../../contracts/keys.ts';
import { appendAudit } from './audit.ts';
import { type Database, isTaken, storable } from './database.ts';
import type { Tenants } from './ports.ts';
import type { AuditAction, AuditEntry, Tables } from './tables.ts';

const CONTACTS_MAX = 20;
/** A count of characters. Source: RFC 5321, 4.5.3.1.3, without the angle brackets. */
const ADDRESS_LENGTH_MAX = 254;
/**
 * One @ with something on each side, and nothing that a mail header could take for the end of an address. Whether
 * letters arrive there is for the mail server to say.
 */
const ADDRESS = /^[^\s\p{C}@,;:<>()[\]"\\]+@[^\s\p{C}@,;:<>()[\]"\\]+$/u;

export function tenants(database: Database): Tenants {
  async function change(
    key: string,
    to: UpdateObject<Tables, 'tenants'>,
    action: AuditAction,
    detail: AuditEntry['detail'] = {},
  ) {
    await database.transaction(async (db) => {
      const changed = await db
        .updateTable('tenants')
        .set(to)
        .where('key', '=', storable(key))
        .returning('key')
        .executeTakeFirst();
      if (!changed) throw noTenant(key);
      await auditTenant(db, key, action, detail);
    });
  }

  return {
    async add({ key, title }) {
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

    async find(key) {
      if (!TENANT_KEY.test(key)) return undefined;
      return database.query((db) => db.selectFrom('tenants').selectAll().where('key', '=', key).executeTakeFirst());
    },

    list: () => database.query((db) => db.selectFrom('tenants').selectAll().orderBy('key').execute()),

    disable: (key) => change(key, { disabledAt: sql<Date>`coalesce(disabled_at, now())` }, 'tenant.disabled'),

    enable: (key) => change(key, { disabledAt: null }, 'tenant.enabled'),

    async setLimits(key, { exportsMax, requestsMax }) {
      for (const [field, limit] of Object.entries({ exportsMax, requestsMax })) {
        if (limit !== null && !(Number.isInteger(limit) && limit > 0 && limit < 2 ** 31)) {
          throw new WaybillError('invalid_field', 'A limit is a whole number from 1 up.', { field });
        }
      }
      await change(key, { exportsMax, requestsMax }, 'tenant.limited', { exportsMax, requestsMax });
    },

    async setContacts(key, contacts) {
      const unique = checkedContacts(contacts);
      await change(key, { contacts: unique }, 'tenant.contacts', { contacts: unique.length });
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
  await appendAudit(db, { tenant, actor: 'operator', action, runId: null, detail });
}

export function noTenant(key: string): WaybillError {
  return new WaybillError('not_found', `There is no tenant "${storable(key)}". List the tenants to see their keys.`);
}
