import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import type { Reconciled } from '../contracts/steps.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { closeAtEnd } from './cleanup.ts';
import { exportPrefix, generationPrefix, periodicScheduleId } from './keys.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';
import { type OwnStack, PART_OF_UPLOAD, startOwnStack } from './own-stack.ts';
import { createPeriodicClient, enableAndWait, type PeriodicClient } from './periodic-client.ts';
import { openRuns, triggerRun } from './periodic-operator.ts';
import { openTemporal, type TemporalAccess } from './temporal.ts';

const NETWORKS = { ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' };
const NOTHING: Reconciled = {
  ...{ lost: 0, removed: 0, strays: 0, schedules: 0, deliveries: 0, webhooks: 0, mails: 0, failed: 0 },
};

let stack: OwnStack;
let bucket: Objects;
let temporal: TemporalAccess;
let ledger: pg.Client;
let onDemand: OnDemandClient;
let periodic: PeriodicClient;

beforeAll(async () => {
  stack = await startOwnStack({
    WAYBILL_PART_ROWS: '1000000',
    WAYBILL_PERIODIC_GRACE_SECONDS: '1',
    WAYBILL_STRAY_SECONDS: '1',
    // Only tests start passes.
    WAYBILL_RECONCILE_SECONDS: '31536000',
  });
  bucket = openBucket(stack.settings);
  temporal = await openTemporal(stack.settings);
  ledger = new pg.Client({ connectionString: stack.settings.WAYBILL_LEDGER_URL });
  await ledger.connect();
  closeAtEnd(() => ledger.end());
  onDemand = createOnDemandClient(stack.urls.api, 'acme');
  periodic = createPeriodicClient(stack.urls.api, 'acme-demo-secret');
});

/** One pass over everything that ended more than a second ago. */
async function reconcile(): Promise<Reconciled> {
  await expect.poll(async () => (await ledger.query(UNSETTLED)).rowCount, { timeout: 20_000 }).toBe(0);
  const workflowId = `reconcile-now|${randomUUID()}`;
  return temporal.client.workflow.execute('reconcile', { workflowId, taskQueue: 'waybill', args: [] });
}
const UNSETTLED = `select 1 from runs where ended_at > now() - interval '1.2 seconds'
  or removed_at is null and remove_after > now() and remove_after < now() + interval '10 seconds'`;

async function completed(body: Readonly<Record<string, unknown>> = NETWORKS): Promise<string> {
  const id = await onDemand.order(body);
  expect(await onDemand.ended(id)).toMatchObject({ state: 'completed' });
  return id;
}

/** Writes an object that no manifest lists, as a lost worker would. */
async function writeStray(prefix: string): Promise<void> {
  await bucket.put(`${prefix}networks-00000-lost-1-1.csv`, Buffer.from('late rows'), 'text/csv');
}

it('the reconciler runs on its own schedule, one pass at a time', async () => {
  const { spec, policies } = await temporal.client.schedule.getHandle('reconcile|waybill').describe();
  expect(spec.intervals).toMatchObject([{ every: 31_536_000_000 }]);
  expect(policies.overlap).toBe('SKIP');
});

describe('the files', () => {
  it('of an expired export are removed, and the same order can be placed again', async () => {
    const id = await completed();
    await ledger.query(
      `update runs set expires_at = now() - interval '1 minute', remove_after = now() - interval '1 minute'
       where run_id = $1`,
      [id],
    );
    expect((await reconcile()).removed).toBe(1);
    expect(await keysBelow(bucket, exportPrefix('acme', id))).toEqual([]);
    expect((await onDemand.show(id)).state).toBe('expired');
    expect((await onDemand.request('GET', `/exports/${id}/file`)).status).toBe(410);
    const audited = await ledger.query(`select 1 from audit where run_id = $1 and action = 'export.expired'`, [id]);
    expect(audited.rowCount).toBe(1);
    expect((await onDemand.request('POST', `/exports/${id}/resubmit`)).status).toBe(202);
  });

  it('of an export whose deletion was interrupted are removed', async () => {
    const id = await completed();
    await stack.minio.kill('SIGKILL');
    expect((await onDemand.request('DELETE', `/exports/${id}`)).status).toBe(503);
    await stack.minio.start();
    expect((await reconcile()).removed).toBe(1);
    expect(await keysBelow(bucket, exportPrefix('acme', id))).toEqual([]);
    expect((await onDemand.show(id)).state).toBe('deleted');
    expect((await onDemand.request('DELETE', `/exports/${id}`)).status).toBe(204);
    const audited = await ledger.query(`select actor from audit where run_id = $1 and action = 'export.deleted'`, [id]);
    expect(audited.rows).toEqual([{ actor: 'acme' }]);
  });

  it('of an export that has not expired stay', async () => {
    const id = await completed();
    await reconcile();
    expect((await onDemand.file(id)).length).toBe((await onDemand.manifest(id)).bytes);
  });

  it('of a replaced generation are removed after the grace period, those of the current one stay', async () => {
    const { generationId: first } = await enableAndWait(periodic);
    await triggerRun(temporal, 'acme');
    const { generationId: second } = await periodic.generation(first);
    expect((await reconcile()).removed).toBe(1);
    expect(await keysBelow(bucket, generationPrefix('acme', first))).toEqual([]);
    expect(await keysBelow(bucket, generationPrefix('acme', second))).not.toEqual([]);
    await periodic.disable(true);
  });
});

describe('an object that appears after its run has ended', () => {
  it('is removed from a completed export, whose own objects stay', async () => {
    const id = await completed();
    const prefix = exportPrefix('acme', id);
    const before = await keysBelow(bucket, prefix);
    await writeStray(prefix);
    expect((await reconcile()).strays).toBe(1);
    expect(await keysBelow(bucket, prefix)).toEqual(before);
    expect((await onDemand.file(id)).length).toBe((await onDemand.manifest(id)).bytes);
    expect(await reconcile()).toEqual(NOTHING);
  });

  it('stays if the manifest is not the one in the ledger', async () => {
    const id = await completed();
    const prefix = exportPrefix('acme', id);
    const manifest = await onDemand.manifest(id);
    const files = manifest.files.map((file) => ({ ...file, parts: [] }));
    await bucket.put(manifestKey(prefix), Buffer.from(JSON.stringify({ ...manifest, files })), 'application/json');
    const before = await keysBelow(bucket, prefix);
    expect((await reconcile()).strays).toBe(0);
    expect(await keysBelow(bucket, prefix)).toEqual(before);
  });

  it('is removed from a deleted export', async () => {
    const id = await completed();
    expect((await onDemand.request('DELETE', `/exports/${id}`)).ok).toBe(true);
    await writeStray(exportPrefix('acme', id));
    expect((await reconcile()).strays).toBe(1);
    expect(await keysBelow(bucket, exportPrefix('acme', id))).toEqual([]);
  });

  it('is removed from the current generation, whose own objects stay', async () => {
    const { generationId } = await enableAndWait(periodic);
    const prefix = generationPrefix('acme', generationId);
    const before = await keysBelow(bucket, prefix);
    await writeStray(prefix);
    expect((await reconcile()).strays).toBe(1);
    expect(await keysBelow(bucket, prefix)).toEqual(before);
    await periodic.disable(true);
  });

  it('stays if the run is not in the ledger', async () => {
    const prefix = exportPrefix('acme', randomUUID());
    await writeStray(prefix);
    await reconcile();
    expect(await keysBelow(bucket, prefix)).toHaveLength(1);
  });
});

it('an export whose workflow is terminated fails and leaves nothing, without any request', async () => {
  const uploading = stack.gate.holdAt(PART_OF_UPLOAD);
  const flights = { ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' };
  const id = await createOnDemandClient(stack.urls.api, 'dreambuilder').order(flights);
  await uploading;
  const { rows } = await ledger.query<{ workflow_id: string }>('select workflow_id from runs where run_id = $1', [id]);
  await temporal.client.workflow.getHandle(rows[0]?.workflow_id ?? '', id).terminate();
  // The worker may have aborted the upload by now, so its request may get no response.
  void stack.gate.release();
  expect(await reconcile()).toMatchObject({ lost: 0 });
  await ledger.query(`update runs set requested_at = now() - interval '2 minutes' where run_id = $1`, [id]);
  expect(await reconcile()).toMatchObject({ lost: 1 });
  const { rows: ended } = await ledger.query('select state, failure from runs where run_id = $1', [id]);
  expect(ended).toMatchObject([{ state: 'failed', failure: { code: 'internal' } }]);
  await expect.poll(() => keysBelow(bucket, exportPrefix('dreambuilder', id)), { timeout: 30_000 }).toEqual([]);
});

it('a missing schedule is restored, unless the settings have just changed', async () => {
  await enableAndWait(periodic);
  // An open run updates the schedule itself.
  await expect.poll(() => openRuns(temporal, 'acme'), { timeout: 30_000 }).toBe(0);
  const schedule = temporal.client.schedule.getHandle(periodicScheduleId('acme'));
  await schedule.delete();
  expect(await reconcile()).toMatchObject({ schedules: 0 });
  await ledger.query(`update standing_orders set changed_at = now() - interval '2 minutes'`);
  // Temporal's list has it for some time yet.
  await expect.poll(reconcile, { timeout: 30_000 }).toMatchObject({ schedules: 1 });
  expect((await schedule.describe()).state.paused).toBe(false);
  await periodic.disable(true);
});
