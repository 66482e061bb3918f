import type { ManifestFile } from '../../contracts/manifest.ts';

/** Counts the rows of a file that arrives in chunks of any size. */
export interface RowCounter {
  update(chunk: Uint8Array): void;
  /** Count of complete rows; in CSV and JSONL, the last one needs no line end. */
  readonly rows: number;
  /** What is wrong with a JSONL or JSON file, the rest of a sentence about it; `undefined` if nothing is. */
  readonly problem: string | undefined;
}

/**
 * @param isFirst whether the content is that of the first part, which begins with the header
 * @returns `undefined` for XLSX, for Parquet, which has a count of its own, and for what is delivered in archives only
 */
export function createRowCounter({ format, csv }: ManifestFile, isFirst: boolean): RowCounter | undefined {
  switch (format) {
    case 'csv':
      return createLineCounter({
        header: isFirst && csv?.header === true,
        bom: isFirst && csv?.bom === true,
      });
    case 'jsonl':
      return createJsonLinesCounter();
    case 'json':
    case 'typed-json':
      return createArrayCounter();
    case 'xlsx':
    case 'parquet':
    case 'sav':
    case 'zsav':
    case 'dta':
    case 'rows-json':
    case 'tab':
    case 'zip':
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
  /** Whether the first line is not a row. */
  readonly header: boolean;
  /** Whether the content begins with a byte order mark. */
  readonly bom: boolean;
}

/** Rows of CSV end at a line feed outside quotes. A doubled quote ends and begins them, so it needs no case. Source: RFC 4180. */
export function createLineCounter({ header, bom }: LineOptions): RowCounter {
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
        const quote = content.indexOf(QUOTE, at);
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
    problem: undefined,
  };
}

function countFeeds(bytes: Uint8Array, from: number, to: number): number {
  let feeds = 0;
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < to; at = bytes.indexOf(LF, at + 1)) feeds += 1;
  return feeds;
}

/** Bytes of a row that are kept to be parsed. A longer one is taken for a file whose line ends are damaged. */
const ROW_BYTES_MAX = 256 * 1024 * 1024;

/** A row that arrives in pieces. */
function createRow() {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  return {
    get begun() {
      return bytes > 0;
    },
    /** @param piece kept until the end of the row */
    add(piece: Uint8Array) {
      bytes += piece.length;
      if (bytes <= ROW_BYTES_MAX) pieces.push(piece);
      else pieces = [];
    },
    /** Whether what has arrived is a JSON object. */
    get valid() {
      return bytes <= ROW_BYTES_MAX && isJsonObject(pieces);
    },
    /** Ends the row. */
    clear() {
      pieces = [];
      bytes = 0;
    },
  };
}

/** Each line is a JSON object. Source: jsonlines.org, RFC 8259. */
export function createJsonLinesCounter(): RowCounter {
  const row = createRow();
  let lines = 0;
  let invalid: number | undefined;

  function endLine(): void {
    lines += 1;
    if (!row.valid) invalid ??= lines;
    row.clear();
  }

  return {
    update(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
        row.add(chunk.subarray(from, at));
        endLine();
        from = at + 1;
      }
      if (from < chunk.length) row.add(Buffer.from(chunk.subarray(from)));
    },
    // The last line needs no line end.
    get rows() {
      return lines + (row.begun ? 1 : 0);
    },
    get problem() {
      const line = invalid ?? (row.begun && !row.valid ? lines + 1 : undefined);
      return line === undefined ? undefined : `is not JSON in line ${line}`;
    },
  };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isJsonObject(pieces: readonly Uint8Array[]): boolean {
  try {
    const value: unknown = JSON.parse(UTF8.decode(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** One JSON array of objects, from its first bracket to its last. */
export function createArrayCounter(): RowCounter {
  let rows = 0;
  let depth = 0;
  let begun = false;
  let broken = false;
  let invalid: number | undefined;
  let inText = false;
  let escaped = false;
  const row = createRow();
  /** Whether an object may begin, and whether the array may end. */
  let [mayBegin, mayEnd] = [false, false];

  function isExpected(byte: number): boolean {
    switch (depth) {
      case 0:
        return byte === OPEN_ARRAY && !begun;
      case 1:
        return byte === OPEN_OBJECT ? mayBegin : byte === COMMA ? !mayBegin : byte === CLOSE_ARRAY && mayEnd;
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
    if (depth === 0) [mayBegin, mayEnd] = [true, true];
    else if (depth === 1) [mayBegin, mayEnd] = byte === COMMA ? [true, false] : [false, true];
    if (byte === QUOTE) inText = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth -= 1;
  }

  function endObject(): void {
    rows += 1;
    if (!row.valid) invalid ??= rows;
    row.clear();
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
      let from = 0;
      while (at < chunk.length) {
        if (inText) {
          at = skipText(chunk, at);
          continue;
        }
        const byte = chunk[at] ?? SPACE;
        const before = depth;
        if (byte > SPACE) read(byte);
        if (before === 1 && depth === 2) from = at;
        at += 1;
        if (before === 2 && depth === 1) {
          row.add(chunk.subarray(from, at));
          endObject();
        }
      }
      if (depth >= 2) row.add(Buffer.from(chunk.subarray(from)));
    },
    get rows() {
      return rows;
    },
    get problem() {
      if (!begun || broken || depth !== 0) return 'is not one whole JSON array';
      return invalid === undefined ? undefined : `is not JSON in row ${invalid}`;
    },
  };
}
