import type { Kysely, Selectable } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import { TENANT_KEY } from '../../contracts/keys.ts';
import { appendAudit } from './audit.ts';
import type { Database } from './database.ts';
import type { AuditAction, AuditEntry, Ledger, Tenant } from './ledger.ts';
import type { Tables, TenantsTable } from './schema.ts';
import { isTaken, storable } from './trouble.ts';

type Tenants = Pick<
  Ledger,
  'addTenant' | 'findTenant' | 'listTenants' | 'disableTenant' | 'enableTenant' | 'setTenantLimits'
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
  };
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
  };
}
