import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PERIODIC } from '../contracts/periodic.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import type { Recurrence } from '../stores/ledger/tables.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import type { Temporal } from '../stores/temporal/temporal.ts';
import { generateKey } from '../streams/age/keys.ts';
import type { Bench } from './benchmark.ts';
import type { Deployment } from './deployment.ts';
import { CATALOG, TENANT } from './readings.ts';

/** Periodic files of each tenant. */
export const SMALL_FILES = 4;

/** Tenants that are added at once. */
const ADDED_AT_ONCE = 8;
/** A line of progress after so many tenants. */
const REPORTED = 1000;

/** @returns the key of a tenant with a small bundle, by its number from 0 */
export function smallTenant(number: number): string {
  return `${TENANT}-${number}`;
}

/** READINGS for orders, and small periodic files in which each tenant has its share of the rows. @returns its path */
export async function writeSmallCatalog(directory: string): Promise<string> {
  const readings = await readFile(CATALOG, 'utf8');
  const files = Array.from(
    { length: SMALL_FILES },
    (_, place) => `
  - name: small${place}
    title: Small
    doors: [periodic]
    sql: SELECT tenant, id FROM small
    tenant_column: tenant
    key: [id]
    columns: [id: integer]`,
  );
  const path = join(directory, 'small.yaml');
  await writeFile(path, `${readings.trimEnd()}${files.join('')}\n`);
  return path;
}

/** The rows of the small files, stored by tenant as a warehouse's tables usually are; also of {@link TENANT}. */
export function smallSql({ tenants, rows }: { readonly tenants: number; readonly rows: number }): string {
  return `CREATE TABLE small AS SELECT '${TENANT}-' || (i // ${rows}) AS tenant, i AS id FROM range(${tenants * rows}) AS r(i)
    UNION ALL SELECT '${TENANT}', i FROM range(${rows}) AS own(i)`;
}

/**
 * Adds the tenants from this number to that, without the last, with periodic exports that are enabled and a schedule each, as the
 * API makes them. None is started.
 *
 * @returns the ids of their schedules
 */
export async function addSmallTenants(
  { report, signal }: Bench,
  { settings }: Deployment,
  temporal: Temporal,
  { from, to, recurrence }: { readonly from: number; readonly to: number; readonly recurrence: Recurrence },
): Promise<readonly string[]> {
  const ledger = createLedger({ url: settings.WAYBILL_LEDGER_URL, connectionsMax: ADDED_AT_ONCE });
  const runTime = { at: '00:00', timeZone: 'UTC' };
  const syncSchedule = createSyncSchedule(ledger, temporal, () => ({ runTime, jitterMinutes: 0 }));
  const { recipient } = await generateKey({ postQuantum: false });
  const change = { kind: PERIODIC.kind, recipient, ownRecipient: true, recurrence, actor: 'bench' };
  let next = from;
  async function addSome(): Promise<void> {
    while (next < to) {
      signal.throwIfAborted();
      const number = next;
      next += 1;
      const tenant = smallTenant(number);
      await ledger.tenants.add({ key: tenant, title: tenant });
      await ledger.standingOrders.put({ ...change, tenant });
      await syncSchedule(PERIODIC, tenant);
      if ((number + 1) % REPORTED === 0) report(`${number + 1} tenants are enabled`);
    }
  }
  try {
    await Promise.all(Array.from({ length: ADDED_AT_ONCE }, addSome));
  } finally {
    await ledger.close();
  }
  return Array.from({ length: to - from }, (_, place) => PERIODIC.scheduleId(smallTenant(from + place)));
}

/** @returns the time of day, in UTC, so many minutes from now */
export function minutesFromNow(minutes: number): string {
  return new Date(Date.now() + minutes * 60_000).toISOString().slice(11, 16);
}
