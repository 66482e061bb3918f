import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect } from 'vitest';
import type { FailureCode } from '../contracts/failures.ts';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type Order } from '../contracts/order.ts';
import type { Ledger, OrderedRun } from '../stores/ledger/ports.ts';
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
    /** What PostgreSQL would do, tables that are too small for an index notwithstanding. */
    async explain(statement: string): Promise<string> {
      await raw.query('set enable_seqscan = off');
      const { rows } = await raw.query<{ 'QUERY PLAN': string }>(`explain ${statement}`);
      await raw.query('reset enable_seqscan');
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    },
    async stop() {
      await raw.end();
      await ledger.close();
      await server.stop();
    },
  };
}
export type StartedLedger = Awaited<ReturnType<typeof startLedger>>;

export const TOTALS = {
  snapshotAt: '2026-11-21T07:00:00.123456Z' as Instant,
  files: 1,
  parts: 3,
  rows: 3_000_000_000,
  bytes: 9_007_199_254_740_000,
  contentBytes: 12,
  manifestSha256: 'ab'.repeat(32),
} as const;
export const EXPIRES_AT = new Date('2036-12-21T07:00:00.000Z');
export const COMMIT = { ...TOTALS, retention: { expiresAt: EXPIRES_AT } } as const;
export const FAILED = {
  state: 'failed',
  failure: { code: 'source_changed', message: 'The source changed.' },
} as const;
export const CANCELLED = {
  state: 'cancelled',
  failure: { code: 'cancelled', message: 'Cancelled on request.' },
} as const;

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

/** A run of a tenant that nobody else has, unless one is named. */
export function newRun(more: Partial<OrderedRun> & { readonly tenant?: string } = {}): OrderedRun {
  const { tenant = `t-${randomUUID()}`, ...rest } = more;
  const runId = rest.runId ?? randomUUID();
  return { runId, workflowId: `w-${runId}`, order: orderOf(tenant), requestedAt: new Date(), ...rest };
}

export async function addTenant(ledger: Ledger) {
  const key = `t-${randomUUID()}`;
  await ledger.tenants.add({ key, title: 'A tenant' });
  return key;
}

export async function addCredential(ledger: Ledger, tenant: string) {
  const clientId = `c-${randomUUID()}`;
  const secret = generateSecret();
  await ledger.credentials.add({ tenant, clientId, scopes: ['read', 'write'], secret });
  return { clientId, secret };
}

/** Matches a WaybillError of that code, about that field. */
export const failsWith = (code: FailureCode, field?: string) =>
  expect.objectContaining({ name: 'WaybillError', code, ...(field === undefined ? {} : { field }) });
