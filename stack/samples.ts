import { fileURLToPath } from 'node:url';
import { buildSampleWarehouse } from '../catalogs/build.ts';
import type { Ledger, Scope } from '../stores/ledger/ledger.ts';

/** A credential of the local stack. The secret is no secret: it is printed at every start. */
export interface DemoCredential {
  readonly tenant: string;
  readonly clientId: string;
  readonly secret: string;
  readonly scopes: readonly Scope[];
}

/** Their letters go to the local mail catcher. */
const DEMO_TENANTS = [
  { key: 'dreambuilder', title: 'Dreambuilder', contacts: ['data@dreambuilder.example'] },
  { key: 'acme', title: 'Acme', contacts: ['data@acme.example'] },
] as const;

/** For each tenant one credential that may do everything and one that may only read. */
export const DEMO_CREDENTIALS: readonly DemoCredential[] = DEMO_TENANTS.flatMap(({ key }) => [
  { tenant: key, clientId: key, secret: `${key}-demo-secret`, scopes: ['read', 'write'] },
  { tenant: key, clientId: `${key}-readonly`, secret: `${key}-readonly-demo-secret`, scopes: ['read'] },
]);

/** Adds the demo tenants and their credentials where they are missing; what was changed by hand stays. */
export async function seedDemoTenants(ledger: Ledger): Promise<void> {
  for (const { key, title, contacts } of DEMO_TENANTS) {
    if (await ledger.findTenant(key)) continue;
    await ledger.addTenant({ key, title });
    await ledger.setTenantContacts(key, contacts);
  }
  for (const credential of DEMO_CREDENTIALS) {
    if (!(await ledger.findCredential(credential.clientId))) await ledger.addCredential(credential);
  }
}

const CATALOG = fileURLToPath(new URL('../catalogs/sample', import.meta.url));

/**
 * Builds the sample warehouse, unless the directory holds the one that would be built.
 *
 * @param directory absolute; belongs to the warehouse alone
 * @param scale as a multiple of the default size
 * @returns the settings that attach it
 */
export async function prepareWarehouse(options: {
  readonly directory: string;
  readonly scale: number;
  readonly report: (line: string) => void;
}) {
  const { directory, scale, report } = options;
  const { startupSql, directories } = await buildSampleWarehouse({ directory, scale, report });
  return {
    WAYBILL_CATALOG: CATALOG,
    WAYBILL_WAREHOUSE_SQL: startupSql,
    WAYBILL_WAREHOUSE_DIRECTORIES: directories.join(','),
  };
}
