import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, expect } from 'vitest';
import type { FailureCode } from '../contracts/failures.ts';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type Order } from '../contracts/order.ts';
import type { Ledger, OrderedRun, PutResult, StandingOrders } from '../stores/ledger/ports.ts';
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

/** The same for one test file, which ends it. */
export async function useLedger(): Promise<StartedLedger> {
  const started = await startLedger();
  afterAll(started.stop);
  return started;
}

/** Ends every other connection to the database of `client`. @returns how many there were */
export async function endOtherConnections(client: pg.Client): Promise<number> {
  const { rowCount } = await client.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  return rowCount ?? 0;
}

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

export const KIND = 'periodic';
export const GRACE_SECONDS = 900;

export const refOf = (tenant: string) => ({ tenant, kind: KIND }) as const;

type Put = Parameters<StandingOrders['put']>[0];

export function enabling(tenant: string, more: Partial<Put> = {}): Put {
  return {
    ...refOf(tenant),
    recipient: `age1${randomUUID()}`,
    ownRecipient: false,
    recurrence: undefined,
    actor: 'a-client',
    ...more,
  };
}

export const rotation = (tenant: string) =>
  ({ ...refOf(tenant), recipient: 'age1new', ownRecipient: true, actor: 'a-client' }) as const;

export function runOf(tenant: string, runId = randomUUID() as string) {
  const startedAt = new Date('2026-11-21T01:30:00.123Z');
  return { ...refOf(tenant), runId, workflowId: `w-${runId}`, subject: KIND, startedAt };
}

/** Steps of standing orders and their runs on one ledger. */
export function standingSteps(ledger: Ledger) {
  const enable = (tenant: string, more: Partial<Put> = {}): Promise<PutResult> =>
    ledger.standingOrders.put(enabling(tenant, more));
  const commit = (runId: string) =>
    ledger.runs.commit(runId, { ...TOTALS, retention: { replaceAfterSeconds: GRACE_SECONDS } });

  /** @returns the run id. @throws Error unless the run has begun */
  async function begin(tenant: string): Promise<string> {
    const run = runOf(tenant);
    const { outcome } = await ledger.runs.begin(run);
    if (outcome !== 'begun') throw new Error(`the run did not begin: ${outcome}`);
    return run.runId;
  }

  return {
    enable,
    begin,
    commit,
    find: (tenant: string) => ledger.standingOrders.find(tenant, KIND),
    fail: (runId: string) => ledger.runs.end(runId, FAILED),
    cancel: (runId: string) => ledger.runs.end(runId, CANCELLED),
    async listRuns(tenant: string, limit = 1000) {
      return (await ledger.runs.list(tenant, { kind: KIND }, { cursor: null, limit })).rows;
    },
    /** @returns the key of a new tenant whose standing order is enabled */
    async addEnabled(): Promise<string> {
      const tenant = await addTenant(ledger);
      await enable(tenant);
      return tenant;
    },
    /** @returns id of a new run that is current */
    async addCommitted(tenant: string): Promise<string> {
      const runId = await begin(tenant);
      await commit(runId);
      return runId;
    },
  };
}
