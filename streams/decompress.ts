import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { WaybillError } from '../contracts/failures.ts';
import type { Compressed } from './compress.ts';
import { type FramePiece, framesOf } from './zstd-frames.ts';

/** Bytes of content that leave at once, at the most. */
const OUTPUT_BYTES = 256 * 1024;

/**
 * Decompresses a stream of any count of gzip members or zstd frames, whoever made them, in bounded memory.
 *
 * @throws WaybillError `object_damaged` when the file was cut short or altered, or is of another kind.
 */
export async function* decompress(source: AsyncIterable<Uint8Array>, kind: Compressed): AsyncGenerator<Uint8Array> {
  if (kind === 'gzip') {
    yield* expand(source, createGunzip({ chunkSize: OUTPUT_BYTES }));
    return;
  }
  const pieces = framesOf(source);
  try {
    for (let piece = await pieces.next(); !piece.done; piece = await pieces.next()) {
      yield* expand(frameFrom(piece.value, pieces), createZstdDecompress({ chunkSize: OUTPUT_BYTES }));
    }
  } finally {
    await pieces.return(undefined);
  }
}

/** The rest of one frame; leaves `pieces` at the start of the next. */
async function* frameFrom(begin: FramePiece, pieces: AsyncGenerator<FramePiece>): AsyncGenerator<Uint8Array> {
  yield begin.bytes;
  for (let ended = begin.ends; !ended; ) {
    const next = await pieces.next();
    if (next.done) return;
    yield next.value.bytes;
    ended = next.value.ends;
  }
}

async function* expand(source: AsyncIterable<Uint8Array>, decompressor: Transform): AsyncGenerator<Uint8Array> {
  const fed = pipeline(copiesOf(source), decompressor);
  // The same error comes out of the iteration below.
  fed.catch(() => undefined);
  try {
    for await (const chunk of decompressor) yield chunk;
    await fed;
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    throw new WaybillError('object_damaged', 'The compressed file was altered or cut short.', { cause });
  } finally {
    decompressor.destroy();
    await Promise.allSettled([fed]);
  }
}

/** The decompressor queues what it is given; the source may reuse it by then. */
async function* copiesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) yield new Uint8Array(chunk);
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ZSTD_)/.test(String(error.code));
}
