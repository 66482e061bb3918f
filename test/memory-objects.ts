import { createHash } from 'node:crypto';
import { WaybillError } from '../contracts/failures.ts';
import type { Metadata, Objects } from '../stores/objects/objects.ts';
import { interruptible } from '../streams/handoff.ts';

/** Size of the chunks of a read; small, so that ranges begin and end within chunks. */
const CHUNK_BYTES = 1000;

/** An object store in memory, without multipart uploads. Tests can damage its objects. */
export interface MemoryObjects extends Objects {
  readonly stored: Map<string, Uint8Array>;
  /** Media types of the objects that were written through the port, by key. */
  readonly contentTypes: ReadonlyMap<string, string>;
  /** While true, every method fails with `objects_unavailable`. */
  away: boolean;
  readonly openReads: number;
}

export function createMemoryObjects(): MemoryObjects {
  const stored = new Map<string, Uint8Array>();
  const contentTypes = new Map<string, string>();
  const metadatas = new Map<string, Metadata>();
  let openReads = 0;
  const objects: MemoryObjects = {
    stored,
    contentTypes,
    away: false,
    get openReads() {
      return openReads;
    },
    async prepare() {},
    async ping() {
      reach();
    },
    async write(key, source, { contentType, signal, onProgress }) {
      reach();
      const chunks: Uint8Array[] = [];
      for await (const chunk of interruptible(source, signal)) chunks.push(Buffer.from(chunk));
      const body = Buffer.concat(chunks);
      onProgress?.(body.byteLength);
      signal.throwIfAborted();
      await objects.put(key, body, contentType);
      return { bytes: body.byteLength, sha256: createHash('sha256').update(body).digest('hex') };
    },
    async put(key, body, contentType, metadata = {}) {
      reach();
      stored.set(key, body.slice());
      metadatas.set(key, metadata);
      contentTypes.set(key, contentType);
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
        const end = Math.min(offset + length, body.byteLength);
        for (let at = offset; at < end; at += CHUNK_BYTES) {
          signal.throwIfAborted();
          yield new Uint8Array(body.subarray(at, Math.min(at + CHUNK_BYTES, end)));
        }
        signal.throwIfAborted();
        if (offset + length > body.byteLength) throw new WaybillError('object_damaged');
      } finally {
        openReads -= 1;
      }
    },
    async head(key) {
      reach();
      const body = stored.get(key);
      return body && { key, bytes: body.byteLength, modifiedAt: new Date(), metadata: metadatas.get(key) ?? {} };
    },
    async *list(prefix) {
      reach();
      for (const [key, body] of [...stored].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
        if (key.startsWith(prefix)) yield { key, bytes: body.byteLength, modifiedAt: new Date() };
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
