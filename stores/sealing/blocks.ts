/** A piece of a stream; valid only until the next one is asked for. */
export interface Block {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * Cuts a stream into blocks of exactly `blockBytes`, except for the last. There is always a last block; it is empty only
 * when the whole stream is. Blocks that lie within one chunk of the source are not copied.
 */
export async function* blocksOf(source: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Block> {
  const pending = new Uint8Array(blockBytes);
  let filled = 0;
  for await (const chunk of source) {
    let at = 0;
    if (filled > 0) {
      at = Math.min(blockBytes - filled, chunk.length);
      pending.set(chunk.subarray(0, at), filled);
      filled += at;
      // Even a full block is held back: nothing follows it yet, so it may be the last.
      if (at === chunk.length) continue;
      yield { bytes: pending, last: false };
    }
    for (; chunk.length - at > blockBytes; at += blockBytes) {
      yield { bytes: chunk.subarray(at, at + blockBytes), last: false };
    }
    pending.set(chunk.subarray(at));
    filled = chunk.length - at;
  }
  yield { bytes: pending.subarray(0, filled), last: true };
}
