import { Client } from 'minio';
import { expect } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import { type Manifest, parseManifest } from '../contracts/manifest.ts';
import type { ServiceSettings } from '../stack/stack.ts';
import { createObjects, objectsOptions } from '../stores/objects/minio.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { useStack } from './context.ts';
import { generationPrefix } from './keys.ts';

/** An operator's access to the object store. */
export function openBucket(settings: ServiceSettings = useStack().settings): Objects {
  return createObjects(objectsOptions(settings));
}

/** Keys of everything below a prefix. */
export async function keysBelow(bucket: Objects, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const object of bucket.list(prefix)) keys.push(object.key);
  return keys;
}

/** Checks that no objects and no uploads are left below a prefix, now or within some seconds. */
export async function expectEmpty(bucket: Objects, prefix: string, seconds = 0): Promise<void> {
  if (seconds > 0) await expect.poll(() => keysBelow(bucket, prefix), { timeout: seconds * 1000 }).toEqual([]);
  expect(await keysBelow(bucket, prefix)).toEqual([]);
  expect(await bucket.abortUploads(prefix)).toBe(0);
}

/** Reads the manifest of a tenant's periodic files. @throws Error if it is invalid */
export async function readGeneration(bucket: Objects, tenant: string, generationId: string): Promise<Manifest> {
  const stored = await bucket.get(manifestKey(generationPrefix(tenant, generationId)));
  const read = parseManifest(Buffer.from(stored ?? '').toString());
  if ('problem' in read) throw new Error(read.problem);
  return read.manifest;
}

/** Number of incomplete multipart uploads of exactly this key, which the port does not list. */
export async function countUploads(settings: ServiceSettings, key: string): Promise<number> {
  const { hostname, port } = new URL(settings.WAYBILL_OBJECTS_URL);
  const client = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    region: settings.WAYBILL_OBJECTS_REGION,
    accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY,
    secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY,
  });
  const bucket = settings.WAYBILL_OBJECTS_BUCKET;
  return (await client.listIncompleteUploadsQuery(bucket, key, '', '', '')).uploads.length;
}
