import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type ClientRequest, createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createObjects } from './minio.ts';
import type { Objects } from './objects.ts';

/** Long enough for a loopback answer, short enough to wait for. */
const SILENCE = 150;
const PART = 5 * 1024 * 1024;
const never = new AbortController().signal;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function objectsAt(port: number): Objects {
  return createObjects({
    url: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'bucket',
    accessKey: 'access',
    secretKey: 'secret',
    partBytes: PART,
    silenceMilliseconds: SILENCE,
  });
}

/** A store that behaves as the listener does. */
async function storeThat(answers: RequestListener): Promise<Objects> {
  const server = createHttpServer(answers);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return objectsAt((server.address() as AddressInfo).port);
}

/** A store that takes connections and never says a word. @returns also how many connections are open */
async function silentStore(): Promise<{ objects: Objects; connections: ReadonlySet<Socket> }> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => undefined).on('close', () => connections.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of connections) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { objects: objectsAt((server.address() as AddressInfo).port), connections };
}

function failing(status: number, code: string): RequestListener {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>at 10.0.0.1</Message></Error>`);
  };
}

async function* chunks(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at += 1) yield Buffer.alloc(bytes, at);
}

async function drain(source: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) bytes += chunk.length;
  return bytes;
}

describe('a store', () => {
  it('that refuses connections is unavailable, whatever is asked', async () => {
    const { objects } = await silentStore();
    for (const close of closers.splice(0)) await close();
    const calls = [
      () => objects.prepare(),
      () => objects.ping(),
      () => objects.head('key'),
      () => objects.get('key'),
      () => objects.put('key', new Uint8Array(1), 'text/plain'),
      () => objects.write('key', chunks(1, 1), { contentType: 'text/plain', signal: never }),
      () => objects.write('key', chunks(3, PART), { contentType: 'text/plain', signal: never }),
      () => drain(objects.read('key', undefined, never)),
      () => objects.remove(['key']),
      () => objects.abortUploadsOf(['key']),
      () => objects.abortUploads('key'),
      async () => {
        for await (const _ of objects.list('key'));
      },
    ];
    for (const call of calls) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error, String(call)).toMatchObject({ code: 'objects_unavailable', cause: { code: 'ECONNREFUSED' } });
      expect((error as Error).message).not.toMatch(/127\.0\.0\.1|key/);
    }
  });

  it('that never answers is noticed', async () => {
    const { objects } = await silentStore();
    for (const call of [
      () => objects.head('key'),
      () => drain(objects.read('key', undefined, never)),
      () => objects.write('key', chunks(3, PART), { contentType: 'text/plain', signal: never }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'objects_unavailable', cause: { name: 'StoreSilent' } });
    }
  });

  it('that falls silent within an object is noticed', async () => {
    const objects = await storeThat((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
    });
    const reading = drain(objects.read('key', undefined, never));
    await expect(reading).rejects.toMatchObject({ code: 'objects_unavailable', cause: { name: 'StoreSilent' } });
  });

  it('that cuts the connection within an object is unavailable, not the object damaged', async () => {
    const objects = await storeThat((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => response.socket?.destroy());
    });
    await expect(drain(objects.read('key', undefined, never))).rejects.toMatchObject({ code: 'objects_unavailable' });
  });

  it('that closes the connection of a reader is asked for the rest', async () => {
    const content = randomBytes(1000);
    const ranges: (string | undefined)[] = [];
    const objects = await storeThat((request, response) => {
      ranges.push(request.headers.range);
      const [, from = 0, to = content.length - 1] = (/(\d+)-(\d+)?/.exec(request.headers.range ?? '') ?? []).map(
        Number,
      );
      const part = content.subarray(from, Number.isNaN(to) ? undefined : to + 1);
      response.writeHead(206, { 'content-length': part.length });
      if (ranges.length > 2) response.end(part);
      else response.write(part.subarray(0, 300), () => response.socket?.destroy());
    });
    const received: Buffer[] = [];
    for await (const chunk of objects.read('key', { offset: 100, length: 800 }, never))
      received.push(Buffer.from(chunk));
    expect(Buffer.concat(received)).toEqual(content.subarray(100, 900));
    expect(ranges).toEqual(['bytes=100-899', 'bytes=400-899', 'bytes=700-899']);
  });

  it('is not blamed for a reader that is slow', async () => {
    const bytes = 4 * 1024 * 1024;
    const objects = await storeThat((_, response) => {
      response.writeHead(200, { 'content-length': bytes });
      response.end(Buffer.alloc(bytes));
    });
    let timeouts = 0;
    const watch = (message: unknown) => {
      (message as { readonly request: ClientRequest }).request.on('timeout', () => {
        timeouts += 1;
      });
    };
    subscribe('http.client.request.start', watch);
    closers.push(async () => void unsubscribe('http.client.request.start', watch));
    let seen = 0;
    for await (const chunk of objects.read('key', undefined, never)) {
      if (seen === 0) await expect.poll(() => timeouts, { timeout: 4_000 }).toBeGreaterThan(0);
      seen += chunk.length;
    }
    expect(seen).toBe(bytes);
  });

  it.each([
    [507, 'XMinioStorageFull', 'objects_full'],
    [400, 'XMinioAdminBucketQuotaExceeded', 'objects_full'],
    [403, 'AccessDenied', 'objects_unavailable'],
    [404, 'NoSuchBucket', 'objects_unavailable'],
    [501, 'NotImplemented', 'objects_unavailable'],
  ])('that answers %i %s: %s, and its words are not repeated', async (status, code, expected) => {
    const objects = await storeThat(failing(status, code));
    const error: unknown = await objects.put('key', new Uint8Array(1), 'text/plain').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: expected, cause: { code } });
    expect((error as Error).message).not.toContain('10.0.0.1');
  });

  it('that is busy for a moment is asked again', async () => {
    let asked = 0;
    const objects = await storeThat((request, response) => {
      asked += 1;
      if (asked === 1) return failing(503, 'SlowDown')(request, response);
      request.resume().on('end', () => response.end());
    });
    await objects.put('key', new Uint8Array(1), 'text/plain');
    expect(asked).toBe(2);
  });
});

describe('an abort', () => {
  it('ends a part that the store does not take, and closes its connection', async () => {
    const abort = new AbortController();
    const requests: string[] = [];
    const objects = await storeThat((request, response) => {
      requests.push(`${request.method} ${new URL(request.url ?? '', 'http://store').searchParams}`);
      // Takes parts without ever answering.
      request.resume();
      if (request.method === 'POST') {
        const result = 'InitiateMultipartUploadResult';
        response.end(`<?xml version="1.0"?><${result}><UploadId>upload-1</UploadId></${result}>`);
      }
      if (request.method === 'PUT') setImmediate(() => abort.abort(new RangeError('enough')));
      if (request.method === 'DELETE') response.writeHead(204).end();
    });
    const writing = objects.write('key', chunks(2, PART), { contentType: 'text/plain', signal: abort.signal });
    await expect(writing).rejects.toThrow('enough');
    expect(requests.at(-1)).toBe('DELETE uploadId=upload-1');
  });

  it('ends a read that the store does not answer', async () => {
    const { objects, connections } = await silentStore();
    const abort = new AbortController();
    const reading = drain(objects.read('key', undefined, abort.signal));
    await expect.poll(() => connections.size).toBe(1);
    abort.abort(new RangeError('enough'));
    await expect(reading).rejects.toThrow('enough');
    await expect.poll(() => connections.size).toBe(0);
  });
});

describe('parts', () => {
  it('cannot be smaller than S3 takes', () => {
    const options = { url: 'http://127.0.0.1:1', region: '', bucket: 'bucket', accessKey: 'a', secretKey: 's' };
    expect(() => createObjects({ ...options, partBytes: PART - 1 })).toThrow(RangeError);
  });
});
