import type { Client } from 'minio';
import type { Settings } from '../../config/settings.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { connector, type ObjectsOptions } from './connection.ts';
import { download } from './download.ts';
import { isBucketTaken, isMissing, toFailure, translateErrors } from './errors.ts';
import type { ObjectInfo, Objects } from './objects.ts';
import { PART_BYTES_MIN } from './part-size.ts';
import { upload } from './upload.ts';

const FIRST_PART_BYTES = 16 * 1024 * 1024;
/** While content flows: a busy store, or one with a slow reader, may pause for this long. */
const SILENCE_MILLISECONDS = 60_000;
/** For requests without content: a caller waits for the response, and gets a 503 within 10 s. */
const SHORT_SILENCE_MILLISECONDS = 8_000;
/** Timeout of a health check. */
const PING_MILLISECONDS = 5_000;
/** S3 removes, and lists, at most this many keys in one request. */
const KEYS_MAX = 1_000;

/** How many keys are checked for uploads at once. */
const SWEEPS_MAX = 8;

/** Connection options from the settings. */
export function objectsOptions(
  settings: Pick<
    Settings,
    | 'WAYBILL_OBJECTS_URL'
    | 'WAYBILL_OBJECTS_REGION'
    | 'WAYBILL_OBJECTS_BUCKET'
    | 'WAYBILL_OBJECTS_ACCESS_KEY'
    | 'WAYBILL_OBJECTS_SECRET_KEY'
  >,
): ObjectsOptions {
  return {
    url: settings.WAYBILL_OBJECTS_URL,
    region: settings.WAYBILL_OBJECTS_REGION,
    bucket: settings.WAYBILL_OBJECTS_BUCKET,
    accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY,
    secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY,
  };
}

/** One bucket of MinIO, Amazon S3 or any service that speaks its protocol. */
export function createObjects(options: ObjectsOptions): Objects {
  const { bucket, region } = options;
  const firstPartBytes = options.partBytes ?? FIRST_PART_BYTES;
  if (firstPartBytes < PART_BYTES_MIN)
    throw new RangeError(`partBytes is ${firstPartBytes}: S3 requires at least 5 MiB`);
  const silenceMilliseconds = options.silenceMilliseconds ?? SILENCE_MILLISECONDS;
  const connect = connector(options, silenceMilliseconds);
  const client = connector(options, Math.min(silenceMilliseconds, SHORT_SILENCE_MILLISECONDS))();

  async function* list(prefix: string): AsyncGenerator<ObjectInfo> {
    for (let token = '', more = true; more; ) {
      const page = await translateErrors(client.listObjectsV2Query(bucket, prefix, token, '', KEYS_MAX, ''));
      for (const { name, size, lastModified } of page.objects) {
        if (name !== undefined && lastModified !== undefined)
          yield { key: name, bytes: size, modifiedAt: lastModified };
      }
      more = page.isTruncated;
      token = page.nextContinuationToken;
    }
  }

  return {
    async prepare() {
      try {
        if (!(await client.bucketExists(bucket))) await client.makeBucket(bucket, region);
      } catch (error) {
        if (!isBucketTaken(error)) throw toFailure(error);
      }
    },

    write: (key, source, writeOptions) => upload({ connect, bucket, key, firstPartBytes }, source, writeOptions),

    async put(key, body, contentType, metadata = {}) {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
      const headers = { 'content-type': contentType, ...metadata };
      await translateErrors(client.putObject(bucket, key, bytes, bytes.length, headers));
    },

    async get(key) {
      try {
        const body = await client.getObject(bucket, key);
        return Buffer.concat(await body.toArray());
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw toFailure(error);
      }
    },

    read: (key, range, signal) => download({ connect, bucket, key }, range, signal),

    async head(key) {
      try {
        const { size, lastModified, metaData } = await client.statObject(bucket, key);
        const metadata = Object.fromEntries(Object.entries(metaData).map(([name, text]) => [name, String(text)]));
        return { key, bytes: size, modifiedAt: lastModified, metadata };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw toFailure(error);
      }
    },

    list,

    async remove(keys) {
      for (let at = 0; at < keys.length; at += KEYS_MAX) {
        const refused = await translateErrors(client.removeObjects(bucket, keys.slice(at, at + KEYS_MAX)));
        if (refused.length > 0) {
          throw new WaybillError('objects_unavailable', 'The object store did not remove every file.', {
            cause: refused[0],
          });
        }
      }
    },

    ...createUploadSweep(client, bucket),

    async ping() {
      const found = await translateErrors(connect(AbortSignal.timeout(PING_MILLISECONDS)).bucketExists(bucket));
      if (!found) throw new WaybillError('objects_unavailable', 'The object store has no such bucket.');
    },
  };
}

interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
}

/** Finds and aborts multipart uploads left behind by lost attempts. */
function createUploadSweep(client: Client, bucket: string): Pick<Objects, 'abortUploads' | 'abortUploadsOf'> {
  async function abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await client.abortMultipartUpload(bucket, key, uploadId);
    } catch (error) {
      if (!isMissing(error)) throw toFailure(error);
    }
  }

  async function* openUploads(prefix: string): AsyncGenerator<OpenUpload> {
    for (let marker = '', more = true; more; ) {
      const page = await translateErrors(client.listIncompleteUploadsQuery(bucket, prefix, marker, '', ''));
      for (const { key, uploadId } of page.uploads) yield { key: String(key), uploadId: String(uploadId) };
      more = page.isTruncated && page.nextKeyMarker !== '';
      marker = page.nextKeyMarker;
    }
  }

  async function abortUploadsOf(key: string): Promise<number> {
    let aborted = 0;
    for await (const upload of openUploads(key)) {
      // Stores other than MinIO treat the key as a prefix.
      if (upload.key !== key) continue;
      await abortUpload(key, upload.uploadId);
      aborted += 1;
    }
    return aborted;
  }

  return {
    async abortUploadsOf(keys) {
      const waiting = [...keys];
      let aborted = 0;
      const lane = async () => {
        for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) aborted += await abortUploadsOf(key);
      };
      await Promise.all(Array.from({ length: Math.min(SWEEPS_MAX, keys.length) }, lane));
      return aborted;
    },

    async abortUploads(prefix) {
      const aborted = new Set<string>();
      // MinIO treats the prefix as a key and lists only uploads of that key; without a prefix it lists all uploads that
      // began since the server started. Source: cmd/erasure-server-pool.go, ListMultipartUploads.
      for (const query of new Set([prefix, ''])) {
        for await (const { key, uploadId } of openUploads(query)) {
          if (!key.startsWith(prefix) || aborted.has(uploadId)) continue;
          await abortUpload(key, uploadId);
          aborted.add(uploadId);
        }
      }
      return aborted.size;
    },
  };
}
