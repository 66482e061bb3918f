import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { exportPrefix, generationPrefix } from '../contracts/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { cancelStep, keysUploading, type LosableServices, startLosable } from './lost-workers-set-up.ts';
import { makeNumberedWarehouse } from './numbered-warehouse.ts';
import { PART_OF_UPLOAD } from './own-stack.ts';
import { createPeriodicClient } from './periodic-door.ts';

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(settings: Readonly<Record<string, string>>): Promise<LosableServices> {
  const services = await startLosable(settings);
  closing.push(services.stop);
  return services;
}

/** Cancels the run while its steps cannot let go, because the object store does not answer; then the worker is lost. */
async function loseWhileLettingGo(services: LosableServices, runId: string): Promise<void> {
  await cancelStep(services.eye, runId);
  await services.worker.kill('SIGKILL');
  await services.startWorker('worker-2');
}

/** Parts of some 5 MB, each of which is written by one request. */
const SMALL_PARTS = { WAYBILL_PART_ROWS: '100000', WAYBILL_WORKER_PARTS_MAX: '4' };
const ONE_REQUEST = /^PUT ([^?\s]*\/flights-[^?\s]*) HTTP/;

/** Orders an unsealed export whose worker is stopped in the middle of a part. @returns its id */
async function orderUntilWriting({ url, objects }: LosableServices): Promise<string> {
  const writing = objects.holdAt(ONE_REQUEST);
  const id = await createDoorClient(url, 'dreambuilder').order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' });
  await writing;
  return id;
}

/** Cancels an export whose worker is lost. @returns once another worker has removed everything, and said so */
async function cancelWithAnother(services: LosableServices, id: string): Promise<void> {
  const door = createDoorClient(services.url, 'dreambuilder');
  expect((await door.request('DELETE', `/exports/${id}`)).status).toBe(202);
  await services.startWorker('worker-2');
  expect(await door.ended(id)).toMatchObject({ state: 'cancelled' });
  expect(await keysBelow(openBucket(services.settings), exportPrefix('dreambuilder', id))).toEqual([]);
}

/** Waits until nothing is left of an export, however it was found by then. */
async function expectNothingLeft(services: LosableServices, id: string): Promise<void> {
  const bucket = openBucket(services.settings);
  const prefix = exportPrefix('dreambuilder', id);
  await expect.poll(() => keysBelow(bucket, prefix), { timeout: 120_000 }).toEqual([]);
  expect(await bucket.abortUploads(prefix)).toBe(0);
}

describe('the part of a worker that was given up, and whose upload ends after the clean-up', () => {
  it('is removed by the worker itself, once it was frozen and goes on', async () => {
    const services = await start(SMALL_PARTS);
    const id = await orderUntilWriting(services);
    await services.worker.kill('SIGSTOP');
    await cancelWithAnother(services, id);
    await services.worker.kill('SIGCONT');
    expect(await services.objects.release()).toBe('HTTP/1.1 200 OK');
    await expectNothingLeft(services, id);
  });

  it('is removed by the reconciler, while the worker is cut off from Temporal', async () => {
    const services = await start({ ...SMALL_PARTS, WAYBILL_STRAY_SECONDS: '10', WAYBILL_RECONCILE_SECONDS: '5' });
    const id = await orderUntilWriting(services);
    services.temporal.hold();
    await cancelWithAnother(services, id);
    expect(await services.objects.release()).toBe('HTTP/1.1 200 OK');
    await expectNothingLeft(services, id);
  });
});

describe('a run that is cancelled, and whose worker is lost while it lets go', () => {
  it('of an export ends as cancelled', async () => {
    const services = await start({ WAYBILL_PART_ROWS: '1000000' });
    const door = createDoorClient(services.url, 'dreambuilder');
    const uploading = services.objects.holdAt(PART_OF_UPLOAD);
    const id = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
    await uploading;
    await keysUploading(services.eye, id, 1);
    await loseWhileLettingGo(services, id);
    expect(await door.ended(id)).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
    const bucket = openBucket(services.settings);
    const prefix = exportPrefix('dreambuilder', id);
    expect(await keysBelow(bucket, prefix)).toEqual([]);
    expect(await bucket.abortUploads(prefix)).toBe(0);
  });

  it('of the periodic exports ends as cancelled, and owes nobody a letter', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'waybill-lost-'));
    closing.push(() => rm(folder, { recursive: true, force: true }));
    const warehouse = await makeNumberedWarehouse(folder, { files: 1, rows: 1_500_000 });
    const services = await start({ ...warehouse.settings, WAYBILL_WORKER_PARTS_MAX: '2' });
    const door = createPeriodicClient(services.url, 'acme-demo-secret');
    const uploading = services.objects.holdAt(PART_OF_UPLOAD, 2);
    await door.enable();
    const { running } = await door.until((view) => view.running !== null);
    const generationId = running?.generationId ?? '';
    await uploading;
    await keysUploading(services.eye, generationId, 2);
    await loseWhileLettingGo(services, generationId);
    const { lastRun } = await door.until((view) => view.lastRun?.generationId === generationId);
    expect(lastRun).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
    expect(await keysBelow(openBucket(services.settings), generationPrefix('acme', generationId))).toEqual([]);
  });
});
