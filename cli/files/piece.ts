import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** A stretch of a file on this disk, and what a manifest says of it. */
export interface Piece {
  readonly file: string;
  /** Its first byte in the file. */
  readonly offset: number;
  /** A count of bytes that the file has for it; `null`: there is no such file. */
  readonly bytesThere: number | null;
  /** A count of bytes that it should have. */
  readonly bytes: number;
  /** SHA-256 that it should have, in lower-case hex; `null`: the manifest does not tell. */
  readonly sha256: string | null;
}

/**
 * Looks for what is wrong with the bytes of a piece.
 *
 * @param onProgress told the count of bytes read; none are where the manifest tells no hash.
 * @returns the rest of a sentence about it, or `undefined`: it is as it should be
 */
export async function pieceProblem(piece: Piece, onProgress: (bytes: number) => void): Promise<string | undefined> {
  const { bytesThere, bytes, sha256 } = piece;
  if (bytesThere === null) return 'is missing';
  if (bytesThere !== bytes) return `has ${bytesThere} bytes instead of ${bytes}`;
  if (sha256 === null) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of readPiece(piece, onProgress)) hash.update(chunk);
  return hash.digest('hex') === sha256 ? undefined : 'has another SHA-256';
}

/** The bytes that it should have, as far as they are there. */
export async function* readPiece(
  { file, offset, bytes }: Pick<Piece, 'file' | 'offset' | 'bytes'>,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  if (bytes === 0) return;
  const stream = createReadStream(file, { start: offset, end: offset + bytes - 1, highWaterMark: 1 << 20 });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onProgress(chunk.length);
    yield chunk;
  }
}
