import { WaybillError } from '../contracts/failures.ts';
import { BIAS } from './sav-dictionary.ts';
import { placeCount, type SavVariable, segmentWidths } from './sav-variables.ts';
import type { Chunk, Table, TextChunk } from './table.ts';
import { hasZero } from './zero-bytes.ts';

/** Bytes that are yielded at a time, unless a row has more. */
const OUTPUT_BYTES = 512 * 1024;

/** Codes of eight bytes of a row. Those from 1 to 251 are whole numbers. Source: GNU PSPP, "System File Format", Data Record. */
const IN_FULL = 253;
const BLANK = 254;
const MISSING = 255;

/** Eight codes, then the bytes that are written in full. */
const GROUP_BYTES = 8 + 8 * 8;
/** Four blanks, read as an integer. */
const BLANKS = 0x20202020;
/** Bits of eight bytes that a text's last one to seven bytes take, as two integers; the rest is blank. */
const KEPT = [0, 1, 2, 3, 4, 5, 6, 7].map((count) => {
  const kept = new Int32Array(new Uint8Array(8).fill(0xff, 0, count).buffer);
  return { low: kept[0] ?? 0, high: kept[1] ?? 0 };
});

/** Numbers that are put into the order of rows at a time, few enough for a processor's cache. */
const NUMBERS_AT_ONCE = 16 * 1024;

/**
 * Rows in the compression of all system files: a code for each eight bytes of a row, and after eight codes the bytes that are
 * written in full. A yielded chunk is valid only until the next one is requested.
 *
 * @throws WaybillError `not_representable` for a number that SPSS lacks and a text with a zero byte, `dataset_broken` for a text longer than described,
 *   `source_changed` if there are more rows or fewer
 */
export async function* savRows(
  table: Table,
  variables: readonly SavVariable[],
  chunks: AsyncIterable<Chunk>,
): AsyncGenerator<Uint8Array> {
  const encoder = createRowEncoder(table, variables);
  let rows = 0;
  for await (const chunk of chunks) {
    rows += chunk.rows;
    assertWithoutZeros(table, variables, chunk);
    for (let row = encoder.encode(chunk, 0); row < chunk.rows; row = encoder.encode(chunk, row)) yield encoder.take();
  }
  if (rows !== table.rows) {
    throw new WaybillError(
      'source_changed',
      `${table.title} changed while it was being exported: ${table.rows} rows were counted, ${rows} were read. Resubmit the export; it will read a new snapshot.`,
    );
  }
  const rest = encoder.end();
  if (rest.length > 0) yield rest;
}

/** The format has room for a zero byte, but ReadStat and what is made with it end the text there. */
function assertWithoutZeros({ title }: Table, variables: readonly SavVariable[], { rows, columns }: Chunk): void {
  for (const [at, column] of columns.entries()) {
    if (column instanceof Float64Array || !hasZero(column.bytes, 0, column.ends[rows - 1] ?? 0)) continue;
    throw new WaybillError(
      'not_representable',
      `${title}: ${variables[at]?.name} has a text with a zero byte, at which programs that read files of SPSS end it. Leave the column out, or order another format.`,
    );
  }
}

interface RowEncoder {
  /** @param from row to begin with. @returns the first row for which there is no room; the chunk's rows if there was for all */
  encode(chunk: Chunk, from: number): number;
  /** Makes room. @returns what is complete; valid until the next call */
  take(): Uint8Array;
  /** @returns all that has not been taken */
  end(): Uint8Array;
}

