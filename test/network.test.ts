import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { type NetworkedServices, startServicesOnNetwork } from './context.ts';
import { ALWAYS, createDoorClient, type DoorClient } from './door.ts';
import { ETHERNET, LINKS, type Network } from './network.ts';
import { readZip } from './periodic-archive.ts';
import { createPeriodicClient } from './periodic-door.ts';

/** 30 MB as CSV: downloads of less than 10 MB were whole when larger ones were cut. */
const CATALOG = `
datasets:
  - name: WIDE
    title: More than a few segments
    doors: [on-demand, periodic]
    offered_as: wide
    sql: SELECT 'acme' AS tenant, i AS id, repeat(md5(i::VARCHAR), 30) AS text FROM range(32000) AS r(i)
    tenant_column: tenant
    formats: [csv, jsonl]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
`;

let folder: string;
let services: NetworkedServices;
let network: Network;
let door: DoorClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-network-'));
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  services = await startServicesOnNetwork({
    WAYBILL_CATALOG: join(folder, 'catalog.yaml'),
    WAYBILL_WAREHOUSE_SQL: 'SELECT 1',
    WAYBILL_PART_ROWS: '16000',
  });
  ({ network } = services);
  door = createDoorClient(network.url, 'acme');
});
afterAll(async () => {
  await services?.stop();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const link of LINKS) await network.calm(link);
});

const WIDE = { ...ALWAYS, exportType: 'WIDE', format: 'CSV' };

