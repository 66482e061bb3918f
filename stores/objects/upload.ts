import { createHash } from 'node:crypto';
import { interruptible } from '../../streams/handoff.ts';
import type { Connect } from './connection.ts';
import { translateErrors } from './errors.ts';
import type { WriteOptions, WrittenObject } from './objects.ts';
import { PARTS_MAX, partBytes } from './part-size.ts';

/** Parts in flight while the next one is filled; uses one buffer more. */
const PARTS_IN_FLIGHT_MAX = 2;

/**
 * The first buffer starts small and grows to the size of a part: a whole part for each of many small objects would mean a
 * full garbage collection every few of them.
 */
const SMALL_BYTES = 256 * 1024;
const GROWTH = 4;

/** How long a cancelled export waits for an unresponsive store. */
const ABORT_MILLISECONDS = 10_000;

export interface Target {
  readonly connect: Connect;
  readonly bucket: string;
  readonly key: string;
  /** Bytes of the first part. An object that fits it is written by one Put. */
  readonly firstPartBytes: number;
}

/** Implements `Objects.write`. */
export async function upload(
  target: Target,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<WrittenObject> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const parts = createParts(target, options, signal, stop);
  const hash = createHash('sha256');
  let bytes = 0;
  let buffer = parts.nextBuffer();
  let filled = 0;
  try {
    for await (const chunk of interruptible(source, signal)) {
      hash.update(chunk);
      bytes += chunk.length;
      for (let at = 0; at < chunk.length; ) {
        // A full buffer is sent only if more follows, so the last part is never empty, and a single part is one Put.
        if (filled === buffer.length) {
          const larger = parts.grow(buffer);
          if (larger) {
            buffer = larger;
          } else {
            await parts.send(buffer, filled);
            buffer = parts.nextBuffer();
            filled = 0;
          }
        }
        const count = Math.min(buffer.length - filled, chunk.length - at);
        buffer.set(chunk.subarray(at, at + count), filled);
        at += count;
        filled += count;
      }
    }
    await parts.finish(buffer, filled);
    return { bytes, sha256: hash.digest('hex') };
  } catch (error) {
    stop.abort(error);
    await parts.abort();
    // The first error; requests that were aborted because of it only report the abort.
    throw signal.reason;
  }
}

function createParts(target: Target, options: WriteOptions, signal: AbortSignal, stop: AbortController) {
  const { connect, bucket, key, firstPartBytes } = target;
  const client = connect(signal);
  // Over HTTP the client hashes every part to sign it and the store hashes it again; over HTTPS neither does. The
  // content is protected by its hash in the manifest, and the manifest upload is signed.
  client.enableSHA256 = false;
  /** For requests that leave the store in an unknown state if aborted. */
  const steady = connect();
  const headers = { 'content-type': options.contentType };
  const etags: { part: number; etag: string }[] = [];
  const free: Buffer[] = [];
  const inFlight = new Set<Promise<void>>();
  let uploadId: string | undefined;
  let begun = 0;
  let bytesStored = 0;

  async function begin(): Promise<string> {
    if (uploadId !== undefined) return uploadId;
    uploadId = await translateErrors(steady.initiateNewMultipartUpload(bucket, key, { ...headers }));
    options.onUpload?.(uploadId);
    return uploadId;
  }

  async function sendPart(uploadID: string, part: number, buffer: Buffer, filled: number): Promise<void> {
    const body = buffer.subarray(0, filled);
    const config = { bucketName: bucket, objectName: key, uploadID, partNumber: part, headers: {} };
    const { etag } = await translateErrors(client.uploadPart(config, body));
    etags.push({ part, etag });
    free.push(buffer);
    stored(filled);
  }

  function stored(bytes: number): void {
    bytesStored += bytes;
    options.onProgress?.(bytesStored);
  }

  async function send(buffer: Buffer, filled: number): Promise<void> {
    const uploadID = await begin();
    signal.throwIfAborted();
    begun += 1;
    if (begun > PARTS_MAX) throw new RangeError(`an object has at most ${PARTS_MAX} parts`);
    const sending = sendPart(uploadID, begun, buffer, filled)
      // Stops waiting for the source, and aborts the other part.
      .catch((error: unknown) => stop.abort(error))
      .finally(() => inFlight.delete(sending));
    inFlight.add(sending);
    if (inFlight.size > PARTS_IN_FLIGHT_MAX) await Promise.race(inFlight);
    signal.throwIfAborted();
  }

  return {
    send,

    /** @returns a buffer for the next part: a returned one, unless parts have grown. The first one is small. */
    nextBuffer(): Buffer {
      const size = partBytes(firstPartBytes, begun + 1);
      const used = free.pop();
      if (used?.length === size) return used;
      return Buffer.allocUnsafeSlow(begun === 0 ? Math.min(size, SMALL_BYTES) : size);
    },

    /** @returns a larger buffer with the content of a full one; `undefined` if it has the size of a part */
    grow(full: Buffer): Buffer | undefined {
      const size = partBytes(firstPartBytes, begun + 1);
      if (full.length >= size) return undefined;
      const larger = Buffer.allocUnsafeSlow(Math.min(size, full.length * GROWTH));
      larger.set(full);
      return larger;
    },

    /** Sends the rest and completes the object. */
    async finish(buffer: Buffer, filled: number): Promise<void> {
      signal.throwIfAborted();
      if (uploadId === undefined) {
        await translateErrors(steady.putObject(bucket, key, buffer.subarray(0, filled), filled, { ...headers }));
        stored(filled);
        return;
      }
      await send(buffer, filled);
      await Promise.all(inFlight);
      signal.throwIfAborted();
      etags.sort((a, b) => a.part - b.part);
      await translateErrors(steady.completeMultipartUpload(bucket, key, uploadId, etags));
    },

    async abort(): Promise<void> {
      await Promise.all(inFlight);
      if (uploadId === undefined) return;
      const closing = connect(AbortSignal.timeout(ABORT_MILLISECONDS));
      // If this fails too, the caller has the upload id from `onUpload`, and the first error is the one to report.
      await closing.abortMultipartUpload(bucket, key, uploadId).catch(() => undefined);
    },
  };
}
