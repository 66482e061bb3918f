import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPrefix, generationPrefix, manifestKey } from '../contracts/keys.ts';
import type { Reconciled } from '../contracts/steps.ts';
import { periodicScheduleId } from '../contracts/task-queues.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { ALWAYS, createDoorClient, type DoorClient } from './door.ts';
import { type OwnStack, PART_OF_UPLOAD, startOwnStack } from './own-stack.ts';
import { createPeriodicClient, type PeriodicClient } from './periodic-door.ts';
import { openRuns, triggerRun } from './periodic-operator.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

const NETWORKS = { ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' };
const NOTHING: Reconciled = { lost: 0, removed: 0, strays: 0, schedules: 0, failed: 0 };

let stack: OwnStack;
let bucket: Objects;
let eye: TemporalEye;
let ledger: pg.Client;
let door: DoorClient;
let periodic: PeriodicClient;

beforeAll(async () => {
  stack = await startOwnStack({
    WAYBILL_PART_ROWS: '1000000',
    WAYBILL_PERIODIC_GRACE_SECONDS: '1',
    WAYBILL_STRAY_SECONDS: '1',
    // Every pass is one that a test asks for.
    WAYBILL_RECONCILE_SECONDS: '31536000',
  });
  bucket = openBucket(stack.settings);
  eye = await openTemporal(stack.settings);
  ledger = new pg.Client({ connectionString: stack.settings.WAYBILL_LEDGER_URL });
  await ledger.connect();
  door = createDoorClient(stack.urls.api, 'acme');
  periodic = createPeriodicClient(stack.urls.api, 'acme-demo-secret');
});
afterAll(async () => {
  await ledger?.end();
  await eye?.close();
  await stack?.stop();
});

/** One pass over everything that ended more than a second ago. */
async function reconcile(): Promise<Reconciled> {
  await expect.poll(async () => (await ledger.query(UNSETTLED)).rowCount, { timeout: 20_000 }).toBe(0);
  const workflowId = `reconcile-now|${randomUUID()}`;
  return eye.client.workflow.execute('reconcile', { workflowId, taskQueue: 'waybill', args: [] });
}
const UNSETTLED = `select 1 from runs where ended_at > now() - interval '1.2 seconds'
  or removed_at is null and remove_after > now() and remove_after < now() + interval '10 seconds'`;

async function completed(body: Readonly<Record<string, unknown>> = NETWORKS): Promise<string> {
  const id = await door.order(body);
  expect(await door.ended(id)).toMatchObject({ state: 'completed' });
  return id;
}

/** What a lost worker would write: an object that no manifest lists. */
async function writeStray(prefix: string): Promise<void> {
  await bucket.put(`${prefix}networks-00000-lost-1-1.csv`, Buffer.from('late rows'), 'text/csv');
}

it('runs on a schedule of its own, which starts one pass at a time', async () => {
  const { spec, policies } = await eye.client.schedule.getHandle('reconcile|waybill').describe();
  expect(spec.intervals).toMatchObject([{ every: 31_536_000_000 }]);
  expect(policies.overlap).toBe('SKIP');
});

describe('files that are due', () => {
  it('of an expired export go for good, and what was ordered can be ordered again', async () => {
    const id = await completed();
    await ledger.query(
      `update runs set expires_at = now() - interval '1 minute', remove_after = now() - interval '1 minute'
       where run_id = $1`,
      [id],
    );
    expect((await reconcile()).removed).toBe(1);
    expect(await keysBelow(bucket, exportPrefix('acme', id))).toEqual([]);
    expect((await door.show(id)).state).toBe('expired');
    expect((await door.request('GET', `/exports/${id}/file`)).status).toBe(410);
    const audited = await ledger.query(`select 1 from audit where run_id = $1 and action = 'export.expired'`, [id]);
    expect(audited.rowCount).toBe(1);
    expect((await door.request('POST', `/exports/${id}/resubmit`)).status).toBe(202);
  });

  it('of an export that has not expired stay', async () => {
    const id = await completed();
    await reconcile();
    expect((await door.file(id)).length).toBe((await door.manifest(id)).bytes);
  });

  it('of a replaced generation go after the grace period, those of the current one stay', async () => {
    await periodic.enable();
    const { generationId: first } = await periodic.generation();
    await triggerRun(eye, 'acme');
    const { generationId: second } = await periodic.generation(first);
    expect((await reconcile()).removed).toBe(1);
    expect(await keysBelow(bucket, generationPrefix('acme', first))).toEqual([]);
    expect(await keysBelow(bucket, generationPrefix('acme', second))).not.toEqual([]);
    await periodic.disable(true);
  });
});

describe('an object that appears after its run has ended', () => {
  it('goes from a completed export, whose own objects stay', async () => {
    const id = await completed();
    const prefix = exportPrefix('acme', id);
    const before = await keysBelow(bucket, prefix);
    await writeStray(prefix);
    expect((await reconcile()).strays).toBe(1);
    expect(await keysBelow(bucket, prefix)).toEqual(before);
    expect((await door.file(id)).length).toBe((await door.manifest(id)).bytes);
    expect(await reconcile()).toEqual(NOTHING);
  });

  it('stays beside a manifest that is not the one that the ledger names', async () => {
    const id = await completed();
    const prefix = exportPrefix('acme', id);
    const manifest = await door.manifest(id);
    const files = manifest.files.map((file) => ({ ...file, parts: [] }));
    await bucket.put(manifestKey(prefix), Buffer.from(JSON.stringify({ ...manifest, files })), 'application/json');
    const before = await keysBelow(bucket, prefix);
    expect((await reconcile()).strays).toBe(0);
    expect(await keysBelow(bucket, prefix)).toEqual(before);
  });

  it('goes with everything else of a deleted export', async () => {
    const id = await completed();
    expect((await door.request('DELETE', `/exports/${id}`)).ok).toBe(true);
    await writeStray(exportPrefix('acme', id));
    expect((await reconcile()).strays).toBe(1);
    expect(await keysBelow(bucket, exportPrefix('acme', id))).toEqual([]);
  });

  it('goes from the current generation, whose own objects stay', async () => {
    await periodic.enable();
    const { generationId } = await periodic.generation();
    const prefix = generationPrefix('acme', generationId);
    const before = await keysBelow(bucket, prefix);
    await writeStray(prefix);
    expect((await reconcile()).strays).toBe(1);
    expect(await keysBelow(bucket, prefix)).toEqual(before);
    await periodic.disable(true);
  });

  it('stays where the ledger knows no run', async () => {
    const prefix = exportPrefix('acme', randomUUID());
    await writeStray(prefix);
    await reconcile();
    expect(await keysBelow(bucket, prefix)).toHaveLength(1);
  });
});

it('an export whose workflow is terminated fails and leaves nothing, although nobody asks for it', async () => {
  const uploading = stack.gate.holdAt(PART_OF_UPLOAD);
  const flights = { ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' };
  const id = await createDoorClient(stack.urls.api, 'dreambuilder').order(flights);
  await uploading;
  const { rows } = await ledger.query<{ workflow_id: string }>('select workflow_id from runs where run_id = $1', [id]);
  await eye.client.workflow.getHandle(rows[0]?.workflow_id ?? '', id).terminate();
  // The worker may have given the upload up by now, so its request may get no response.
  void stack.gate.release();
  expect(await reconcile()).toMatchObject({ lost: 0 });
  await ledger.query(`update runs set requested_at = now() - interval '2 minutes' where run_id = $1`, [id]);
  expect(await reconcile()).toMatchObject({ lost: 1 });
  const { rows: ended } = await ledger.query('select state, failure from runs where run_id = $1', [id]);
  expect(ended).toMatchObject([{ state: 'failed', failure: { code: 'internal' } }]);
  await expect.poll(() => keysBelow(bucket, exportPrefix('dreambuilder', id)), { timeout: 30_000 }).toEqual([]);
});

it('a schedule that is missing is put back, unless the settings changed just now', async () => {
  await periodic.enable();
  await periodic.generation();
  // Until it ends, the run itself keeps the schedule in line.
  await expect.poll(() => openRuns(eye, 'acme'), { timeout: 30_000 }).toBe(0);
  const schedule = eye.client.schedule.getHandle(periodicScheduleId('acme'));
  await schedule.delete();
  expect(await reconcile()).toMatchObject({ schedules: 0 });
  await ledger.query(`update standing_orders set changed_at = now() - interval '2 minutes'`);
  expect(await reconcile()).toMatchObject({ schedules: 1 });
  expect((await schedule.describe()).state.paused).toBe(false);
  await periodic.disable(true);
});
