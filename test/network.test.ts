import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { readZip } from './archive.ts';
import { writeCatalog } from './cleanup.ts';
import { startServicesOnNetwork } from './context.ts';
import { ETHERNET, LINKS, type Network } from './network.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';
import { createPeriodicClient, enableAndWait } from './periodic-client.ts';

/** 30 MB as CSV, because a fault once cut only downloads of more than 10 MB. */
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

let network: Network;
let onDemand: OnDemandClient;

beforeAll(async () => {
  ({ network } = await startServicesOnNetwork({ ...(await writeCatalog(CATALOG)), WAYBILL_PART_ROWS: '16000' }));
  onDemand = createOnDemandClient(network.url, 'acme');
});
afterEach(async () => {
  for (const link of LINKS) await network.calm(link);
});

const WIDE = { ...ALWAYS, exportType: 'WIDE', format: 'CSV' };

/** The content of the warehouse. */
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

describe('a network with segments of 1,400 bytes', () => {
  it('delivers an export complete, at every download', async () => {
    for (const link of LINKS) await network.disturb(link, ETHERNET);
    const id = await onDemand.order(WIDE);
    expect(await onDemand.ended(id)).toMatchObject({ state: 'completed' });
    for (let time = 0; time < 4; time += 1) expectSame(await onDemand.file(id));
  });

  it('delivers a range of a sealed export, and its content decrypted', async () => {
    for (const link of LINKS) await network.disturb(link, ETHERNET);
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const id = await onDemand.order({ ...WIDE, recipients: [recipient], compression: 'zstd' });
    expect(await onDemand.ended(id)).toMatchObject({ state: 'completed' });
    const sealed = await onDemand.file(id);
    const range = await onDemand.file(id, { range: 'bytes=1000-99999' });
    expect(range.equals(sealed.subarray(1000, 100_000))).toBe(true);
    const opened = await onDemand.file(id, { 'x-private-key': identity });
    expect(opened.length).toBeGreaterThan(0);
  });

  it('delivers each periodic file and the archive of all files complete', async () => {
    for (const link of LINKS) await network.disturb(link, ETHERNET);
    const periodic = createPeriodicClient(network.url, 'acme-demo-secret');
    const { privateKey: key } = await enableAndWait(periodic);
    expectSame(await periodic.download('file=wide&fileType=csv', key));
    const archive = await readZip(await periodic.downloadAll('fileType=csv', key));
    expectSame(archive.get('wide.csv') ?? Buffer.alloc(0));
    const typed = await periodic.download('file=wide&fileType=json&parseJsonDataTypes=true', key);
    expect(JSON.parse(typed.toString())).toHaveLength(32_000);
    expect((await periodic.request('GET', '/dataexport/manifest')).status).toBe(200);
    await periodic.disable();
  });
});

describe('a slow network', () => {
  it('of 50 ms each way and 1 MB/s makes and delivers an export', async () => {
    for (const link of LINKS) await network.disturb(link, { type: 'latency', latency: 50 });
    await network.disturb('objects', { type: 'bandwidth', rate: 1000 });
    const id = await onDemand.order({ ...WIDE, compression: 'zstd' });
    expect(await onDemand.ended(id, 100)).toMatchObject({ state: 'completed' });
    expect((await onDemand.file(id)).length).toBe((await onDemand.manifest(id)).bytes);
  });
});

describe('a network that resets connections to the object store', () => {
  it('does not prevent that an active export completes with the right content', async () => {
    await network.disturb('objects', { type: 'bandwidth', rate: 2000 }, ['to-server']);
    const id = await onDemand.order(WIDE);
    await onDemand.until(id, ({ progress }) => progress.contentBytes > 0);
    await network.disturb('objects', { type: 'reset_peer', timeout: 0 });
    await network.calm('objects');
    expect(await onDemand.ended(id, 100)).toMatchObject({ state: 'completed' });
    expectSame(await onDemand.file(id));
  });

  it('cuts a download recognizably, which a range request resumes', async () => {
    const id = await onDemand.order(WIDE);
    expect(await onDemand.ended(id)).toMatchObject({ state: 'completed' });
    await network.disturb('objects', { type: 'bandwidth', rate: 5000 }, ['from-server']);
    const answer = await onDemand.request('GET', `/exports/${id}/file`);
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
    const rest = await onDemand.file(id, { range: `bytes=${begin.length}-` });
    expectSame(Buffer.concat([begin, rest]));
  });
});

describe('a server that stops responding', () => {
  const SILENT = { type: 'timeout', timeout: 0 } as const;
  const within10s = (path: string) =>
    fetch(`${network.url}${path}`, {
      headers: { 'api-key': 'acme-demo-secret' },
      signal: AbortSignal.timeout(10_000),
    });

  it('is the object store: calls that need it get 503 within 10 s, and exports go on afterwards', async () => {
    const done = await onDemand.order({ ...WIDE, columns: ['id'] });
    expect(await onDemand.ended(done)).toMatchObject({ state: 'completed' });
    await network.disturb('objects', { type: 'bandwidth', rate: 2000 }, ['to-server']);
    const id = await onDemand.order(WIDE);
    await onDemand.until(id, ({ progress }) => progress.contentBytes > 0);
    await network.calm('objects');
    await network.disturb('objects', SILENT);
    const answer = await within10s(`/exports/${done}/manifest`);
    expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true]);
    expect(await answer.json()).toMatchObject({ code: 'objects_unavailable' });
    expect((await within10s('/readyz')).status).toBe(503);
    expect((await within10s(`/exports/${id}`)).status).toBe(200);
    await network.calm('objects');
    expect(await onDemand.ended(id, 100)).toMatchObject({ state: 'completed' });
    expectSame(await onDemand.file(id));
  });

  it('is Temporal: orders get 503 within 10 s, and existing exports stay available', async () => {
    const done = await onDemand.order({ ...WIDE, columns: ['id'] });
    expect(await onDemand.ended(done)).toMatchObject({ state: 'completed' });
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

  it('is the ledger: calls get 503 in time, and succeed once it responds', async () => {
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
