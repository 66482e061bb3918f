const NEWLINE = 0x0a;

/** Line ends are counted in one of this many chunks. */
const SAMPLE_EVERY = 16;

/**
 * Counts bytes and rows of a stream. Bytes are exact; rows are estimated from the line ends of a sample of the chunks,
 * because scanning every byte in JavaScript would cost more than formatting it. The warehouse reports the exact count.
 */
export interface Meter {
  readonly bytes: number;
  /** An estimate; at most `rowsMax`, never falls. */
  readonly rows: number;
  measure(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** @param rowsMax upper limit of the estimate */
export function createMeter(rowsMax: number): Meter {
  let bytes = 0;
  let rows = 0;
  let chunks = 0;
  let sampledBytes = 0;
  let sampledRows = 0;
  return {
    get bytes() {
      return bytes;
    },
    get rows() {
      if (sampledRows > 0) rows = Math.max(rows, Math.min(rowsMax, Math.floor((bytes * sampledRows) / sampledBytes)));
      return rows;
    },
    async *measure(source) {
      for await (const chunk of source) {
        if (chunks % SAMPLE_EVERY === 0) {
          sampledBytes += chunk.byteLength;
          sampledRows += countLineEnds(chunk);
        }
        chunks += 1;
        bytes += chunk.byteLength;
        yield chunk;
      }
    },
  };
}

function countLineEnds(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}
