import { type ByteWriter, createByteWriter } from './byte-writer.ts';
import { textOfBytes } from './cut.ts';
import { writeExtensions } from './sav-extensions.ts';
import { placeCount, type SavValue, type SavVariable, segmentWidths, type ValueLabels } from './sav-variables.ts';
import type { Table } from './table.ts';

export type SavCompression = 'rows' | 'zlib';

/** Added to a whole number from -99 to 151, so that it takes one byte. */
export const BIAS = 100;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const TITLE_BYTES = 64;
const DOCUMENT_LINE_BYTES = 80;

/**
 * All that precedes the rows of a system file. Source: GNU PSPP, "System File Format".
 *
 * @param table whose title fits
 * @param documents sentences that SPSS shows with `DISPLAY DOCUMENTS`
 */
export function savDictionary(
  table: Table,
  variables: readonly SavVariable[],
  documents: readonly string[],
  compression: SavCompression,
): Uint8Array {
  const file = createByteWriter();
  writeHeader(file, table, placeCount(variables), compression);
  for (const variable of variables) writeVariable(file, variable);
  for (const set of labelSets(variables)) writeLabelSet(file, set);
  writeDocuments(file, documents);
  writeExtensions(file, variables, table.rows);
  file.int32(999, 0);
  return file.bytes;
}

function writeHeader(
  file: ByteWriter,
  { createdAt, title, rows }: Table,
  places: number,
  compression: SavCompression,
): void {
  const day = String(createdAt.getUTCDate()).padStart(2, '0');
  const year = String(createdAt.getUTCFullYear() % 100).padStart(2, '0');
  file.text(compression === 'zlib' ? '$FL3' : '$FL2');
  file.text('@(#) SPSS DATA FILE Waybill', 60);
  // Layout; places in a row; compression; no weights.
  file.int32(2, places, compression === 'zlib' ? 2 : 1, 0);
  file.int32(rows <= 0x7fff_ffff ? rows : -1);
  file.double(BIAS);
  file.text(`${day} ${MONTHS[createdAt.getUTCMonth()]} ${year}`, 9);
  file.text(createdAt.toISOString().slice(11, 19), 8);
  file.text(printable(title), TITLE_BYTES);
  file.raw(new Uint8Array(3));
}

function writeVariable(file: ByteWriter, { width, label, shortNames, format, missing }: SavVariable): void {
  segmentWidths(width).forEach((bytes, segment) => {
    const isFirst = segment === 0;
    const code = (format.kind << 16) | ((width > 255 ? bytes : format.width) << 8) | format.decimals;
    const values = isFirst && width <= 8 ? [...(missing.range ?? []), ...missing.values] : [];
    const hasLabel = isFirst && label !== '';
    file.int32(2, bytes, hasLabel ? 1 : 0, missing.range ? -values.length : values.length, code, code);
    file.text(shortNames[segment] ?? '', 8);
    if (hasLabel) {
      file.int32(Buffer.byteLength(label));
      const start = file.length;
      file.text(label);
      file.pad(start, 4);
    }
    for (const value of values) writeValue(file, value);
    for (let more = Math.ceil(bytes / 8) - 1; more > 0; more -= 1) {
      file.int32(2, -1, 0, 0, 0, 0);
      file.text('', 8);
    }
  });
}

function writeValue(file: ByteWriter, value: SavValue): void {
  if (typeof value === 'number') file.double(value);
  else file.text(value, 8);
}

interface LabelSet {
  readonly labels: ValueLabels;
  /** Of each variable that has it, the place of its first eight bytes in a row, counted from 1. */
  readonly places: number[];
}

/** Of numbers and of texts of at most eight bytes; others have labels of their own. */
function labelSets(variables: readonly SavVariable[]): Iterable<LabelSet> {
  const sets = new Map<string, LabelSet>();
  let place = 1;
  for (const variable of variables) {
    const { width, valueLabels } = variable;
    if (width <= 8 && valueLabels.length > 0) {
      const key = JSON.stringify([width, valueLabels]);
      const set = sets.get(key);
      if (set) set.places.push(place);
      else sets.set(key, { labels: valueLabels, places: [place] });
    }
    place += placeCount([variable]);
  }
  return sets.values();
}

function writeLabelSet(file: ByteWriter, { labels, places }: LabelSet): void {
  file.int32(3, labels.length);
  for (const { value, label } of labels) {
    writeValue(file, value);
    const start = file.length;
    file.byte(Buffer.byteLength(label));
    file.text(label);
    file.pad(start, 8);
  }
  file.int32(4, places.length);
  for (const place of places) file.int32(place);
}

function writeDocuments(file: ByteWriter, documents: readonly string[]): void {
  const lines = documents.flatMap((sentence) => linesOf(printable(sentence)));
  if (lines.length === 0) return;
  file.int32(6, lines.length);
  for (const line of lines) file.text(line, DOCUMENT_LINE_BYTES);
}

/** @returns lines of at most 80 bytes, broken at blanks where there are any */
function linesOf(text: string): readonly string[] {
  const lines: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const fits = textOfBytes(rest, DOCUMENT_LINE_BYTES);
    const blank = fits.lastIndexOf(' ');
    const line = fits === rest || blank <= 0 ? fits : fits.slice(0, blank);
    lines.push(line);
    rest = rest.slice(line.length).trimStart();
  }
  return lines;
}

/** A text without control characters, well-formed. */
function printable(text: string): string {
  return text.toWellFormed().replace(/\p{Cc}/gu, ' ');
}
