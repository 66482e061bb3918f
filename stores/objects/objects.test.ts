import { randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createObjects } from './minio.ts';
import { type Objects, readObject } from './objects.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A store whose one object comes in segments of this many bytes, each in a turn of the event loop of its own. */
async function storeInSegments(content: Buffer, segment: number): Promise<Objects> {
  async function send(response: ServerResponse): Promise<void> {
    response.writeHead(206, { 'content-length': content.length });
    for (let at = 0; at < content.length; at += segment) {
      response.write(content.subarray(at, at + segment));
      await nextTurn();
    }
    response.end();
  }
  const server = createServer((_request, response) => void send(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  const place = { url: `http://127.0.0.1:${port}`, region: 'us-east-1', bucket: 'bucket' };
  return createObjects({ ...place, accessKey: 'access', secretKey: 'secret' });
}

it.each([1, 536, 1400, 1460, 8192, 65_536])('reads an object that comes in segments of %i bytes', async (segment) => {
  const content = randomBytes(Math.min(200_000, segment * 1000));
  const objects = await storeInSegments(content, segment);
  const read: Buffer[] = [];
  const slice = { key: 'key', offset: 0, length: content.length };
  for await (const chunk of readObject(objects, slice, new AbortController().signal)) {
    read.push(Buffer.from(chunk));
    // A reader that takes its time: chunks wait, and Node joins those that are small.
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  }
  expect(Buffer.concat(read).equals(content)).toBe(true);
});
