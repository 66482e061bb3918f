import { WaybillError } from '../contracts/failures.ts';
import { writeGsoHead } from './dta-frame.ts';
import { type DtaVariable, NUMBER_TYPES, type NumberType } from './dta-variables.ts';
import type { Spool } from './spool.ts';
import { EPOCH_DAYS } from './stata-values.ts';
import type { Chunk, Table, TextChunk, VariableType } from './table.ts';
import { hasZero } from './zero-bytes.ts';

/** Bytes of rows that are yielded at a time, unless a row has more. */
const OUTPUT_BYTES = 512 * 1024;
const EPOCH_MS = EPOCH_DAYS * 86_400_000;
/** Bytes of a text from which a native copy is faster than a loop. */
const COPY_MIN = 96;

/**
 * Rows of a fixed number of bytes. Long texts go into the spool, in the order in which the file has them.
 *
 * @throws WaybillError `not_representable` for a value that Stata lacks, `dataset_broken` for one that is not as described,
 *   `source_changed` if there are more rows or fewer
 */
export async function* dtaRows(
  table: Table,
  variables: readonly DtaVariable[],
  chunks: AsyncIterable<Chunk>,
  spool: Spool | undefined,
  isWide: boolean,
): AsyncGenerator<Uint8Array> {
  const rowBytes = variables.reduce((sum, { bytes }) => sum + bytes, 0);
  const blockRows = Math.max(1, Math.floor(OUTPUT_BYTES / rowBytes));
  const block = new Uint8Array(blockRows * rowBytes);
  const writers = createWriters(table, variables, rowBytes, block);
  const longTexts = createLongTexts(variables, rowBytes, block, isWide);
  let rows = 0;
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.rows; from += blockRows) {
      const to = Math.min(chunk.rows, from + blockRows);
      const bytes = (to - from) * rowBytes;
      // What no value covers, such as the end of a short text, is zero.
      block.fill(0, 0, bytes);
      for (let at = 0; at < writers.length; at += 1) writers[at]?.(chunk.columns[at], from, to);
      if (spool) await spool.write(longTexts(chunk, from, to, rows));
      yield block.subarray(0, bytes);
    }
    rows += chunk.rows;
    if (rows > table.rows) break;
  }
  if (rows !== table.rows) {
    throw new WaybillError(
      'source_changed',
      `${table.title} changed while it was being exported: ${table.rows} rows were counted, ${rows} were read. Resubmit the export; it will read a new snapshot.`,
    );
  }
}

type Column = Chunk['columns'][number] | undefined;
/** Writes a column's values of some rows into the block. */
type Writer = (column: Column, from: number, to: number) => void;

function createWriters(
  table: Table,
  variables: readonly DtaVariable[],
  rowBytes: number,
  block: Uint8Array,
): readonly Writer[] {
  const view = new DataView(block.buffer);
  let next = 0;
  return variables.map((variable, index) => {
    const offset = next;
    next += variable.bytes;
    const place = { view, block, offset, rowBytes };
    const { storage } = variable;
    if (storage === 'str' || storage === 'strL') return textWriter(table, variable, place);
    const kind = table.variables[index]?.type.kind ?? 'number';
    return numberWriter(table, variable, storage, kind, place);
  });
}

/** Where a column is in the block. */
interface Place {
  readonly view: DataView;
  readonly block: Uint8Array;
  /** Of the column in a row. */
  readonly offset: number;
  readonly rowBytes: number;
}

