import { describe, expect, it } from 'vitest';
import { expectEmpty, keysBelow, openBucket } from './bucket.ts';
import { exportPrefix, generationPrefix } from './keys.ts';
import { cancelStep, keysUploading, type LosableServices, startLosable } from './lost-workers-set-up.ts';
import { makeNumberedWarehouse } from './numbered-warehouse.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { PART_OF_UPLOAD } from './own-stack.ts';
import { createPeriodicClient } from './periodic-client.ts';

/** Cancels the run while its steps cannot stop because the object store does not respond, then kills the worker. */
async function loseWhileCancelling(services: LosableServices, runId: string): Promise<void> {
  await cancelStep(services.temporal, runId);
  await services.worker.kill('SIGKILL');
  await services.startWorker('worker-2');
}

/** Parts of about 5 MB, each written by one request. */
const SMALL_PARTS = { WAYBILL_PART_ROWS: '100000', WAYBILL_WORKER_PARTS_MAX: '4' };
const ONE_REQUEST = /^PUT ([^?\s]*\/flights-[^?\s]*) HTTP/;

/** Orders an unsealed export and holds the object store in the middle of a part. @returns its id */
async function orderUntilWriting({ url, objects }: LosableServices): Promise<string> {
  const writing = objects.holdAt(ONE_REQUEST);
  const id = await createOnDemandClient(url, 'dreambuilder').order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' });
  await writing;
  return id;
}

/** Cancels an export whose worker is lost. @returns once another worker has removed everything and recorded the end */
async function cancelWithAnother(services: LosableServices, id: string): Promise<void> {
  const client = createOnDemandClient(services.url, 'dreambuilder');
  expect((await client.request('DELETE', `/exports/${id}`)).status).toBe(202);
  await services.startWorker('worker-2');
  expect(await client.ended(id)).toMatchObject({ state: 'cancelled' });
  expect(await keysBelow(openBucket(services.settings), exportPrefix('dreambuilder', id))).toEqual([]);
}

/** Checks that nothing is left of an export, now or within some seconds. */
function expectNothingLeft(services: LosableServices, id: string, seconds = 0): Promise<void> {
  return expectEmpty(openBucket(services.settings), exportPrefix('dreambuilder', id), seconds);
}

describe('a part that a lost worker uploads after the clean-up', () => {
  it('is removed by the worker itself, if it was only frozen', async () => {
    const services = await startLosable(SMALL_PARTS);
    const id = await orderUntilWriting(services);
    await services.worker.kill('SIGSTOP');
    await cancelWithAnother(services, id);
    await services.worker.kill('SIGCONT');
    expect(await services.objects.release()).toBe('HTTP/1.1 200 OK');
    await expectNothingLeft(services, id, 120);
  });

  it('is removed by the reconciler, if the worker is cut off from Temporal', async () => {
    const services = await startLosable({
      ...SMALL_PARTS,
      WAYBILL_STRAY_SECONDS: '10',
      WAYBILL_RECONCILE_SECONDS: '5',
    });
    const id = await orderUntilWriting(services);
    // Otherwise Temporal would hand tasks to it, each of which is lost until its timeout.
    services.temporalGate.cutOff();
    await cancelWithAnother(services, id);
    expect(await services.objects.release()).toBe('HTTP/1.1 200 OK');
    await expectNothingLeft(services, id, 120);
  });
});

describe('a run whose worker is lost while it is being cancelled', () => {
  it('ends as cancelled, on demand', async () => {
    const services = await startLosable({ WAYBILL_PART_ROWS: '1000000' });
    const client = createOnDemandClient(services.url, 'dreambuilder');
    const uploading = services.objects.holdAt(PART_OF_UPLOAD);
    const id = await client.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
    await uploading;
    await keysUploading(services.temporal, id, 1);
    await loseWhileCancelling(services, id);
    expect(await client.ended(id)).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
    await expectNothingLeft(services, id);
  });

  it('ends as cancelled, also if it was removing files', async () => {
    const services = await startLosable(SMALL_PARTS);
    const client = createOnDemandClient(services.url, 'dreambuilder');
    const bucket = openBucket(services.settings);
    const id = await client.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
    const written = () => keysBelow(bucket, exportPrefix('dreambuilder', id));
    await expect.poll(written, { interval: 50 }).not.toEqual([]);
    // Only the step that removes lists what there is.
    const removing = services.objects.holdAt(new RegExp(`^GET (\\S*list-type=2\\S*${id}\\S*)`));
    expect((await client.request('DELETE', `/exports/${id}`)).status).toBe(202);
    await removing;
    await services.worker.kill('SIGKILL');
    await services.startWorker('worker-2');
    expect(await client.ended(id)).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
    await expectNothingLeft(services, id);
  });

  it('ends as cancelled, periodic', async () => {
    const warehouse = await makeNumberedWarehouse({ files: 1, rows: 1_500_000 });
    const services = await startLosable({ ...warehouse.settings, WAYBILL_WORKER_PARTS_MAX: '2' });
    const client = createPeriodicClient(services.url, 'acme-demo-secret');
    const uploading = services.objects.holdAt(PART_OF_UPLOAD, 2);
    await client.enable();
    const { running } = await client.until((view) => view.running !== null);
    const generationId = running?.generationId ?? '';
    await uploading;
    await keysUploading(services.temporal, generationId, 2);
    await loseWhileCancelling(services, generationId);
    const { lastRun } = await client.until((view) => view.lastRun?.generationId === generationId);
    expect(lastRun).toMatchObject({ state: 'cancelled', failure: { code: 'cancelled' } });
    expect(await keysBelow(openBucket(services.settings), generationPrefix('acme', generationId))).toEqual([]);
  });
});

describe('a run whose worker is frozen while it publishes', () => {
  it('is published by another one, and stays as it is when the worker wakes up', async () => {
    const services = await startLosable({});
    const client = createOnDemandClient(services.url, 'dreambuilder');
    const publishing = services.objects.holdAt(/^PUT (\S*\/manifest\.json)/);
    const id = await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
    await publishing;
    await services.worker.kill('SIGSTOP');
    await services.startWorker('worker-2');
    expect(await client.ended(id)).toMatchObject({ state: 'completed' });
    const [manifest, file] = [await client.manifest(id), await client.file(id)];
    expect(await services.objects.release()).toBe('HTTP/1.1 200 OK');
    await services.worker.kill('SIGCONT');
    // Its attempt ends first.
    await services.worker.kill('SIGTERM');
    expect([await client.manifest(id), await client.file(id)]).toEqual([manifest, file]);
    expect(await client.show(id)).toMatchObject({ state: 'completed' });
  });
});
