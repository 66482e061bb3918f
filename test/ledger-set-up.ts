import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect } from 'vitest';
import type { FailureCode } from '../contracts/failures.ts';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type Order } from '../contracts/order.ts';
import type { Ledger, Outcome } from '../stores/ledger/ledger.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { generateSecret } from '../stores/ledger/secret-hash.ts';
import { startPostgres } from './postgres-server.ts';

/** A migrated ledger on a server of its own, and a connection that goes past it. */
export async function startLedger() {
  const server = await startPostgres();
  const url = await server.createDatabase();
  const ledger = createLedger({ url, connectionsMax: 5 });
  await ledger.migrate();
  const raw = new pg.Client({ connectionString: url });
  await raw.connect();
  return {
    server,
    url,
    ledger,
    raw,
    async stop() {
      await raw.end();
      await ledger.close();
      await server.stop();
    },
  };
}
export type StartedLedger = Awaited<ReturnType<typeof startLedger>>;

export const COMPLETED = {
  state: 'completed',
  snapshotAt: '2026-11-21T07:00:00.123456Z' as Instant,
  rows: 3_000_000_000,
  bytes: 9_007_199_254_740_000,
  contentBytes: 12,
  parts: 3,
  expiresAt: new Date('2026-12-21T07:00:00.000Z'),
} as const satisfies Outcome;
export const FAILED: Outcome = { state: 'failed', failure: { code: 'source_changed', message: 'The source changed.' } };
export const CANCELLED: Outcome = {
  state: 'cancelled',
  failure: { code: 'cancelled', message: 'Cancelled on request.' },
};

export function orderOf(tenant: string, more: Partial<Order> = {}): Order {
  return {
    tenant,
    dataset: 'FLIGHTS',
    window: {
      from: '2001-01-01T00:00:00.000001Z' as Instant,
      to: instantFromDate(new Date(0)),
      bounds: 'inclusive',
    },
    parameters: { learningActivityId: 12345, flag: true, name: "O'Brien" },
    format: 'csv',
    csv: { ...CSV_DEFAULTS, delimiter: '\t', nullText: '\\N' },
    columns: ['b', 'a'],
    compression: 'zstd',
    recipients: ['age1example'],
    keepDays: 7,
    ...more,
  };
}

export async function recordExport(ledger: Ledger, tenant: string, requestedAt: Date, more: Partial<Order> = {}) {
  const exportId = randomUUID();
  await ledger.recordOrder({ exportId, workflowId: `w-${exportId}`, order: orderOf(tenant, more), requestedAt });
  return exportId;
}

export async function addTenant(ledger: Ledger) {
  const key = `t-${randomUUID()}`;
  await ledger.addTenant({ key, title: 'A tenant' });
  return key;
}

export async function addCredential(ledger: Ledger, tenant: string) {
  const clientId = `c-${randomUUID()}`;
  const secret = generateSecret();
  await ledger.addCredential({ tenant, clientId, scopes: ['read', 'write'], secret });
  return { clientId, secret };
}

/** Matches a WaybillError of that code, about that field. */
export const failsWith = (code: FailureCode, field?: string) =>
  expect.objectContaining({ name: 'WaybillError', code, ...(field === undefined ? {} : { field }) });