function numberWriter(
  table: Table,
  variable: DtaVariable,
  storage: NumberType,
  kind: VariableType['kind'],
  { view, offset, rowBytes }: Place,
): Writer {
  const { min, max, missing } = NUMBER_TYPES[storage];
  const codes = Float64Array.from(variable.missing, ({ value }) => value);
  const letters = Float64Array.from(variable.missing, ({ letter }) => missingValue(storage, letter));
  const convert = CONVERSIONS[kind];
  let values = new Float64Array(0);

  /** @returns values as they are stored */
  function stored(column: Float64Array, from: number, to: number): Float64Array {
    if (values.length < to - from) values = new Float64Array(to - from);
    convert(column.subarray(from, to), values);
    const count = to - from;
    for (let row = 0; row < count; row += 1) {
      const value = values[row] ?? 0;
      if (value >= min && value <= max) continue;
      if (!Number.isNaN(value) && !codes.includes(column[from + row] ?? 0)) throw notHeld(table, variable, value);
      values[row] = missing;
    }
    if (codes.length > 0) {
      for (let row = 0; row < count; row += 1) {
        const code = codes.indexOf(column[from + row] ?? 0);
        if (code >= 0) values[row] = letters[code] ?? missing;
      }
    }
    return values;
  }

  return (column, from, to) => {
    if (!(column instanceof Float64Array)) throw otherType(table, variable);
    const numbers = stored(column, from, to);
    const count = to - from;
    let at = offset;
    switch (storage) {
      case 'byte':
        for (let row = 0; row < count; row += 1, at += rowBytes) view.setInt8(at, whole(numbers[row] ?? 0));
        return;
      case 'int':
        for (let row = 0; row < count; row += 1, at += rowBytes) view.setInt16(at, whole(numbers[row] ?? 0), true);
        return;
      case 'long':
        for (let row = 0; row < count; row += 1, at += rowBytes) view.setInt32(at, whole(numbers[row] ?? 0), true);
        return;
      case 'double':
        for (let row = 0; row < count; row += 1, at += rowBytes) view.setFloat64(at, numbers[row] ?? 0, true);
        return;
    }
  };

  function whole(value: number): number {
    const integer = value | 0;
    if (integer !== value) throw notHeld(table, variable, value);
    return integer;
  }
}

/** Missing values of doubles are the 27 numbers from 2^1023 on whose mantissa has a multiple of 2^-12. */
function missingValue(storage: NumberType, letter: number): number {
  const { missing } = NUMBER_TYPES[storage];
  return storage === 'double' ? missing * (1 + letter / 4096) : missing + letter;
}

type Convert = (from: Float64Array, to: Float64Array) => void;

/** From the table's unit to Stata's: days and milliseconds since 1960. */
const CONVERSIONS: Readonly<Record<VariableType['kind'], Convert>> = {
  text: copy,
  integer: copy,
  number: copy,
  boolean: copy,
  date: (from, to) => {
    for (let at = 0; at < from.length; at += 1) to[at] = (from[at] ?? 0) + EPOCH_DAYS;
  },
  // To the microsecond, because seconds as a double are no more exact; beyond whole numbers of those, as exact as they are.
  timestamp: (from, to) => {
    for (let at = 0; at < from.length; at += 1) {
      const microseconds = Math.round((from[at] ?? 0) * 1e6);
      const milliseconds = Number.isSafeInteger(microseconds) ? microseconds / 1e3 : (from[at] ?? 0) * 1e3;
      to[at] = milliseconds + EPOCH_MS;
    }
  },
  time: (from, to) => {
    for (let at = 0; at < from.length; at += 1) to[at] = Math.round((from[at] ?? 0) * 1e9) / 1e6;
  },
};

function copy(from: Float64Array, to: Float64Array): void {
  to.set(from);
}

