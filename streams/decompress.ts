import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { WaybillError } from '../contracts/failures.ts';
import type { Compressed } from './compress.ts';
import { through } from './transform.ts';
import { type FramePiece, framesOf } from './zstd-frames.ts';

/** Maximum bytes of content per output chunk. */
const OUTPUT_BYTES = 256 * 1024;

/**
 * Decompresses a stream of any number of gzip members or zstd frames, from any compressor, in bounded memory.
 *
 * @throws WaybillError `object_damaged` if the file was truncated or altered, or has another format
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
  try {
    yield* through(source, decompressor);
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    throw new WaybillError('object_damaged', 'The compressed file was altered or cut short.', { cause });
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ZSTD_)/.test(String(error.code));
}
