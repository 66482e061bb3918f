import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { serveHealth } from './health.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/** @returns a port of loopback that is taken until `close` */
async function takePort(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

it('a worker whose health port is taken says which setting to change, and ends', async () => {
  const { port, close } = await takePort();
  const environment = {
    WAYBILL_LEDGER_URL: 'postgres://127.0.0.1:1/none',
    WAYBILL_OBJECTS_ACCESS_KEY: 'none',
    WAYBILL_OBJECTS_SECRET_KEY: 'none',
    WAYBILL_CATALOG: 'catalogs/sample',
    WAYBILL_WAREHOUSE_SQL: 'SELECT 1',
    WAYBILL_LINK_SECRET: 'a secret of a test',
    WAYBILL_TOKEN_SECRET: 'a secret of a test',
    WAYBILL_WORKER_HEALTH_PORT: String(port),
  };
  const run = promisify(execFile)(process.execPath, [MAIN], { env: environment, timeout: 30_000 });
  await expect(run).rejects.toMatchObject({
    code: 1,
    stderr: `Port ${port} is taken. Free it, or set WAYBILL_WORKER_HEALTH_PORT to another one.\n`,
  });
  close();
}, 40_000);

it('answers 503 with Retry-After while the worker is not healthy, 200 while it is, and 404 elsewhere', async () => {
  const { port, close } = await takePort();
  close();
  let healthy = false;
  const server = await serveHealth(port, () => healthy);
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    await answer.body?.cancel();
    return [answer.status, answer.headers.get('retry-after')];
  };
  expect(await ask('/healthz')).toEqual([503, '5']);
  healthy = true;
  expect(await ask('/healthz')).toEqual([200, null]);
  expect(await ask('/')).toEqual([404, null]);
  server.close();
});
