import { WaybillError } from '../../contracts/failures.ts';
import { connector, type ObjectsOptions } from './connection.ts';
import { download } from './download.ts';
import type { ObjectInfo, Objects } from './objects.ts';
import { PART_BYTES_MIN } from './part-size.ts';
import { asked, isBucketTaken, isMissing, objectsTrouble } from './trouble.ts';
import { upload } from './upload.ts';
import { createUploadSweep } from './upload-sweep.ts';

const FIRST_PART_BYTES = 16 * 1024 * 1024;
/** While content flows: a busy store, or a slow reader's, may pause for this long. */
const SILENCE_MILLISECONDS = 60_000;
/** For requests without content. A caller waits for the answer, and is told within 10 s that there is none. */
const SHORT_SILENCE_MILLISECONDS = 8_000;
/** A store that takes longer to say that it is there is not. */
const PING_MILLISECONDS = 5_000;
/** S3 removes, and lists, at most this many keys in one request. */
const KEYS_MAX = 1_000;

/** One bucket of MinIO, Amazon S3 or any service that speaks its protocol. */
export function createObjects(options: ObjectsOptions): Objects {
  const { bucket, region } = options;
  const firstPartBytes = options.partBytes ?? FIRST_PART_BYTES;
  if (firstPartBytes < PART_BYTES_MIN) throw new RangeError(`partBytes is ${firstPartBytes}: S3 wants 5 MiB or more`);
  const silenceMilliseconds = options.silenceMilliseconds ?? SILENCE_MILLISECONDS;
  const connect = connector(options, silenceMilliseconds);
  const client = connector(options, Math.min(silenceMilliseconds, SHORT_SILENCE_MILLISECONDS))();

  async function* list(prefix: string): AsyncGenerator<ObjectInfo> {
    for (let token = '', more = true; more; ) {
      const page = await asked(client.listObjectsV2Query(bucket, prefix, token, '', KEYS_MAX, ''));
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
        if (!isBucketTaken(error)) throw objectsTrouble(error);
      }
    },

    write: (key, source, writeOptions) => upload({ connect, bucket, key, firstPartBytes }, source, writeOptions),

    async put(key, body, contentType) {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
      await asked(client.putObject(bucket, key, bytes, bytes.length, { 'content-type': contentType }));
    },

    async get(key) {
      try {
        const body = await client.getObject(bucket, key);
        return Buffer.concat(await body.toArray());
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw objectsTrouble(error);
      }
    },

    read: (key, range, signal) => download({ connect, bucket, key }, range, signal),

    async head(key) {
      try {
        const { size, lastModified } = await client.statObject(bucket, key);
        return { key, bytes: size, modifiedAt: lastModified };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw objectsTrouble(error);
      }
    },

    list,

    async remove(keys) {
      for (let at = 0; at < keys.length; at += KEYS_MAX) {
        const refused = await asked(client.removeObjects(bucket, keys.slice(at, at + KEYS_MAX)));
        if (refused.length > 0) {
          throw new WaybillError('objects_unavailable', 'The object store did not remove every file.', {
            cause: refused[0],
          });
        }
      }
    },

    ...createUploadSweep(client, bucket),

    async ping() {
      const found = await asked(connect(AbortSignal.timeout(PING_MILLISECONDS)).bucketExists(bucket));
      if (!found) throw new WaybillError('objects_unavailable', 'The object store has no such bucket.');
    },
  };
}
