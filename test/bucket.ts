import { Client } from 'minio';
import { createObjects } from '../stores/objects/minio.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { useStack } from './context.ts';

/** The stack's object store, as its operator sees it. */
export function openBucket(settings: Readonly<Record<string, string>> = useStack().settings): Objects {
  const setting = (name: string) => {
    const value = settings[name];
    if (value === undefined) throw new Error(`the stack has no ${name}`);
    return value;
  };
  return createObjects({
    url: setting('WAYBILL_OBJECTS_URL'),
    region: 'us-east-1',
    bucket: setting('WAYBILL_OBJECTS_BUCKET'),
    accessKey: setting('WAYBILL_OBJECTS_ACCESS_KEY'),
    secretKey: setting('WAYBILL_OBJECTS_SECRET_KEY'),
  });
}

/** Keys of everything below a prefix. */
export async function keysBelow(bucket: Objects, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const object of bucket.list(prefix)) keys.push(object.key);
  return keys;
}

/** A count of the multipart uploads of exactly this key that are neither complete nor aborted; the port does not tell. */
export async function countUploads(settings: Readonly<Record<string, string>>, key: string): Promise<number> {
  const { hostname, port } = new URL(settings.WAYBILL_OBJECTS_URL ?? '');
  const client = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    region: 'us-east-1',
    accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY ?? '',
    secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY ?? '',
  });
  const bucket = settings.WAYBILL_OBJECTS_BUCKET ?? '';
  return (await client.listIncompleteUploadsQuery(bucket, key, '', '', '')).uploads.length;
}
