import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { closeAtEnd, writeCatalog } from './cleanup.ts';
import { basic, startOwnServices } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';

const DOWNLOADS = 40;
/** Most that one of them may hold of the API, in KiB. */
const HELD_KIB = 1024;
/** What the process may take meanwhile for other things. */
const SLACK_KIB = 24 * 1024;
/** When a download whose client takes nothing is cut, at the earliest and at the latest, in milliseconds. */
const CUT_MS = 60_000;
const CUT_MS_MAX = 75_000;

const CATALOG = `
datasets:
  - name: WIDE
    title: 60 MB
    doors: [on-demand]
    sql: SELECT 'dreambuilder' AS tenant, repeat(md5(i::VARCHAR), 30) AS text FROM range(60000) AS r(i)
    tenant_column: tenant
    formats: [csv]
    columns: [text: text]
`;

/** @returns the resident memory of a process in KiB. Source: proc_pid_status(5) */
async function residentKib(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

test('downloads that nobody reads hold little of the API, and are cut in time', async () => {
  const { url, api } = await startOwnServices({
    ...(await writeCatalog(CATALOG)),
    WAYBILL_TENANT_DOWNLOADS_MAX: String(DOWNLOADS),
  });
  const client = createOnDemandClient(url, 'dreambuilder');
  const id = await client.order({ ...ALWAYS, exportType: 'WIDE', format: 'CSV' });
  expect(await client.ended(id)).toMatchObject({ state: 'completed' });
  expect((await client.file(id)).length).toBeGreaterThan(50_000_000);
  const before = await residentKib(api.pid ?? 0);

  const opened = Date.now();
  const sockets = await Promise.all(
    Array.from({ length: DOWNLOADS }, async () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      closeAtEnd(() => socket.destroy());
      socket.on('error', () => undefined);
      socket.write(`GET /exports/${id}/file HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic()}\r\n\r\n`);
      const [head] = (await once(socket, 'data')) as [Buffer];
      expect(head.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
      socket.pause();
      return socket;
    }),
  );
  const held = (await residentKib(api.pid ?? 0)) - before;
  expect(held).toBeLessThan(DOWNLOADS * HELD_KIB + SLACK_KIB);

  const another = async () =>
    (await client.request('GET', `/exports/${id}/file`, { headers: { range: 'bytes=0-0' } })).status;
  expect(await another()).toBe(429);
  await expect.poll(another, { timeout: CUT_MS_MAX, interval: 500 }).toBe(206);
  expect(Date.now() - opened).toBeGreaterThanOrEqual(CUT_MS);
  for (const socket of sockets) socket.destroy();
});
