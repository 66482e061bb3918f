import { createHash } from 'node:crypto';
import { interruptible } from '../../streams/handoff.ts';
import type { Connect } from './connection.ts';
import { translateErrors } from './errors.ts';
import type { WriteOptions, WrittenObject } from './objects.ts';
import { PARTS_MAX, partBytes } from './part-size.ts';

/** A count of parts on their way while the next one is filled; one buffer more than that is in use. */
const PARTS_IN_FLIGHT_MAX = 2;

/** A cancelled export does not wait longer than this for a store that does not answer. */
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
        // A full buffer leaves only when more follows: the last part is never empty, and one part is a single Put.
        if (filled === buffer.length) {
          await parts.send(buffer, filled);
          buffer = parts.nextBuffer();
          filled = 0;
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
    // What failed first; a request that was cut off because of it only says that it was cut off.
    throw signal.reason;
  }
}

function createParts(target: Target, options: WriteOptions, signal: AbortSignal, stop: AbortController) {
  const { connect, bucket, key, firstPartBytes } = target;
  const client = connect(signal);
  // Over HTTP the client hashes every part to sign it, and the store again to check; over HTTPS neither does. Content is
  // vouched for by the hash of the whole, which the manifest holds, and the manifest is signed.
  client.enableSHA256 = false;
  /** For requests that leave the store in an unknown state when they are cut off. */
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
      // Ends the wait for the source at once, and the other part with it.
      .catch((error: unknown) => stop.abort(error))
      .finally(() => inFlight.delete(sending));
    inFlight.add(sending);
    if (inFlight.size > PARTS_IN_FLIGHT_MAX) await Promise.race(inFlight);
    signal.throwIfAborted();
  }

  return {
    send,

    /** @returns a buffer for the next part: one that has come back, unless parts have grown. */
    nextBuffer(): Buffer {
      const size = partBytes(firstPartBytes, begun + 1);
      const used = free.pop();
      return used?.length === size ? used : Buffer.allocUnsafeSlow(size);
    },

    /** Stores what is left, and makes the object appear. */
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
      // When even this fails, the caller has the upload id from `onUpload`, and the first error counts.
      await closing.abortMultipartUpload(bucket, key, uploadId).catch(() => undefined);
    },
  };
}
