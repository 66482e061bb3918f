import { createHash, randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { createPublish } from '../activities/publish.ts';
import { createApp } from '../api/app.ts';
import type { ApiSettings } from '../api/deps.ts';
import { orderOf } from '../api/on-demand/view.ts';
import { listen } from '../api/server.ts';
import { createCatalog } from '../config/catalog.ts';
import type { Catalog, Dataset } from '../config/dataset.ts';
import type { Instant } from '../contracts/instant.ts';
import { manifestKey, runPrefix } from '../contracts/keys.ts';
import { parseManifest } from '../contracts/manifest.ts';
import { fileExtension, orderedRun } from '../contracts/order.ts';
import type { Published, StepResult } from '../contracts/steps.ts';
import type { Run, Scope } from '../stores/ledger/ports.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import type { LoginLimit } from '../stores/limits/login-limit.ts';
import { createLoginLimit } from '../stores/limits/postgres.ts';
import type { Remotes } from '../stores/remotes/remote.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import type { WebhookSender } from '../stores/webhooks/webhook-sender.ts';
import { createMemoryObjects } from './memory-objects.ts';
import { startPostgres } from './postgres-server.ts';
import { createScriptedTemporal } from './scripted-temporal.ts';

export const BODY = {
  startDate: '2012-09-05T11:12:47.000Z',
  endDate: '2015-05-28T17:39:23.000Z',
  exportType: 'LEARNING_ACTIVITIES',
  format: 'CSV',
} as const;

const SETTINGS: ApiSettings = {
  WAYBILL_PUBLIC_URL: 'http://waybill.test',
  WAYBILL_BODY_BYTES_MAX: 65_536,
  WAYBILL_LINK_SECRET: 'a secret for links, of the tests',
  WAYBILL_LINK_SECONDS: 3600,
  WAYBILL_TOKEN_SECRET: 'a secret for tokens, of the tests',
  WAYBILL_TOKEN_SECONDS: 600,
  WAYBILL_TOKEN_ISSUERS: [],
  WAYBILL_OPENID_PROVIDERS: [],
  WAYBILL_PRIVATE_KEY_IN_QUERY: true,
  WAYBILL_KEEP_DAYS: 30,
  WAYBILL_TENANT_REQUESTS_MAX: 1_000_000,
  WAYBILL_TENANT_DOWNLOADS_MAX: 50,
  WAYBILL_TENANT_EXPORTS_MAX: 500,
  WAYBILL_TRUSTED_PROXIES: [],
  WAYBILL_PERIODIC_AT: '01:30',
  WAYBILL_PERIODIC_TIME_ZONE: 'UTC',
  WAYBILL_RECURRING_AT: '01:30',
  WAYBILL_RECURRING_TIME_ZONE: 'UTC',
  WAYBILL_RECURRING_SETTLING_SECONDS: 0,
  WAYBILL_SFTP_PORT: 2222,
  WAYBILL_REQUESTS_SCHEDULE: 'immediately',
  WAYBILL_REQUESTS_TIME_ZONE: 'UTC',
  WAYBILL_REQUESTS_KEEP_DAYS: 30,
};

export function dataset(name: string, more: Partial<Dataset> = {}): Dataset {
  const column = (column: string) =>
    ({ name: column, header: column, type: 'text', label: null, valueLabels: null }) as const;
  return {
    name,
    title: name,
    sql: 'select 1',
    tenantColumn: 'tenant',
    createdColumn: 'created_at',
    modifiedColumn: null,
    key: ['id'],
    columns: ['id', 'name'].map(column),
    parameters: [],
    formats: ['csv', 'jsonl', 'xlsx', 'parquet'],
    deletedColumn: null,
    doors: ['on-demand'],
    ...more,
  };
}

const CATALOG = createCatalog([
  dataset('LEARNING_ACTIVITIES'),
  dataset('LEARNING_ACTIVITY_INTERACTIONS', {
    formats: ['jsonl'],
    parameters: [{ name: 'learningActivityId', type: 'integer', required: true, title: null }],
  }),
  dataset('NOTES', { parameters: [{ name: 'about', type: 'text', required: false, title: null }] }),
  dataset('HIDDEN', { doors: ['periodic'] }),
  dataset('EVALUATION_USERS', { doors: ['periodic'], offeredAs: 'user' }),
  dataset('year', { doors: ['periodic'] }),
]);

/** Where failed log-ins are counted, and how many a minute are allowed. */
type LimitOptions = Pick<Parameters<typeof createLoginLimit>[0], 'url' | 'failuresMax'>;

/**
 * The API on a real ledger. Temporal and the object store are played, so that a test can put exports into any state and
 * damage objects; test/exports.test.ts has the real ones, and test/suites/objects.ts holds for both object stores.
 */
export async function startApi() {
  const postgres = await startPostgres();
  const url = await postgres.createDatabase();
  const ledger = createLedger({ url, connectionsMax: 5 });
  await ledger.migrate();
  const time = { offsetMs: 0 };
  const clock = { now: () => new Date(Date.now() + time.offsetMs) };
  const logged: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });

  const limits: LoginLimit[] = [];

  /** A new API over the same ledger, with stores of its own. */
  function compose(
    settings: Partial<ApiSettings> = {},
    catalog: Catalog = CATALOG,
    limit: Partial<LimitOptions> = {},
    remotes: Remotes | null = null,
    webhooks: WebhookSender | null = null,
  ) {
    const loginLimit = createLoginLimit({ url, failuresMax: 1_000_000, logger, ...limit });
    limits.push(loginLimit);
    const temporal = createScriptedTemporal();
    const objects = createMemoryObjects();
    const stopping = new AbortController();
    const all = { ...SETTINGS, ...settings };
    const app = createApp({
      settings: all,
      ledger,
      loginLimit,
      catalog,
      objects,
      temporal,
      syncSchedule: createSyncSchedule(ledger, temporal, () => ({
        runTime: { at: all.WAYBILL_PERIODIC_AT, timeZone: all.WAYBILL_PERIODIC_TIME_ZONE },
        jitterMinutes: 0,
      })),
      remotes,
      webhooks,
      operator: null,
      clock,
      logger,
      stopping: stopping.signal,
    });
    return { app, temporal, objects, stopping, settings: all, serve: () => listen(app, '127.0.0.1', 0) };
  }

  async function addTenant(scopes: readonly Scope[] = ['read', 'write']) {
    const key = `t-${randomUUID()}`;
    await ledger.tenants.add({ key, title: 'A tenant' });
    return { key, ...(await addCredential(key, scopes)) };
  }

  async function addCredential(tenant: string, scopes: readonly Scope[]) {
    const clientId = `c-${randomUUID()}`;
    const secret = `s-${randomUUID()}`;
    await ledger.credentials.add({ tenant, clientId, scopes, secret });
    return { clientId, secret, headers: { authorization: basic(clientId, secret) } };
  }

  async function stop() {
    await Promise.all(limits.map((limit) => limit.close()));
    await ledger.close();
    await postgres.stop();
  }

  return { url, ledger, time, clock, logger, logged, compose, addTenant, addCredential, stop };
}
export type StartedApi = Awaited<ReturnType<typeof startApi>>;
export type ComposedApi = ReturnType<StartedApi['compose']>;

