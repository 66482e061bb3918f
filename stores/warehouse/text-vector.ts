import duckdb from '@duckdb/node-bindings';
import type { TextChunk } from '../../formats/table.ts';

/** 32-bit words of a string in a vector: its length, then the string itself or its first four bytes and a pointer. */
const WORDS = 4;
/** Bytes of the longest string that stands in the vector itself. Source: DuckDB 1.5, `duckdb_string_t`. */
const INLINE_MAX = 12;
const ENTRY_BYTES = WORDS * Uint32Array.BYTES_PER_ELEMENT;

/** Bytes from which a native copy is faster than a loop. */
const COPY_MIN = 48;

/**
 * Reads vectors of VARCHAR without NULL into buffers that the next call reuses.
 *
 * Each call of DuckDB costs as much as copying some hundred bytes, so that strings which follow one another in memory are
 * fetched by one: in a streamed result, these are nearly all of a vector's.
 *
 * @returns the reader. The vector's chunk must be in use until it has returned
 */
export function createTextReader(): (vector: duckdb.Vector, rows: number) => TextChunk {
  let bytes = new Uint8Array(0);
  let ends = new Uint32Array(0);

  return function readTexts(vector, rows) {
    const data = duckdb.vector_get_data(vector, rows * ENTRY_BYTES);
    const words = new Uint32Array(data.buffer, data.byteOffset, rows * WORDS);
    const sizeOf = (row: number) => words[row * WORDS] ?? 0;
    const addressOf = (row: number) => (words[row * WORDS + 3] ?? 0) * 2 ** 32 + (words[row * WORDS + 2] ?? 0);

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
    if (bytes.length < total) bytes = new Uint8Array(total + (total >> 1));
    if (ends.length < rows) ends = new Uint32Array(rows);

    let end = 0;
    let run = new Uint8Array(0);
    let runStart = 0;
    let runNext = 0;
    for (let row = 0; row < rows; ) {
      const size = sizeOf(row);
      if (size <= INLINE_MAX) {
        const from = row * ENTRY_BYTES + 4;
        for (let at = 0; at < size; at += 1) bytes[end + at] = data[from + at] ?? 0;
        end += size;
        ends[row] = end;
        row += 1;
        continue;
      }
      const address = addressOf(row);
      if (address !== runNext) {
        run = new Uint8Array(fetchFrom(row));
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
    return { bytes, ends };
  };
}