function textWriter(table: Table, variable: DtaVariable, { view, block, offset, rowBytes }: Place): Writer {
  const { bytes: width, storage } = variable;
  return (column, from, to) => {
    if (!column || column instanceof Float64Array) throw otherType(table, variable);
    const { bytes, ends } = column;
    let start = from === 0 ? 0 : (ends[from - 1] ?? 0);
    if (hasZero(bytes, start, ends[to - 1] ?? 0)) throw zeroByte(table, variable);
    if (storage === 'strL') return;
    const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = offset;
    for (let row = from; row < to; row += 1) {
      const end = ends[row] ?? 0;
      const length = end - start;
      if (length > width) throw tooLong(table, variable, length);
      if (length < COPY_MIN) {
        let done = 0;
        for (; done + 4 <= length; done += 4) view.setInt32(at + done, source.getInt32(start + done, true), true);
        for (; done < length; done += 1) block[at + done] = bytes[start + done] ?? 0;
      } else block.set(bytes.subarray(start, end), at);
      start = end;
      at += rowBytes;
    }
  };
}

/** @returns what puts places of long texts into the block, and gives those texts; valid until the next call */
function createLongTexts(variables: readonly DtaVariable[], rowBytes: number, block: Uint8Array, isWide: boolean) {
  const longs: { readonly at: number; readonly offset: number }[] = [];
  let next = 0;
  for (const [at, { storage, bytes }] of variables.entries()) {
    if (storage === 'strL') longs.push({ at, offset: next });
    next += bytes;
  }
  const variableBytes = isWide ? 3 : 2;
  const places = Buffer.from(block.buffer);
  let buffer = Buffer.alloc(0);

  /** @param before rows before those of the chunk */
  return ({ columns }: Chunk, from: number, to: number, before: number): Uint8Array => {
    const texts = longs.flatMap(({ at, offset }) => {
      const column = columns[at];
      return column && !(column instanceof Float64Array) ? [{ variable: at + 1, offset, column }] : [];
    });
    const most = texts.reduce((sum, { column }) => sum + rangeBytes(column, from, to) + 24 * (to - from), 0);
    if (buffer.length < most) buffer = Buffer.alloc(2 * most);
    const view = new DataView(buffer.buffer, buffer.byteOffset);
    let end = 0;
    for (let row = from; row < to; row += 1) {
      for (const { variable, offset, column } of texts) {
        const start = row === 0 ? 0 : (column.ends[row - 1] ?? 0);
        const length = (column.ends[row] ?? 0) - start;
        if (length === 0) continue;
        const observation = before + row + 1;
        const place = (row - from) * rowBytes + offset;
        places.writeUIntLE(variable, place, variableBytes);
        places.writeUIntLE(observation, place + variableBytes, isWide ? 5 : 6);
        end = writeGsoHead(view, end, variable, observation, length);
        buffer.set(column.bytes.subarray(start, start + length), end);
        buffer[end + length] = 0;
        end += length + 1;
      }
    }
    return buffer.subarray(0, end);
  };
}

function rangeBytes({ ends }: TextChunk, from: number, to: number): number {
  return (ends[to - 1] ?? 0) - (from === 0 ? 0 : (ends[from - 1] ?? 0));
}

function notHeld({ title }: Table, { name, storage }: DtaVariable, value: number): WaybillError {
  return storage === 'double'
    ? new WaybillError(
        'not_representable',
        `${title}: ${name} has an infinite number, or one from 2^1023 on, which Stata takes for missing. Leave the column out, or order another format.`,
      )
    : new WaybillError(
        'dataset_broken',
        `${title}: ${name} has a number that is not as described: ${Number.isInteger(value) ? 'it is out of range' : 'it is not whole'}.`,
      );
}

function zeroByte({ title }: Table, { name }: DtaVariable): WaybillError {
  return new WaybillError(
    'not_representable',
    `${title}: ${name} has a text with a zero byte, with which texts of Stata end. Leave the column out, or order another format.`,
  );
}

function tooLong({ title }: Table, { name, bytes }: DtaVariable, length: number): WaybillError {
  return new WaybillError(
    'dataset_broken',
    `${title}: ${name} has a value of ${length} bytes, and at most ${bytes} were described.`,
  );
}

function otherType({ title }: Table, { name }: DtaVariable): Error {
  return new Error(`${title}: ${name} has vectors of another type than described.`);
}
