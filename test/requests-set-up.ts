import { createHash, randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createPublish } from '../activities/publish.ts';
import { loadCatalog } from '../config/catalog.ts';
import type { Instant } from '../contracts/instant.ts';
import { runPrefix } from '../contracts/keys.ts';
import { orderedRun } from '../contracts/order.ts';
import { REQUESTS_PATH } from '../contracts/requests.ts';
import type { Published, StepResult } from '../contracts/steps.ts';
import type { RequestRow } from '../contracts/views/requests.ts';
import { startApi } from './api-set-up.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { YEAR } from './requests-client.ts';

const DAY_MS = 86_400_000;

/**
 * The API on a real ledger, with an object store and a Temporal that are played, and a clock that a test sets.
 *
 * @param graceSeconds how long expired files stay in the bucket
 */
export async function startRequestsApi(graceSeconds: number) {
  const started = await startApi();
  closeAtEnd(started.stop);
  const catalog = await loadCatalog(useStack().settings.WAYBILL_CATALOG ?? '');
  const { app, objects, temporal } = started.compose({}, catalog);
  const { ledger, logger, clock } = started;
  const tenant = await started.addTenant();
  const call = (method: string, path: string, body?: URLSearchParams) =>
    Promise.resolve(
      app.request(`${REQUESTS_PATH}${path}`, { method, headers: tenant.headers, ...(body !== undefined && { body }) }),
    );
  const submit = () => call('POST', '/request', new URLSearchParams(YEAR));
  const setNow = (ms: number) => {
    started.time.offsetMs = ms - Date.now();
  };

  /** Publishes a file of two parts for a new request, as its workflow would at that time. */
  async function complete(now: number) {
    setNow(now);
    const { data } = (await (await submit()).json()) as { data: { id: number }[] };
    const id = data[0]?.id ?? 0;
    const run = await ledger.requests.find(tenant.key, id);
    if (!run?.order || !('roundsMax' in run.order)) throw new Error('not a request');
    const { runId, workflowId, kind, series, requestedAt, order } = run;
    await ledger.runs.beginRequest(
      { runId, workflowId, series, order, requestedAt, requestedBy: 'x', startsAt: null },
      9,
    );
    const parts = ['id\n1\n', '2\n'].map((text, index) => {
      const content = Buffer.from(text);
      const name = `jobs-0000${index}-${randomUUID()}-1-1.csv`;
      objects.stored.set(`${runPrefix(run)}${name}`, content);
      const sha256 = createHash('sha256').update(content).digest('hex');
      return { name, rows: 1, bytes: content.length, sha256, contentBytes: content.length, contentSha256: sha256 };
    });
    const expiresAt = new Date(now + order.keepDays * DAY_MS);
    const planned = parts.map((_, index) => ({ index, slice: { from: null, to: null }, rows: 1, rowsHash: '0' }));
    const publish = createPublish({ objects, ledger, logger, signer: null, end: async () => ({ recorded: false }) });
    const published: StepResult<Published> = await new MockActivityEnvironment().run(publish, {
      ...{ runId, workflowId, kind, tenant: tenant.key, order: orderedRun(order) },
      written: parts.map((part, index) => ({ name: 'jobs', format: 'csv' as const, index, part })),
      plan: { snapshotAt: '2026-11-21T07:00:00.123456Z' as Instant, files: [{ columns: [], rows: 2, parts: planned }] },
      createdAt: new Date(now).toISOString(),
      expiresAt: expiresAt.toISOString(),
    });
    if (!published.ok) throw new Error(published.failure.message);
    const { rows, bytes, contentBytes, manifestSha256 } = published.value;
    await ledger.runs.commit(runId, {
      ...{ snapshotAt: '2026-11-21T07:00:00.123456Z' as Instant, files: 1, parts: 2, rows, bytes, contentBytes },
      ...{ manifestSha256, retention: { expiresAt, graceSeconds } },
    });
    return { id, run, expiresAt };
  }

  return {
    ...{ ledger, objects, temporal, logger, clock, setNow, submit, complete },
    async show(id: number): Promise<RequestRow> {
      const { data } = (await (await call('GET', '/requests')).json()) as { data: RequestRow[] };
      const row = data.find((candidate) => candidate.id === id);
      if (!row) throw new Error('not listed');
      return row;
    },
    download: (id: number) => call('GET', `/download/${id}`),
    bytes: async (response: Response) => Buffer.from(await response.arrayBuffer()),
  };
}
