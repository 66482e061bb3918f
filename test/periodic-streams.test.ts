import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../contracts/manifest.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { readZip } from './archive.ts';
import { openBucket, readGeneration } from './bucket.ts';
import { writeCatalog } from './cleanup.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { type ObjectTap, openTap } from './object-tap.ts';
import { createPeriodicClient, enableAndWait, type PeriodicClient } from './periodic-client.ts';
import { openDownload } from './raw-download.ts';

/** About 100 MB as CSV, and half of that zipped: more than all buffers between the store and a client that does not read. */
const TEXT = Array.from({ length: 31 }, (_, at) => `md5('${at}/' || j)`).join(' || ');
const CATALOG = `
datasets:
  - name: vast
    title: More than fits between two processes
    doors: [periodic]
    sql: SELECT 'acme' AS tenant, j AS id, ${TEXT} AS text FROM range(100000) AS r(j)
    tenant_column: tenant
    columns: [{ name: id, type: integer }, { name: text, type: text }]
  - name: year
    title: A few rows behind them
    doors: [periodic]
    sql: SELECT 'acme' AS tenant, i AS id FROM range(20) AS r(i)
    tenant_column: tenant
    columns: [{ name: id, type: integer }]
`;

let tap: ObjectTap;
let services: OwnServices;
let bucket: Objects;
let client: PeriodicClient;
let privateKey: string;

beforeAll(async () => {
  tap = await openTap(useStack().urls.objects);
  services = await startOwnServices({ ...(await writeCatalog(CATALOG)), WAYBILL_OBJECTS_URL: tap.url });
  bucket = openBucket(services.settings);
  client = createPeriodicClient(services.url, 'acme-demo-secret');
  ({ privateKey } = await enableAndWait(client));
});

const open = (path: string) =>
  openDownload(`${services.url}/dataexport/${path}`, { 'api-key': 'acme-demo-secret', 'x-private-key': privateKey });

/** Reads one byte of a response and no more, until the store sends nothing either. */
async function stall(answer: IncomingMessage): Promise<void> {
  await new Promise((resolve) => answer.once('readable', resolve));
  answer.read(1);
  let before = -1;
  await expect
    .poll(
      () => {
        const still = tap.received() === before;
        before = tap.received();
        return still;
      },
      { interval: 500, timeout: 30_000 },
    )
    .toBe(true);
}

/** Reads a little every few seconds while something else happens: a client that reads nothing is cut off after a minute. */
async function sip(answer: IncomingMessage, until: Promise<void>): Promise<Buffer[]> {
  const read: Buffer[] = [];
  const ended = until.then(
    () => true,
    () => true,
  );
  do {
    const some: unknown = answer.read(SIP_BYTES) ?? answer.read();
    if (some instanceof Buffer) read.push(some);
  } while (!(await Promise.race([ended, delay(5000, false, { ref: false })])));
  return read;
}
const SIP_BYTES = 128 * 1024;

async function manifestNow(): Promise<Manifest> {
  return readGeneration(bucket, 'acme', (await client.generation()).generationId);
}

const PATHS = [
  'download?file=vast&fileType=csv',
  'download?file=vast&fileType=csv&sealed=true',
  'download?file=vast&fileType=json&parseJsonDataTypes=true',
  'downloadAll?fileType=csv',
  'downloadAll?fileType=csv&sealed=true',
];

describe.each(PATHS)('%s', (path) => {
  it('waits for a slow client, and stops reading once the client has gone', async () => {
    const begun = tap.received();
    const mark = tap.mark();
    const answer = await open(path);
    await stall(answer);
    expect(tap.received() - begun).toBeLessThan(60_000_000);
    expect(tap.busy(mark, 500_000)).toBe(1);
    answer.destroy();
    await expect.poll(() => tap.busy(mark, 500_000), { timeout: 10_000 }).toBe(0);
    expect(tap.received() - begun).toBeLessThan(70_000_000);
    expect((await client.download('file=year&fileType=csv', privateKey)).length).toBeGreaterThan(0);
  });
});

describe('a download during which a new generation is published', () => {
  /** A new run starts at once when periodic exports are enabled again. */
  async function publishAnother(before: string): Promise<void> {
    await client.disable();
    await client.enable();
    await client.generation(before);
  }

  /** Downloads slowly until another generation is published, and then the rest. */
  async function downloadMeanwhile(path: string, before: string) {
    const answer = await open(path);
    await stall(answer);
    const published = publishAnother(before);
    const begun = await sip(answer, published);
    await published;
    return { answer, body: Buffer.concat([...begun, await buffer(answer)]) };
  }

  it('is of the old one', async () => {
    const old = await manifestNow();
    const { answer, body } = await downloadMeanwhile('download?file=vast&fileType=csv&sealed=true', old.runId);
    expect(answer.complete).toBe(true);
    expect(answer.headers['x-waybill-generation']).toBe(old.runId);
    // `stall` has read the first byte.
    expect(body.length + 1).toBe(old.files.find(({ format }) => format === 'csv')?.bytes);
    expect((await manifestNow()).runId).not.toBe(old.runId);
  });

  it('is of the old one in every zip entry', async () => {
    const old = await manifestNow();
    const { answer, body } = await downloadMeanwhile('downloadAll?fileType=csv&sealed=true', old.runId);
    // The first byte is the same in every zip.
    const entries = await readZip(Buffer.concat([Buffer.from('P'), body]));
    expect(answer.headers['x-waybill-generation']).toBe(old.runId);
    for (const { file, parts } of old.files.filter(({ format }) => format === 'csv')) {
      const entry = entries.get(file) ?? Buffer.alloc(0);
      expect([file, createHash('sha256').update(entry).digest('hex')]).toEqual([file, parts[0]?.sha256]);
    }
  });
});
