import { createHash } from 'node:crypto';
import { WaybillError } from '../contracts/failures.ts';
import type { Objects } from '../stores/objects/objects.ts';

/** Bytes of one chunk of a read; small, so that ranges and borders are met in the middle of chunks. */
const CHUNK_BYTES = 1000;

/** An object store in memory, whose objects a test can damage. Counts the reads that are open. */
export interface MemoryObjects extends Objects {
  readonly stored: Map<string, Uint8Array>;
  /** While true, every method fails with `objects_unavailable`. */
  away: boolean;
  readonly openReads: number;
}

export function createMemoryObjects(): MemoryObjects {
  const stored = new Map<string, Uint8Array>();
  let openReads = 0;
  const objects: MemoryObjects = {
    stored,
    away: false,
    get openReads() {
      return openReads;
    },
    async prepare() {},
    async ping() {
      reach();
    },
    async write(key, source, { signal }) {
      reach();
      const chunks: Uint8Array[] = [];
      for await (const chunk of source) {
        signal.throwIfAborted();
        chunks.push(Buffer.from(chunk));
      }
      const body = Buffer.concat(chunks);
      stored.set(key, body);
      return { bytes: body.byteLength, sha256: createHash('sha256').update(body).digest('hex') };
    },
    async put(key, body) {
      reach();
      stored.set(key, body);
    },
    async get(key) {
      reach();
      return stored.get(key);
    },
    async *read(key, range, signal) {
      reach();
      const body = stored.get(key);
      if (!body) throw new WaybillError('not_found');
      const { offset, length } = range ?? { offset: 0, length: body.byteLength };
      openReads += 1;
      try {
        for (let at = offset; at < offset + length; at += CHUNK_BYTES) {
          signal.throwIfAborted();
          const chunk = new Uint8Array(body.subarray(at, Math.min(at + CHUNK_BYTES, offset + length)));
          if (chunk.byteLength === 0) throw new WaybillError('object_damaged');
          yield chunk;
        }
      } finally {
        openReads -= 1;
      }
    },
    async head(key) {
      reach();
      const body = stored.get(key);
      return body && { key, bytes: body.byteLength, modifiedAt: new Date(0) };
    },
    async *list(prefix) {
      reach();
      for (const [key, body] of [...stored].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (key.startsWith(prefix)) yield { key, bytes: body.byteLength, modifiedAt: new Date(0) };
      }
    },
    async remove(keys) {
      reach();
      for (const key of keys) stored.delete(key);
    },
    async abortUploads() {
      reach();
      return 0;
    },
    async abortUploadsOf() {
      reach();
      return 0;
    },
  };
  const reach = () => {
    if (objects.away) throw new WaybillError('objects_unavailable');
  };
  return objects;
}