export function basic(clientId: string, secret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`, 'utf8').toString('base64')}`;
}

export function post(headers: Readonly<Record<string, string>>, body: unknown) {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

/**
 * Publishes these parts under an export that is under way, as its workflow would.
 *
 * @param more what the manifest says otherwise than the parts do
 */
export async function finishExport(
  { ledger, logger }: StartedApi,
  { objects, temporal }: ComposedApi,
  record: Run,
  contents: readonly Uint8Array[],
  more: { readonly expiresAt?: Instant } = {},
) {
  const { runId, workflowId, kind, tenant } = record;
  const order = orderOf(record);
  const prefix = runPrefix(record);
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const snapshotAt = '2026-11-21T07:00:00.123456Z' as Instant;
  const parts = contents.map((content, index) => {
    const name = `file-${String(index).padStart(5, '0')}-test-1-1.${fileExtension(order)}`;
    objects.stored.set(`${prefix}${name}`, content);
    const bytes = content.byteLength;
    return { name, rows: 1, bytes, sha256: sha256(content), contentBytes: bytes, contentSha256: null };
  });
  const publish = createPublish({ objects, ledger, logger, signer: null, end: async () => ({ recorded: false }) });
  const run = orderedRun(order);
  const planned = parts.map((_, index) => ({ index, slice: { from: null, to: null }, rows: 1, rowsHash: '0' }));
  const written = parts.map((part, index) => ({
    ...{ name: run.files[0]?.name ?? '', format: order.format, index, part },
  }));
  const published: StepResult<Published> = await new MockActivityEnvironment().run(publish, {
    ...{ runId, workflowId, kind, tenant, order: run, written },
    plan: { snapshotAt, files: [{ columns: [], rows: parts.length, parts: planned }] },
    createdAt: '2026-11-21T07:00:00.123Z',
    expiresAt: '2036-12-21T07:00:00.000Z',
  });
  if (!published.ok) throw new Error(published.failure.message);
  const key = manifestKey(prefix);
  const read = parseManifest(Buffer.from(objects.stored.get(key) ?? '').toString());
  if ('problem' in read) throw new Error(read.problem);
  const manifest = { ...read.manifest, ...more };
  const body = Buffer.from(JSON.stringify(manifest));
  objects.stored.set(key, body);
  const { rows, bytes, contentBytes } = manifest;
  await ledger.runs.begin({ ...record, order });
  await ledger.runs.commit(runId, {
    ...{ snapshotAt, files: 1, parts: parts.length, rows, bytes, contentBytes, manifestSha256: sha256(body) },
    retention: { expiresAt: new Date(manifest.expiresAt ?? '') },
  });
  temporal.running.delete(workflowId);
  return manifest;
}

/** The members of answers that tests look at; each test asks for what its answer has. */
export interface Answer {
  readonly job: { readonly id: string; readonly status: string; readonly exportData?: unknown };
  readonly exportData: { readonly downloadUrl: string; readonly downloadExpiresAt: string };
  readonly code: string;
  readonly errors: readonly { readonly field: string; readonly code: string; readonly allowed?: readonly string[] }[];
  readonly items: readonly { readonly exportId: string; readonly state: string; readonly downloadUrl: string | null }[];
  readonly next: string | null;
  readonly exportId: string;
  readonly state: string;
  readonly progress: { readonly percent: number; readonly rowsDone: number };
  readonly access_token: string;
}

export async function answerOf(response: Response): Promise<Answer> {
  return (await response.json()) as Answer;
}
