import { WaybillError } from '../contracts/failures.ts';
import { BIAS } from './sav-dictionary.ts';
import { placeCount, type SavVariable, segmentWidths } from './sav-variables.ts';
import type { Chunk, Table } from './table.ts';

/** Bytes that are yielded at a time, unless a row has more. */
const OUTPUT_BYTES = 512 * 1024;

/** Codes of eight bytes of a row. Those from 1 to 251 are whole numbers. Source: GNU PSPP, "System File Format", Data Record. */
const IN_FULL = 253;
const BLANK = 254;
const MISSING = 255;

/** Eight codes, then the bytes that are written in full. */
const GROUP_BYTES = 8 + 8 * 8;
/** Eight blanks, read as a double. */
const [BLANKS = 0] = new Float64Array(new Uint8Array(8).fill(0x20).buffer);

/**
 * Rows in the compression of all system files: a code for each eight bytes of a row, and after eight codes the bytes that are
 * written in full. A yielded chunk is valid only until the next one is requested.
 *
 * @throws WaybillError `not_representable` for a number that SPSS lacks, `dataset_broken` for a text longer than described,
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

interface RowEncoder {
  /** @param from row to begin with. @returns the first row for which there is no room; the chunk's rows if there was for all */
  encode(chunk: Chunk, from: number): number;
  /** Makes room. @returns what is complete; valid until the next call */
  take(): Uint8Array;
  /** @returns all that has not been taken */
  end(): Uint8Array;
}

function createRowEncoder({ title }: Table, variables: readonly SavVariable[]): RowEncoder {
  const segments = variables.map(({ width }) => segmentWidths(width));
  const rowBytes = 9 * placeCount(variables) + GROUP_BYTES;
  const widths = Uint16Array.from(variables, ({ width }) => width);
  const scales = Float64Array.from(variables, ({ scale }) => scale);
  const offsets = Float64Array.from(variables, ({ offset }) => offset);

  const bytes = new Uint8Array(8 * Math.ceil(Math.max(OUTPUT_BYTES, 2 * rowBytes) / 8));
  // All is written at multiples of eight bytes.
  const doubles = new Float64Array(bytes.buffer);
  // The open group: where its codes are, how many it has, and where it ends.
  let group = 0;
  let codes = 0;
  let end = 8;
  let taken = 0;

  /** One loop over all values, whose state is in local variables: this is where the time of an export goes. */
  function encode({ rows, columns }: Chunk, from: number): number {
    moveRest();
    const endMax = bytes.length - rowBytes;
    let [inGroup, inCodes, inEnd] = [group, codes, end];
    let row = from;
    for (; row < rows && inEnd <= endMax; row += 1) {
      for (let at = 0; at < columns.length; at += 1) {
        const column = columns[at];
        if (column instanceof Float64Array) {
          if (inCodes === 8) {
            inGroup = inEnd;
            inCodes = 0;
            inEnd += 8;
          }
          const value = (column[row] ?? 0) * (scales[at] ?? 1) + (offsets[at] ?? 0);
          let code = MISSING;
          if (value >= -99 && value <= 151 && Math.floor(value) === value) code = value + BIAS;
          else if (!Number.isNaN(value)) {
            if (Math.abs(value) >= Number.MAX_VALUE) throw notHeld(at);
            code = IN_FULL;
            doubles[inEnd >>> 3] = value;
            inEnd += 8;
          }
          bytes[inGroup + inCodes] = code;
          inCodes += 1;
          continue;
        }
        if (!column) continue;
        let start = row === 0 ? 0 : (column.ends[row - 1] ?? 0);
        const valueEnd = column.ends[row] ?? 0;
        if (valueEnd - start > (widths[at] ?? 0)) throw tooLong(at, valueEnd - start);
        for (const segment of segments[at] ?? []) {
          const segmentEnd = Math.min(valueEnd, start + segment);
          for (let place = 0; place < segment; place += 8) {
            if (inCodes === 8) {
              inGroup = inEnd;
              inCodes = 0;
              inEnd += 8;
            }
            let code = BLANK;
            if (start < segmentEnd) {
              const count = Math.min(8, segmentEnd - start);
              doubles[inEnd >>> 3] = BLANKS;
              for (let byte = 0; byte < count; byte += 1) bytes[inEnd + byte] = column.bytes[start + byte] ?? 0;
              start += count;
              if (doubles[inEnd >>> 3] !== BLANKS) {
                code = IN_FULL;
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
      `${title}: ${variables[at]?.name} has an infinite number, which SPSS does not hold. Leave the column out, or order another format.`,
    );
  const tooLong = (at: number, valueBytes: number) =>
    new WaybillError(
      'dataset_broken',
      `${title}: ${variables[at]?.name} has a value of ${valueBytes} bytes, and at most ${widths[at]} were described.`,
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
