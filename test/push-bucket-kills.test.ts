import { randomInt, randomUUID } from 'node:crypto';
import { Client as Bucket } from 'minio';
import { expect, test } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { sha256Of } from '../stores/delivery-fixture.ts';
import { makeChangingWarehouse } from './changing-warehouse.ts';
import { openLedger, startOwnServices } from './context.ts';
import { openTap } from './object-tap.ts';
import { createRecurringClient, openDelivered, type RecurringRun } from './recurring-client.ts';
import { waitUntil } from './wait-until.ts';

const ENTITIES = ['user', 'user_login_events'];
const KILLS = 3;

const warehouse = await makeChangingWarehouse(ENTITIES);
const services = await startOwnServices(warehouse.settings);
const client = createRecurringClient(services.url);
const delivered = openDelivered(services.settings);
const ledger = openLedger(services.settings);
const { WAYBILL_OBJECTS_URL: url, WAYBILL_OBJECTS_ACCESS_KEY: accessKey } = services.settings;
const secretKey = services.settings.WAYBILL_OBJECTS_SECRET_KEY;
const tap = await openTap(url);
const name = `kills-${randomUUID()}`;
const bucket = new Bucket({
  ...{ endPoint: LOOPBACK, port: Number(new URL(url).port), useSSL: false, region: 'us-east-1', accessKey, secretKey },
});

/** 1 KB each. */
const rowsOf = (count: number, text: string) =>
  Array.from({ length: count }, (_, id) => ({
    ...{ id, text: `${id}${text}`.padEnd(960, text) },
    ...{ created: '2024-05-01 10:00:00', modified: null, deleted: false },
  }));

async function runWith(count: number, text: string): Promise<RecurringRun> {
  for (const entity of ENTITIES) await warehouse.write(entity, rowsOf(count, text));
  await client.register({ exportOption: 'disable export' });
  await client.register({ entityList: ENTITIES.map((entity) => entity.replaceAll('_', ' ')) });
  const run = await client.run();
  expect(run.state).toBe('delivered');
  return run;
}

async function expectDelivered({ run_id }: RecurringRun): Promise<void> {
  const state = async () => (await ledger.deliveries.find(run_id))?.state;
  await waitUntil(state, (found) => found === 'delivered', 120);
}

/** Objects of the bucket, by key without the directories of the day. */
async function objects(): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const { name: key } of bucket.listObjectsV2(name, '', true)) {
    found.set(key.slice('2026/11/21/'.length), Buffer.concat(await (await bucket.getObject(name, key)).toArray()));
  }
  return found;
}

/** What a run has delivered, by the same keys. */
async function contentOf({ day }: RecurringRun): Promise<ReadonlyMap<string, Buffer>> {
  const { files } = await delivered.manifest(day);
  const contents = new Map<string, Buffer>();
  for (const { file, dataset } of files) {
    const bytes = Buffer.from(await delivered.file(day, file));
    contents.set(`${dataset}/${file}`, bytes);
    contents.set(`${dataset}/${file}.sha256`, Buffer.from(`${sha256Of(bytes)}  ${file}\n`));
  }
  return contents;
}

/** Whether all files of a run are there. */
const hasAll = (there: ReadonlyMap<string, Buffer>, run: ReadonlyMap<string, Buffer>) =>
  [...run].every(([key, bytes]) => there.get(key)?.equals(bytes));

test('a worker that is killed at any moment of a push leaves whole objects only, and the manifest comes last', async () => {
  await bucket.makeBucket(name, 'us-east-1');
  const template = '{year}/{month}/{day}/{entity}';
  const destination = {
    kind: 's3',
    endpoint: tap.url,
    bucket: name,
    addressing: 'path',
    accessKey,
    secretKey,
    template,
  };
  expect((await client.request('PUT', '/export/destination', { body: destination })).status).toBe(200);
  const first = await runWith(10, 'a');
  await expectDelivered(first);
  const before = await contentOf(first);
  expect(hasAll(await objects(), before)).toBe(true);

  // A file has a little more, and is larger than the parts of an upload, 8 MiB.
  const bytes = 9_500_000;
  let moment = randomInt(0, 2 * bytes);
  let stopped = tap.stopAfter(moment);
  const second = await runWith(10_000, 'b');
  const after = await contentOf(second);
  let worker = services.worker;
  for (let time = 0; time < KILLS; time += 1) {
    await stopped;
    await worker.kill('SIGKILL');
    const there = await objects();
    const { 'manifest.json': manifest, ...files } = Object.fromEntries(there);
    const told = `killed after ${moment} bytes: ${Object.keys(files)}`;
    for (const [key, content] of Object.entries(files)) {
      expect(
        [before, after].some((run) => run.get(key)?.equals(content)),
        `${key}, ${told}`,
      ).toBe(true);
    }
    // The one of the run before goes before its files do.
    if (manifest)
      expect([JSON.parse(manifest.toString()).runId, hasAll(there, before)], told).toEqual([first.run_id, true]);
    const missing = ENTITIES.filter(
      (entity) =>
        !there.get(`${entity}/${entity}.csv`)?.equals(after.get(`${entity}/${entity}.csv`) ?? Buffer.alloc(0)),
    );
    moment = randomInt(0, Math.max(1, missing.length * bytes));
    if (time < KILLS - 1) stopped = tap.stopAfter(moment);
    else tap.pass();
    worker = await services.startWorker(`another-${time}`);
  }
  await expectDelivered(second);
  const there = await objects();
  expect(hasAll(there, after)).toBe(true);
  expect(there.size).toBe(after.size + 1);
  expect(JSON.parse(there.get('manifest.json')?.toString() ?? '')).toMatchObject({ runId: second.run_id });
  expect(await bucket.listIncompleteUploads(name, '', true).toArray()).toEqual([]);
}, 240_000);
