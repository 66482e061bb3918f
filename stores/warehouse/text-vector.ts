import duckdb from '@duckdb/node-bindings';
import type { TextChunk } from '../../formats/table.ts';
import { free } from '../../streams/blocks.ts';

/** 32-bit words of a string in a vector: its length, then the string itself or its first four bytes and a pointer. */
const WORDS = 4;
/** Bytes of the longest string that stands in the vector itself. Source: DuckDB 1.5, `duckdb_string_t`. */
const INLINE_MAX = 12;
const ENTRY_BYTES = WORDS * Uint32Array.BYTES_PER_ELEMENT;

/** Bytes from which a native copy is faster than a loop. */
const COPY_MIN = 48;

/** Calls back for each row that is NULL. Of a vector without NULL, DuckDB has no mask. */
export function forEachNull(vector: duckdb.Vector, rows: number, found: (row: number) => void): void {
  // Declared otherwise, but null if there is none.
  const mask: Uint8Array | null = duckdb.vector_get_validity(vector, 8 * Math.ceil(rows / 64));
  if (mask === null) return;
  for (let byte = 0; byte * 8 < rows; byte += 1) {
    const bits = mask[byte] ?? 0;
    if (bits === 0xff) continue;
    for (let row = byte * 8; row < Math.min(rows, byte * 8 + 8); row += 1) {
      if (((bits >> (row & 7)) & 1) === 0) found(row);
    }
  }
}

/**
 * Reads vectors of VARCHAR into buffers that the next call reuses; NULL is an empty text.
 *
 * Each call of DuckDB costs as much as copying some hundred bytes, so that strings which follow one another in memory are
 * fetched by one: in a streamed result, these are nearly all of a vector's.
 *
 * @returns the reader. The vector's chunk must be in use until it has returned
 */
export function createTextReader(): (vector: duckdb.Vector, rows: number) => TextChunk {
  let buffer = new DataView(new ArrayBuffer(0));
  let rowEnds = new Uint32Array(0);

  return function readTexts(vector, rows) {
    const data = duckdb.vector_get_data(vector, rows * ENTRY_BYTES);
    const words = new Uint32Array(data.buffer, data.byteOffset, rows * WORDS);
    const sizeOf = (row: number) => words[row * WORDS] ?? 0;
    const addressOf = (row: number) => (words[row * WORDS + 3] ?? 0) * 2 ** 32 + (words[row * WORDS + 2] ?? 0);

    // What is there for NULL is not defined.
    forEachNull(vector, rows, (row) => {
      words[row * WORDS] = 0;
    });

    /** @returns the bytes of the string and of all long ones after it that follow one another in memory */
    function fetchFrom(row: number): Uint8Array {
      const address = addressOf(row);
      let length = 0;
      for (let next = row; next < rows; next += 1) {
        const size = sizeOf(next);
        if (size <= INLINE_MAX) continue;
        if (addressOf(next) !== address + length) break;
        length += size;
      }
      const pointer = data.byteOffset + row * ENTRY_BYTES + 2 * Uint32Array.BYTES_PER_ELEMENT;
      return duckdb.get_data_from_pointer(data.buffer as ArrayBuffer, pointer, length);
    }

    let total = 0;
    for (let row = 0; row < rows; row += 1) total += sizeOf(row);
    // A short string is written with what is behind it.
    if (buffer.byteLength < total + INLINE_MAX)
      buffer = new DataView(new ArrayBuffer(total + (total >> 1) + INLINE_MAX));
    if (rowEnds.length < rows) rowEnds = new Uint32Array(rows);
    // In local variables, because the loops take as long as DuckDB.
    const view = buffer;
    const bytes = new Uint8Array(view.buffer);
    const ends = rowEnds;

    let end = 0;
    let run: Uint8Array = new Uint8Array(0);
    let runStart = 0;
    let runNext = 0;
    for (let row = 0; row < rows; ) {
      const size = sizeOf(row);
      if (size <= INLINE_MAX) {
        view.setUint32(end, words[row * WORDS + 1] ?? 0, true);
        view.setUint32(end + 4, words[row * WORDS + 2] ?? 0, true);
        view.setUint32(end + 8, words[row * WORDS + 3] ?? 0, true);
        end += size;
        ends[row] = end;
        row += 1;
        continue;
      }
      const address = addressOf(row);
      if (address !== runNext) {
        free(run);
        run = fetchFrom(row);
        runStart = address;
      }
      const from = address - runStart;
      let length = 0;
      do {
        length += sizeOf(row);
        ends[row] = end + length;
        row += 1;
      } while (row < rows && sizeOf(row) > INLINE_MAX && addressOf(row) === address + length);
      if (length < COPY_MIN) for (let at = 0; at < length; at += 1) bytes[end + at] = run[from + at] ?? 0;
      else bytes.set(run.subarray(from, from + length), end);
      end += length;
      runNext = address + length;
    }
    free(run);
    free(data);
    return { bytes, ends };
  };
}
