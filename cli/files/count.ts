import type { ManifestFile } from '../../contracts/manifest.ts';

/** UTF-8 byte order mark. */
const BOM_BYTES = 3;

export interface Count {
  update(chunk: Uint8Array): void;
  /** Count of rows. */
  rows(): number;
  whole(): boolean;
}

/** @returns `undefined` for a format that is not made of lines or values */
export function createCount({ format, csv }: ManifestFile, isFirst: boolean): Count | undefined {
  switch (format) {
    case 'csv':
    case 'jsonl': {
      const count = createRowCount(format);
      let skip = isFirst && csv?.bom ? BOM_BYTES : 0;
      return {
        update(chunk) {
          const skipped = Math.min(skip, chunk.length);
          skip -= skipped;
          count.update(chunk.subarray(skipped));
        },
        rows: () => Math.max(0, count.records - (isFirst && csv?.header ? 1 : 0)),
        whole: () => true,
      };
    }
    case 'json':
    case 'typed-json': {
      const count = createArrayCount();
      return { update: (chunk) => count.update(chunk), rows: () => count.records, whole: () => count.whole };
    }
    case 'parquet':
      return undefined;
  }
}

const LF = 0x0a;
const QUOTE = 0x22;

/** Counts the records of a CSV or JSONL stream that is cut anywhere. */
export interface RowCount {
  update(chunk: Uint8Array): void;
  /** Count of records, the header included; a last one needs no line end. */
  readonly records: number;
}

/**
 * Records end at a line feed outside of quotes. A quote inside of quotes is doubled, so it ends and begins them again
 * and needs no case of its own. Source: RFC 4180.
 */
export function createRowCount(format: 'csv' | 'jsonl'): RowCount {
  const quotes = format === 'csv';
  let complete = 0;
  let inQuotes = false;
  let open = false;

  return {
    update(chunk) {
      let at = 0;
      let quote = quotes ? chunk.indexOf(QUOTE) : -1;
      while (at < chunk.length) {
        if (inQuotes) {
          if (quote < 0) break;
          inQuotes = false;
          at = quote + 1;
          quote = chunk.indexOf(QUOTE, at);
          continue;
        }
        const feed = chunk.indexOf(LF, at);
        if (quote >= 0 && (feed < 0 || quote < feed)) {
          inQuotes = true;
          at = quote + 1;
          quote = chunk.indexOf(QUOTE, at);
        } else if (feed >= 0) {
          complete += 1;
          at = feed + 1;
        } else {
          break;
        }
      }
      const last = chunk.at(-1);
      if (last !== undefined) open = inQuotes || last !== LF;
    },
    get records() {
      return complete + (open ? 1 : 0);
    },
  };
}

/** Counts the objects of a JSON array that is cut anywhere. It reads only as much of JSON as that takes. */
export interface ArrayCount {
  update(chunk: Uint8Array): void;
  /** Count of objects that are complete. */
  readonly records: number;
  /** Whether one array, and nothing else, has come from its first to its last bracket. */
  readonly whole: boolean;
}

const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** How many brackets are open between the objects of the array, and directly in one of them. */
const BETWEEN = 1;
const WITHIN = 2;

export function createArrayCount(): ArrayCount {
  let records = 0;
  let depth = 0;
  let begun = false;
  let broken = false;
  let inText = false;
  let escaped = false;

  function readFrame(byte: number): void {
    if (byte === QUOTE) inText = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth === 0 && begun) broken = true;
      if (depth === BETWEEN && byte !== OPEN_OBJECT) broken = true;
      begun = true;
      depth += 1;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth === WITHIN) records += 1;
      depth -= 1;
    }
    if (depth < WITHIN && !isFrame(byte, depth)) broken = true;
  }

  /** @returns where the text ends in the chunk, or the chunk */
  function skipText(chunk: Uint8Array, from: number): number {
    let at = escaped ? from + 1 : from;
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) {
        escaped = false;
        inText = false;
        return at + 1;
      }
    }
    escaped = at > chunk.length;
    return chunk.length;
  }

  return {
    update(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (inText) {
          at = skipText(chunk, at);
          continue;
        }
        const byte = chunk[at] ?? SPACE;
        at += 1;
        if (byte > SPACE) readFrame(byte);
      }
    },
    get records() {
      return records;
    },
    get whole() {
      return begun && !broken && depth === 0;
    },
  };
}

/** Bytes up to it are white space, where they stand outside of texts. */
const SPACE = 0x20;

/** @param depth when the byte has been read */
function isFrame(byte: number, depth: number): boolean {
  if (depth === 0) return byte === CLOSE_ARRAY;
  return depth === BETWEEN && (byte === OPEN_ARRAY || byte === CLOSE_OBJECT || byte === COMMA);
}
