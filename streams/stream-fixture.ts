/** Bytes without repetition in the first 4 GiB, so that a misplaced piece is detected. */
export function sample(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul(at + 1, 2654435761) >>> 0, at);
  return bytes;
}

/** Yields the bytes in pieces of the given sizes, repeatedly, and overwrites each piece once the next is requested. */
export async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const piece = new Uint8Array(bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1)));
    at += piece.length;
    yield piece;
    piece.fill(0xee);
  }
}

/** Collects a stream, copying each chunk before the next is requested. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of source) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}
