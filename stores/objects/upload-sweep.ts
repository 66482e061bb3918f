import type { Client } from 'minio';
import type { Objects } from './objects.ts';
import { asked, isMissing, objectsTrouble } from './trouble.ts';

interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
}

/** A count of keys that are asked for at once. */
const LANES = 8;

/** Finds and aborts multipart uploads that a lost attempt left behind. */
export function createUploadSweep(
  client: Client,
  bucket: string,
): Pick<Objects, 'abortUpload' | 'abortUploads' | 'abortUploadsOf'> {
  async function abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await client.abortMultipartUpload(bucket, key, uploadId);
    } catch (error) {
      if (!isMissing(error)) throw objectsTrouble(error);
    }
  }

  async function* openUploads(prefix: string): AsyncGenerator<OpenUpload> {
    for (let marker = '', more = true; more; ) {
      const page = await asked(client.listIncompleteUploadsQuery(bucket, prefix, marker, '', ''));
      for (const { key, uploadId } of page.uploads) yield { key: String(key), uploadId: String(uploadId) };
      more = page.isTruncated && page.nextKeyMarker !== '';
      marker = page.nextKeyMarker;
    }
  }

  async function abortUploadsOf(key: string): Promise<number> {
    let aborted = 0;
    for await (const upload of openUploads(key)) {
      // Other stores than MinIO take the key for a prefix.
      if (upload.key !== key) continue;
      await abortUpload(key, upload.uploadId);
      aborted += 1;
    }
    return aborted;
  }

  return {
    abortUpload,

    async abortUploadsOf(keys) {
      const waiting = [...keys];
      let aborted = 0;
      const lane = async () => {
        for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) aborted += await abortUploadsOf(key);
      };
      await Promise.all(Array.from({ length: Math.min(LANES, keys.length) }, lane));
      return aborted;
    },

    async abortUploads(prefix) {
      const aborted = new Set<string>();
      // MinIO takes the prefix for a key and lists the uploads of that key alone; without a prefix it lists all that
      // were begun since it was started. Source: cmd/erasure-server-pool.go, ListMultipartUploads.
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
