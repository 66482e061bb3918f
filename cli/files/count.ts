import type { ManifestFile } from '../../contracts/manifest.ts';

/** Counts the rows of a file that arrives in chunks of any size. */
export interface RowCounter {
  update(chunk: Uint8Array): void;
  /** Count of complete rows; in CSV and JSONL, the last one needs no line end. */
  readonly rows: number;
  /** Whether a JSON file is one array of objects, from its first bracket to its last. Always true of other formats. */
  readonly whole: boolean;
}

/**
 * @param isFirst whether the content is that of the first part, which begins with the header
 * @returns `undefined` for Parquet, which has a count of its own
 */
export function createRowCounter({ format, csv }: ManifestFile, isFirst: boolean): RowCounter | undefined {
  switch (format) {
    case 'csv':
      return createLineCounter({
        quotes: true,
        header: isFirst && csv?.header === true,
        bom: isFirst && csv?.bom === true,
      });
    case 'jsonl':
      return createLineCounter({ quotes: false, header: false, bom: false });
    case 'json':
    case 'typed-json':
      return createArrayCounter();
    case 'parquet':
      return undefined;
  }
}

const LF = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Size of a UTF-8 byte order mark. */
const BOM_BYTES = 3;

export interface LineOptions {
  /** Whether a line feed between quotes is part of a value. */
  readonly quotes: boolean;
  /** Whether the first line is not a row. */
  readonly header: boolean;
  /** Whether the content begins with a byte order mark. */
  readonly bom: boolean;
}

/** Rows end at a line feed outside quotes. A doubled quote ends and begins them, so it needs no case. Source: RFC 4180. */
export function createLineCounter({ quotes, header, bom }: LineOptions): RowCounter {
  let skip = bom ? BOM_BYTES : 0;
  let lines = 0;
  let inQuotes = false;
  let inLine = false;
  return {
    update(chunk) {
      const content = chunk.subarray(skip);
      skip -= chunk.length - content.length;
      let at = 0;
      while (at < content.length) {
        const quote = quotes ? content.indexOf(QUOTE, at) : -1;
        const end = quote < 0 ? content.length : quote;
        if (!inQuotes) lines += countFeeds(content, at, end);
        if (quote >= 0) inQuotes = !inQuotes;
        at = end + 1;
      }
      if (content.length > 0) inLine = inQuotes || content.at(-1) !== LF;
    },
    get rows() {
      return Math.max(0, lines + (inLine ? 1 : 0) - (header ? 1 : 0));
    },
    whole: true,
  };
}

function countFeeds(bytes: Uint8Array, from: number, to: number): number {
  let feeds = 0;
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < to; at = bytes.indexOf(LF, at + 1)) feeds += 1;
  return feeds;
}

/** Counts the objects of a JSON array. Checks only the array itself; inside objects, only texts and nesting matter. */
export function createArrayCounter(): RowCounter {
  let rows = 0;
  let depth = 0;
  let begun = false;
  let broken = false;
  let inText = false;
  let escaped = false;

  function isExpected(byte: number): boolean {
    switch (depth) {
      case 0:
        return byte === OPEN_ARRAY && !begun;
      case 1:
        return byte === OPEN_OBJECT || byte === COMMA || byte === CLOSE_ARRAY;
      case 2:
        return byte !== CLOSE_ARRAY;
      default:
        return true;
    }
  }

  /** @param byte outside texts, not white space */
  function read(byte: number): void {
    if (!isExpected(byte)) broken = true;
    begun = true;
    if (byte === QUOTE) inText = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth === 2) rows += 1;
      depth -= 1;
    }
  }

  /** @returns index behind the text, or the length of the chunk */
  function skipText(chunk: Uint8Array, from: number): number {
    let at = escaped ? from + 1 : from;
    escaped = false;
    for (; at < chunk.length; at += 1) {
      if (chunk[at] === BACKSLASH) at += 1;
      else if (chunk[at] === QUOTE) {
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
        } else {
          const byte = chunk[at] ?? SPACE;
          if (byte > SPACE) read(byte);
          at += 1;
        }
      }
    },
    get rows() {
      return rows;
    },
    get whole() {
      return begun && !broken && depth === 0;
    },
  };
}
