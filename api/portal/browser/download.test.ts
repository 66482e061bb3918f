import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { collect, sample } from '../../../streams/stream-fixture.ts';
import { DownloadError, download } from './download.ts';

const FILE = sample(300_000);
let close = () => undefined as unknown;
afterEach(() => close());

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const read = (address: string, signal = new AbortController().signal) =>
  collect(download(address, FILE.length, signal));

it('continues where the connection broke', async () => {
  const asked: (string | undefined)[] = [];
  const address = await serve((request, response) => {
    asked.push(request.headers.range);
    const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
    if (from > 0) expect(request.headers['if-match']).toBe('"one"');
    response.writeHead(from > 0 ? 206 : 200, { ETag: '"one"', 'Content-Length': FILE.length - from });
    if (asked.length > 2) return response.end(FILE.subarray(from));
    // What was written is sent; then the connection ends before the file does.
    response.write(FILE.subarray(from, from + 100_000), () => response.socket?.end());
  });
  expect((await read(address)).equals(FILE)).toBe(true);
  expect(asked[0]).toBeUndefined();
  expect(asked).toHaveLength(3);
});

it.each([
  [404, /gone/],
  [410, /gone/],
  [403, /refused the download \(403\)/],
])('status %i is told at once', async (status, message) => {
  let asked = 0;
  const address = await serve((_, response) => {
    asked += 1;
    response.writeHead(status).end();
  });
  const error: unknown = await read(address).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DownloadError);
  expect(String(error)).toMatch(message);
  expect(asked).toBe(1);
});

it('does not join two versions of a file', async () => {
  let asked = 0;
  const address = await serve((_, response) => {
    asked += 1;
    if (asked > 1) return response.writeHead(412).end();
    response.writeHead(200, { ETag: '"one"', 'Content-Length': FILE.length });
    response.write(FILE.subarray(0, 100), () => response.socket?.end());
  });
  await expect(read(address)).rejects.toThrow(/replaced/);
});

it('ends when it is cancelled, also while it waits', async () => {
  const controller = new AbortController();
  const address = await serve((_, response) => {
    response.writeHead(503).end();
    controller.abort();
  });
  await expect(read(address, controller.signal)).rejects.toThrow(/abort/i);
});
