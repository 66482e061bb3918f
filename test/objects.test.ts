import { randomUUID } from 'node:crypto';
import { Client } from 'minio';
import { describe, expect, it } from 'vitest';
import { createObjects } from '../stores/objects/minio.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { pieces, sample } from '../streams/stream-fixture.ts';
import { useStack } from './context.ts';
import { CSV, describeObjects, MIB, never, PART } from './suites/objects.ts';

const { settings } = useStack();
const bucket = `conformance-${randomUUID()}`;
const connection = {
  url: settings.WAYBILL_OBJECTS_URL ?? '',
  region: 'us-east-1',
  accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY ?? '',
  secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY ?? '',
};
const objects: Objects = createObjects({ ...connection, bucket, partBytes: PART });

/** Sees what the port does not show. */
const raw = new Client({
  endPoint: new URL(connection.url).hostname,
  port: Number(new URL(connection.url).port),
  useSSL: false,
  region: connection.region,
  accessKey: connection.accessKey,
  secretKey: connection.secretKey,
});

/** Uploads of exactly this key that are neither complete nor aborted. */
async function openUploads(key: string): Promise<number> {
  return (await raw.listIncompleteUploadsQuery(bucket, key, '', '', '')).uploads.length;
}

async function beginUpload(key: string): Promise<string> {
  return raw.initiateNewMultipartUpload(bucket, key, {});
}

describeObjects('MinIO', {
  objects,
  partBytes: PART,
  contentTypeOf: async (key) => (await raw.statObject(bucket, key)).metaData['content-type'],
  openUploads,
});

describe('memory', () => {
  it('is bounded while an object is written', async () => {
    const chunk = sample(65_536);
    let peak = 0;
    async function* endless(bytes: number) {
      for (let at = 0; at < bytes; at += chunk.length) yield chunk;
    }
    const before = process.memoryUsage().external;
    await objects.write('large', endless(60 * PART), {
      ...CSV,
      onProgress: () => {
        peak = Math.max(peak, process.memoryUsage().external - before);
      },
    });
    // Three buffers, and what the garbage collector has not yet looked at.
    expect(peak).toBeLessThan(10 * PART);
  });

  it('is bounded while a reader is busy', async () => {
    await objects.write('slow', pieces(sample(20 * PART), [MIB]), CSV);
    const before = process.memoryUsage().external;
    const reading = objects.read('slow', undefined, never)[Symbol.asyncIterator]();
    await reading.next();
    // Other work goes on meanwhile, so the network has every chance to deliver more.
    for (let turn = 0; turn < 50; turn += 1) await objects.head('slow');
    expect(process.memoryUsage().external - before).toBeLessThan(4 * PART);
    await reading.return?.();
  });
});

describe('uploads that were left behind', () => {
  it('are aborted by prefix, and others are left alone', async () => {
    for (const key of ['swept/1/a', 'swept/1/b', 'swept/1/b', 'swept/2/a']) await beginUpload(key);
    expect(await objects.abortUploads('swept/1/')).toBe(3);
    expect(await objects.abortUploads('swept/1/')).toBe(0);
    expect([await openUploads('swept/1/a'), await openUploads('swept/1/b')]).toEqual([0, 0]);
    expect(await openUploads('swept/2/a')).toBe(1);
  });

  it('are aborted by exact key', async () => {
    for (const key of ['exact/a', 'exact/b', 'exact/b', 'exact/bc']) await beginUpload(key);
    expect(await objects.abortUploads('exact/a')).toBe(1);
    expect(await objects.abortUploadsOf(['exact/a', 'exact/b'])).toBe(2);
    expect(await objects.abortUploadsOf(['exact/a', 'exact/b'])).toBe(0);
    expect([await openUploads('exact/b'), await openUploads('exact/bc')]).toEqual([0, 1]);
  });
});

describe('the bucket', () => {
  it('is made once, by whoever comes first', async () => {
    const fresh = createObjects({ ...connection, bucket: `conformance-${randomUUID()}` });
    await expect(fresh.ping()).rejects.toMatchObject({ code: 'objects_unavailable' });
    await Promise.all([fresh.prepare(), fresh.prepare(), fresh.prepare()]);
    await fresh.prepare();
    await fresh.ping();
  });

  it('refuses wrong credentials without telling where it is', async () => {
    const stranger = createObjects({ ...connection, bucket, secretKey: 'not-the-secret' });
    for (const call of [() => stranger.put('x', sample(1), 'text/plain'), () => stranger.head('x')]) {
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'objects_unavailable' });
      expect((error as Error).message).not.toMatch(/127\.0\.0\.1|conformance|not-the-secret/);
    }
  });
});
