import { sql, type UpdateObject } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { TENANT_KEY } from '../../contracts/keys.ts';
import { appendAudit } from './audit.ts';
import { type Database, storable } from './database.ts';
import { isTaken } from './errors.ts';
import type { Tenants } from './ports.ts';
import type { AuditAction, AuditEntry, Tables } from './tables.ts';

const CONTACTS_MAX = 20;
const KEEP_DAYS_MAX = 3650;
/** A count of characters. Source: RFC 5321, 4.5.3.1.3, without the angle brackets. */
const ADDRESS_LENGTH_MAX = 254;
/**
 * One @ with something on each side, and no character that ends an address in a mail header. Whether it can receive
 * mail is up to the mail server.
 */
const ADDRESS = /^[^\s\p{C}@,;:<>()[\]"\\]+@[^\s\p{C}@,;:<>()[\]"\\]+$/u;

export function tenants(database: Database): Tenants {
  async function change(
    key: string,
    to: UpdateObject<Tables, 'tenants'>,
    action: AuditAction,
    detail?: AuditEntry['detail'],
  ) {
    await database.transaction(async (db) => {
      const changed = await db
        .updateTable('tenants')
        .set(to)
        .where('key', '=', storable(key))
        .returning('key')
        .executeTakeFirst();
      if (!changed) throw noTenant(key);
      await appendAudit(db, { tenant: key, actor: 'operator', action, ...(detail && { detail }) });
    });
  }

  return {
    async add({ key, title, warehouseKey = null }) {
      if (!TENANT_KEY.test(key)) {
        throw new WaybillError(
          'invalid_field',
          'A tenant key must have 1 to 63 lower-case letters, digits or hyphens, and must not begin with a hyphen.',
          { field: 'key' },
        );
      }
      await database.transaction(async (db) => {
        try {
          await db
            .insertInto('tenants')
            .values({ key, title: storable(title), warehouseKey: checkedWarehouseKey(warehouseKey) })
            .execute();
        } catch (error) {
          throw isTaken(error) ? taken(key, warehouseKey) : error;
        }
        await appendAudit(db, { tenant: key, actor: 'operator', action: 'tenant.added' });
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
          throw new WaybillError('invalid_field', 'A limit must be a whole number of at least 1.', { field });
        }
      }
      await change(key, { exportsMax, requestsMax }, 'tenant.limited', { exportsMax, requestsMax });
    },

    async setWarehouseKey(key, warehouseKey) {
      try {
        await change(key, { warehouseKey: checkedWarehouseKey(warehouseKey) }, 'tenant.warehouse_key', {
          warehouseKey,
        });
      } catch (error) {
        throw error instanceof WaybillError && isTaken(error.cause) ? taken(key, warehouseKey) : error;
      }
    },

    async setRequestKeepDays(key, days) {
      if (days !== null && !(Number.isInteger(days) && days >= 1 && days <= KEEP_DAYS_MAX)) {
        throw new WaybillError('invalid_field', `The number of days must be 1 to ${KEEP_DAYS_MAX}.`, { field: 'days' });
      }
      await change(key, { requestKeepDays: days }, 'tenant.request_keep_days', { days });
    },

    async setContacts(key, contacts) {
      const unique = checkedContacts(contacts);
      await change(key, { contacts: unique }, 'tenant.contacts', { contacts: unique.length });
    },
  };
}

/** Two tenants with one value would share their rows. */
function taken(key: string, warehouseKey: string | null): WaybillError {
  const values = warehouseKey === null ? `"${key}"` : `"${key}" or its warehouse key "${storable(warehouseKey)}"`;
  return new WaybillError('invalid_field', `${values} already belongs to a tenant. Choose another.`, {
    field: warehouseKey === null ? 'key' : 'warehouseKey',
  });
}

/** A count of bytes: an entry of an index has few. */
const WAREHOUSE_KEY_MAX = 1000;

/** Any text that the tenant column may hold. */
function checkedWarehouseKey(value: string | null): string | null {
  if (value === null || (value !== '' && Buffer.byteLength(value) <= WAREHOUSE_KEY_MAX && storable(value) === value))
    return value;
  throw new WaybillError(
    'invalid_field',
    `A warehouse key must have 1 to ${WAREHOUSE_KEY_MAX} bytes, and no character that PostgreSQL cannot store.`,
    { field: 'warehouseKey' },
  );
}

/** Whether mail can be addressed to it. */
export function isAddress(text: string): boolean {
  return text.length <= ADDRESS_LENGTH_MAX && ADDRESS.test(text);
}

/** Messages name the position of an invalid address, not the address, because messages are logged. */
function checkedContacts(contacts: readonly string[]): string[] {
  const bad = contacts.findIndex((contact) => !isAddress(contact));
  if (bad >= 0) {
    throw new WaybillError(
      'invalid_field',
      `Contact ${bad + 1} is not an e-mail address. Use the form name@example.com, at most ${ADDRESS_LENGTH_MAX} characters.`,
      { field: 'contacts' },
    );
  }
  const unique = [...new Set(contacts)];
  if (unique.length > CONTACTS_MAX) {
    throw new WaybillError('invalid_field', `A tenant can have at most ${CONTACTS_MAX} contacts.`, {
      field: 'contacts',
    });
  }
  return unique;
}

export function noTenant(key: string): WaybillError {
  return new WaybillError('not_found', `There is no tenant "${storable(key)}". List the tenants to see their keys.`);
}