function createRowEncoder({ title }: Table, variables: readonly SavVariable[]): RowEncoder {
  const rowBytes = 9 * placeCount(variables) + GROUP_BYTES;
  const runs = runsOf(variables);
  const numbers = createNumbers(title, variables);

  const bytes = new Uint8Array(8 * Math.ceil(Math.max(OUTPUT_BYTES, 2 * rowBytes) / 8));
  // All is written at multiples of eight bytes.
  const doubles = new Float64Array(bytes.buffer);
  const words = new Int32Array(bytes.buffer);
  // The open group: where its codes are, how many it has, and where it ends.
  let group = 0;
  let codes = 0;
  let end = 8;
  let taken = 0;

  /** One loop over all values, whose state is in local variables: this is where the time of an export goes. */
  function encode({ rows, columns }: Chunk, from: number): number {
    moveRest();
    const endMax = bytes.length - rowBytes;
    const { values } = numbers;
    const texts = columns.map((column) => (column instanceof Float64Array ? undefined : viewOf(column)));
    let [inGroup, inCodes, inEnd] = [group, codes, end];
    let row = from;
    let next = 0;
    for (let blockEnd = from; row < rows && inEnd <= endMax; row += 1) {
      if (row === blockEnd) {
        blockEnd = Math.min(rows, row + numbers.rowsAtOnce);
        numbers.gather(columns, row, blockEnd);
        next = 0;
      }
      for (const { at, numberCount, width, segments } of runs) {
        for (const last = next + numberCount; next < last; next += 1) {
          if (inCodes === 8) {
            inGroup = inEnd;
            inCodes = 0;
            inEnd += 8;
          }
          const value = values[next] ?? 0;
          let code = MISSING;
          if (value >= -99 && value <= 151 && Math.floor(value) === value) code = value + BIAS;
          else if (!Number.isNaN(value)) {
            if (Math.abs(value) >= Number.MAX_VALUE) throw notHeld(at + numberCount - (last - next));
            code = IN_FULL;
            doubles[inEnd >>> 3] = value;
            inEnd += 8;
          }
          bytes[inGroup + inCodes] = code;
          inCodes += 1;
        }
        if (numberCount > 0) continue;
        const text = texts[at];
        if (!text) throw otherType(title, at);
        let start = row === 0 ? 0 : (text.ends[row - 1] ?? 0);
        const valueEnd = text.ends[row] ?? 0;
        if (valueEnd - start > width) throw tooLong(at, valueEnd - start);
        for (const segment of segments) {
          const segmentEnd = Math.min(valueEnd, start + segment);
          for (let place = 0; place < segment; place += 8) {
            if (inCodes === 8) {
              inGroup = inEnd;
              inCodes = 0;
              inEnd += 8;
            }
            let code = BLANK;
            if (start < segmentEnd) {
              let low = text.view.getInt32(start, true);
              let high = text.view.getInt32(start + 4, true);
              const kept = KEPT[segmentEnd - start];
              if (kept) {
                low = (low & kept.low) | (BLANKS & ~kept.low);
                high = (high & kept.high) | (BLANKS & ~kept.high);
              }
              start = Math.min(segmentEnd, start + 8);
              if (low !== BLANKS || high !== BLANKS) {
                code = IN_FULL;
                words[inEnd >>> 2] = low;
                words[(inEnd >>> 2) + 1] = high;
                inEnd += 8;
              }
            }
            bytes[inGroup + inCodes] = code;
            inCodes += 1;
          }
        }
      }
    }
    [group, codes, end] = [inGroup, inCodes, inEnd];
    return row;
  }

  /** Moves the open group to the beginning, after what precedes it has been taken. */
  function moveRest(): void {
    bytes.copyWithin(0, taken, end);
    group -= taken;
    end -= taken;
    taken = 0;
  }

  const notHeld = (at: number) =>
    new WaybillError(
      'not_representable',
      `${title}: ${variables[at]?.name} has an infinite number, or the largest or smallest of all, which SPSS does not hold. Leave the column out, or order another format.`,
    );
  const tooLong = (at: number, valueBytes: number) =>
    new WaybillError(
      'dataset_broken',
      `${title}: ${variables[at]?.name} has a value of ${valueBytes} bytes, and at most ${variables[at]?.width} were described.`,
    );

  return {
    encode,
    take() {
      moveRest();
      taken = group;
      return bytes.subarray(0, group);
    },
    end() {
      moveRest();
      if (codes === 0) return bytes.subarray(0, 0);
      // Codes of 0 are ignored.
      bytes.fill(0, group + codes, group + 8);
      return bytes.subarray(0, end);
    },
  };
}

/** Numbers that follow one another in a row, or one text. */
interface Run {
  /** Position of the first variable. */
  readonly at: number;
  /** 0: a text. */
  readonly numberCount: number;
  /** Bytes of a text. */
  readonly width: number;
  readonly segments: readonly number[];
}

function runsOf(variables: readonly SavVariable[]): readonly Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < variables.length; ) {
    const width = variables[at]?.width ?? 0;
    let numberCount = 0;
    while (variables[at + numberCount]?.width === 0) numberCount += 1;
    runs.push({ at, numberCount, width, segments: numberCount > 0 ? [] : segmentWidths(width) });
    at += Math.max(1, numberCount);
  }
  return runs;
}

/** Puts numbers, in the unit of the file, into the order of rows. */
interface Numbers {
  /** Row after row; overwritten by the next call. */
  readonly values: Float64Array;
  readonly rowsAtOnce: number;
  /** @param to at most {@link rowsAtOnce} after `from` */
  gather(columns: Chunk['columns'], from: number, to: number): void;
}

function createNumbers(title: string, variables: readonly SavVariable[]): Numbers {
  const places = variables.flatMap(({ width, scale, offset }, at) => (width === 0 ? [{ at, scale, offset }] : []));
  const rowsAtOnce = Math.max(1, Math.floor(NUMBERS_AT_ONCE / Math.max(1, places.length)));
  const values = new Float64Array(rowsAtOnce * places.length);
  return {
    values,
    rowsAtOnce,
    gather(columns, from, to) {
      for (let place = 0; place < places.length; place += 1) {
        const { at = 0, scale = 1, offset = 0 } = places[place] ?? {};
        const column = columns[at];
        if (!(column instanceof Float64Array)) throw otherType(title, at);
        for (let row = from, next = place; row < to; row += 1, next += places.length) {
          values[next] = (column[row] ?? 0) * scale + offset;
        }
      }
    },
  };
}

function viewOf({ bytes, ends }: TextChunk) {
  return { ends, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

function otherType(title: string, at: number): Error {
  return new Error(`${title}: variable ${at + 1} has vectors of another type than described.`);
}
