import { WaybillError } from '../contracts/failures.ts';

/** A piece of a zstd file; `ends` when a frame ends with it. */
export interface FramePiece {
  readonly bytes: Uint8Array;
  readonly ends: boolean;
}

/**
 * Cuts a zstd file at the ends of its frames. Node's decompressor silently stops after the first frame.
 *
 * Specification: RFC 8878, section 3.
 *
 * @throws WaybillError `object_damaged` if the file ends within a frame, contains none, or is not zstd
 */
export async function* framesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<FramePiece> {
  let walk = walkFrame();
  let wanted = first(walk);
  let seen = 0;
  let value = 0;
  let between = false;
  for await (const chunk of source) {
    let begin = 0;
    for (let at = 0; at < chunk.length; ) {
      between = false;
      const count = Math.min(wanted - seen, chunk.length - at);
      for (let byte = 0; byte < count && seen + byte < 4; byte += 1) {
        value += (chunk[at + byte] ?? 0) * 2 ** (8 * (seen + byte));
      }
      at += count;
      seen += count;
      while (seen === wanted) {
        const step = walk.next(value);
        seen = 0;
        value = 0;
        if (!step.done) {
          wanted = step.value;
          continue;
        }
        yield { bytes: chunk.subarray(begin, at), ends: true };
        begin = at;
        between = true;
        walk = walkFrame();
        wanted = first(walk);
      }
    }
    if (begin < chunk.length) yield { bytes: chunk.subarray(begin), ends: false };
  }
  if (!between) throw new WaybillError('object_damaged', 'The zstd file was cut short.');
}

/**
 * Walks over one frame: yields the number of bytes that come next, and receives up to the first four of them as a
 * little-endian number.
 */
function* walkFrame(): Generator<number, void, number> {
  const magic = yield 4;
  if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
    // A skippable frame (3.1.2).
    yield yield 4;
    return;
  }
  if (magic !== 0xfd2fb528) throw new WaybillError('object_damaged', 'The file is not a zstd file.');
  const descriptor = yield 1;
  const singleSegment = (descriptor & 0x20) !== 0;
  const window = singleSegment ? 0 : 1;
  const dictionary = [0, 1, 2, 4][descriptor & 0x03] ?? 0;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  yield window + dictionary + contentSize;
  for (let last = false; !last; ) {
    const block = yield 3;
    last = (block & 1) !== 0;
    const type = (block >> 1) & 3;
    if (type === 3) throw new WaybillError('object_damaged', 'The zstd file is damaged.');
    // A run-length block (type 1) stores one byte, whatever its size.
    yield type === 1 ? 1 : block >> 3;
  }
  yield (descriptor & 0x04) !== 0 ? 4 : 0;
}

function first(walk: Generator<number, void, number>): number {
  return walk.next(0).value ?? 0;
}
