import { fileURLToPath } from 'node:url';
import { sampleAttachments } from '../catalogs/attachments.ts';
import { buildSampleWarehouse } from '../catalogs/build.ts';
import type { Ledger, Scope } from '../stores/ledger/ports.ts';
import { createObjects, objectsOptions } from '../stores/objects/minio.ts';
import type { ConnectionSettings } from './servers.ts';

/** A credential of the local stack. Its secret is printed at every start. */
export interface DemoCredential {
  readonly tenant: string;
  readonly clientId: string;
  readonly secret: string;
  readonly scopes: readonly Scope[];
}

/** Their mail goes to the local mail catcher. */
const DEMO_TENANTS = [
  { key: 'dreambuilder', title: 'Dreambuilder', contacts: ['data@dreambuilder.example'] },
  { key: 'acme', title: 'Acme', contacts: ['data@acme.example'] },
] as const;

/** Two credentials for each tenant: full access and read-only. */
export const DEMO_CREDENTIALS: readonly DemoCredential[] = DEMO_TENANTS.flatMap(({ key }) => [
  { tenant: key, clientId: key, secret: `${key}-demo-secret`, scopes: ['read', 'write'] },
  { tenant: key, clientId: `${key}-readonly`, secret: `${key}-readonly-demo-secret`, scopes: ['read'] },
]);

/** Adds missing demo tenants and credentials; existing ones are not changed. */
export async function seedDemoTenants(ledger: Ledger): Promise<void> {
  for (const { key, title, contacts } of DEMO_TENANTS) {
    if (await ledger.tenants.find(key)) continue;
    await ledger.tenants.add({ key, title });
    await ledger.tenants.setContacts(key, contacts);
  }
  for (const credential of DEMO_CREDENTIALS) {
    if (!(await ledger.credentials.find(credential.clientId))) await ledger.credentials.add(credential);
  }
}

const CATALOG = fileURLToPath(new URL('../catalogs/sample', import.meta.url));

/**
 * Builds the sample warehouse unless it is up to date.
 *
 * @param directory absolute; used for nothing else
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
    WAYBILL_ATTACHMENTS_BUCKET: ATTACHMENTS_BUCKET,
  };
}

/** Bucket of the sample survey's pictures and recordings, in the local object store; `object_key` is the key in it. */
export const ATTACHMENTS_BUCKET = 'waybill-attachments';

/** Creates the bucket, and the objects that are missing in it. */
export async function prepareAttachments(settings: ConnectionSettings): Promise<void> {
  const objects = createObjects({ ...objectsOptions(settings), bucket: ATTACHMENTS_BUCKET });
  await objects.prepare();
  const present = new Set<string>();
  for await (const { key } of objects.list('')) present.add(key);
  const missing = sampleAttachments().filter(({ key }) => !present.has(key));
  await Promise.all(missing.map(({ key, bytes, contentType }) => objects.put(key, bytes, contentType)));
}