/** The content as the warehouse holds it. */
function expectedCsv(): Buffer {
  const lines = ['id,text'];
  for (let id = 0; id < 32_000; id += 1) {
    lines.push(`${id},${createHash('md5').update(String(id)).digest('hex').repeat(30)}`);
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}

function expectSame(file: Buffer, expected = expectedCsv()): void {
  expect(file.equals(expected)).toBe(true);
}

describe('segments of 1,400 bytes', () => {
  it('on demand: an export arrives whole, every time it is downloaded', async () => {
    for (const link of LINKS) await network.disturb(link, ETHERNET);
    const id = await door.order(WIDE);
    expect(await door.ended(id)).toMatchObject({ state: 'completed' });
    for (let time = 0; time < 4; time += 1) expectSame(await door.file(id));
  });

  it('on demand: a sealed export is opened by the server, and a range of it is sent', async () => {
    for (const link of LINKS) await network.disturb(link, ETHERNET);
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const id = await door.order({ ...WIDE, recipients: [recipient], compression: 'zstd' });
    expect(await door.ended(id)).toMatchObject({ state: 'completed' });
    const sealed = await door.file(id);
    const range = await door.file(id, { range: 'bytes=1000-99999' });
    expect(range.equals(sealed.subarray(1000, 100_000))).toBe(true);
    const opened = await door.file(id, { 'x-private-key': identity });
    expect(opened.length).toBeGreaterThan(0);
  });

  it('periodic: every file and the archive of all files arrive whole', async () => {
    for (const link of LINKS) await network.disturb(link, ETHERNET);
    const client = createPeriodicClient(network.url, 'acme-demo-secret');
    const key = (await client.enable()).privateKey ?? '';
    await client.generation();
    expectSame(await client.download('file=wide&fileType=csv', key));
    const archive = await readZip(await client.downloadAll('fileType=csv', key));
    expectSame(archive.get('wide.csv') ?? Buffer.alloc(0));
    const typed = await client.download('file=wide&fileType=json&parseJsonDataTypes=true', key);
    expect(JSON.parse(typed.toString())).toHaveLength(32_000);
    expect((await client.request('GET', '/dataexport/manifest')).status).toBe(200);
    await client.disable();
  });
});

describe('a slow network', () => {
  it('with 50 ms each way and 1 MB/s: an export is made and downloaded', async () => {
    for (const link of LINKS) await network.disturb(link, { type: 'latency', latency: 50 });
    await network.disturb('objects', { type: 'bandwidth', rate: 1000 });
    const id = await door.order({ ...WIDE, compression: 'zstd' });
    expect(await door.ended(id, 100)).toMatchObject({ state: 'completed' });
    expect((await door.file(id)).length).toBe((await door.manifest(id)).bytes);
  });
});

describe('a network that resets connections', () => {
  it('to the object store: an export under way is completed, and its content is right', async () => {
    await network.disturb('objects', { type: 'bandwidth', rate: 2000 }, ['to-server']);
    const id = await door.order(WIDE);
    await door.until(id, ({ progress }) => progress.contentBytes > 0);
    await network.disturb('objects', { type: 'reset_peer', timeout: 0 });
    await network.calm('objects');
    expect(await door.ended(id, 100)).toMatchObject({ state: 'completed' });
    expectSame(await door.file(id));
  });

  it('to the object store: a download that was cut can be told from a whole one, and is resumed by a range', async () => {
    const id = await door.order(WIDE);
    expect(await door.ended(id)).toMatchObject({ state: 'completed' });
    await network.disturb('objects', { type: 'bandwidth', rate: 5000 }, ['from-server']);
    const answer = await door.request('GET', `/exports/${id}/file`);
    const received: Uint8Array[] = [];
    await expect(
      (async () => {
        for await (const chunk of answer.body ?? []) {
          received.push(chunk);
          if (received.length === 1) await network.cut('objects');
        }
      })(),
    ).rejects.toThrow();
    await network.mend('objects');
    await network.calm('objects');
    const begin = Buffer.concat(received);
    const rest = await door.file(id, { range: `bytes=${begin.length}-` });
    expectSame(Buffer.concat([begin, rest]));
  });
});

describe('a server that falls silent', () => {
  const SILENT = { type: 'timeout', timeout: 0 } as const;
  const within10s = async (path: string) =>
    fetch(`${network.url}${path}`, {
      headers: { 'api-key': 'acme-demo-secret' },
      signal: AbortSignal.timeout(10_000),
    });

  it('the object store: calls that need it are told within 10 s, and exports go on afterwards', async () => {
    const done = await door.order({ ...WIDE, columns: ['id'] });
    expect(await door.ended(done)).toMatchObject({ state: 'completed' });
    await network.disturb('objects', { type: 'bandwidth', rate: 2000 }, ['to-server']);
    const id = await door.order(WIDE);
    await door.until(id, ({ progress }) => progress.contentBytes > 0);
    await network.calm('objects');
    await network.disturb('objects', SILENT);
    const answer = await within10s(`/exports/${done}/manifest`);
    expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true]);
    expect(await answer.json()).toMatchObject({ code: 'objects_unavailable' });
    expect((await within10s('/readyz')).status).toBe(503);
    expect((await within10s(`/exports/${id}`)).status).toBe(200);
    await network.calm('objects');
    expect(await door.ended(id, 100)).toMatchObject({ state: 'completed' });
    expectSame(await door.file(id));
  });

  it('Temporal: orders are refused within 10 s, and what exists can still be looked at', async () => {
    const done = await door.order({ ...WIDE, columns: ['id'] });
    expect(await door.ended(done)).toMatchObject({ state: 'completed' });
    await network.disturb('temporal', SILENT);
    const answer = await fetch(`${network.url}/exports`, {
      method: 'POST',
      headers: { 'api-key': 'acme-demo-secret', 'content-type': 'application/json' },
      body: JSON.stringify({ ...WIDE, columns: ['text'] }),
      signal: AbortSignal.timeout(10_000),
    });
    expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true]);
    expect((await within10s(`/exports/${done}`)).status).toBe(200);
    expect((await within10s(`/exports/${done}/file`)).status).toBe(200);
  });

  it('the ledger: calls are told in time, and served again once it speaks', async () => {
    await network.disturb('ledger', SILENT);
    const answer = await fetch(`${network.url}/exports`, {
      headers: { 'api-key': 'acme-demo-secret' },
      signal: AbortSignal.timeout(20_000),
    });
    expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true]);
    await network.calm('ledger');
    await expect.poll(() => within10s('/exports').then(({ status }) => status), { timeout: 30_000 }).toBe(200);
  });
});
