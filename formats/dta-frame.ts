import { type DtaTable, type DtaVariable, type LabelSet, VARIABLES_118_MAX } from './dta-variables.ts';
import type { Table } from './table.ts';

/** Bytes of a name and its zero, of a display format, and of a variable's label. Source: Stata, help dta. */
const NAME_BYTES = 129;
const FORMAT_BYTES = 57;
const LABEL_BYTES = 321;
const CHARACTERISTIC_BYTES_MAX = 67_784;
/** Of the dataset. Source: Stata, help limits. */
const NOTES_MAX = 9999;
/** Of a strL, besides its bytes: what precedes them, and the zero after them. */
const GSO_HEAD_BYTES = 20;
const GSO_BYTES = GSO_HEAD_BYTES + 1;
const MAP_ENTRIES = 14;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What surrounds the rows and the long texts of a file, whose sizes are known before. */
export interface DtaFrame {
  /** Until the first row. */
  readonly head: readonly Uint8Array[];
  /** Between rows and strLs. */
  readonly middle: Uint8Array;
  readonly tail: readonly Uint8Array[];
  readonly isWide: boolean;
}

/** Source: Stata, help dta: format 118, and 119 for more than 32,767 variables; little-endian. */
export function dtaFrame(table: Table, described: DtaTable): DtaFrame {
  const { variables, labelSets, notes, strLs } = described;
  const isWide = variables.length > VARIABLES_118_MAX;
  const section = (name: string, content: readonly Uint8Array[]) => [tag(name), ...content, tag(`/${name}`)];
  const header = [
    tag('stata_dta'),
    ...section('header', headerOf({ ...table, title: described.title }, variables.length, isWide)),
  ];
  const sections = [
    section('variable_types', [
      integers(
        2,
        variables.map(({ typeCode }) => typeCode),
      ),
    ]),
    section('varnames', [
      texts(
        NAME_BYTES,
        variables.map(({ name }) => name),
      ),
    ]),
    // Not said to be sorted.
    section('sortlist', [new Uint8Array((variables.length + 1) * (isWide ? 4 : 2))]),
    section('formats', [
      texts(
        FORMAT_BYTES,
        variables.map(({ format }) => format),
      ),
    ]),
    section('value_label_names', [
      texts(
        NAME_BYTES,
        variables.map(({ labelSet }) => labelSet),
      ),
    ]),
    section('variable_labels', [
      texts(
        LABEL_BYTES,
        variables.map(({ label }) => label),
      ),
    ]),
    section('characteristics', characteristicsOf(variables, notes)),
  ];
  const tail = section(
    'value_labels',
    [...labelSets].map(([name, set]) => labelTable(name, set)),
  );
  const rowBytes = variables.reduce((sum, { bytes }) => sum + bytes, 0);
  const sizes = [
    size(header),
    size(section('map', [])) + 8 * MAP_ENTRIES,
    ...sections.map(size),
    size(section('data', [])) + table.rows * rowBytes,
    size(section('strls', [])) + longTextBytes(strLs),
    size(tail),
    tag('/stata_dta').length,
  ];
  // Where each section begins, and where the file ends.
  const offsets = [0];
  for (const bytes of sizes) offsets.push((offsets.at(-1) ?? 0) + bytes);
  return {
    head: [...header, ...section('map', [integers(8, offsets)]), ...sections.flat(), tag('data')],
    middle: Buffer.from('</data><strls>'),
    tail: [tag('/strls'), ...tail, tag('/stata_dta')],
    isWide,
  };
}

function tag(name: string): Uint8Array {
  return Buffer.from(`<${name}>`);
}

function size(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function headerOf({ title, createdAt, rows }: Table, variables: number, isWide: boolean): readonly Uint8Array[] {
  const label = Buffer.from(title);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${two(createdAt.getUTCDate())} ${MONTHS[createdAt.getUTCMonth()]} ${createdAt.getUTCFullYear()}`;
  const time = Buffer.from(`${day} ${two(createdAt.getUTCHours())}:${two(createdAt.getUTCMinutes())}`);
  return [
    Buffer.from(`<release>${isWide ? 119 : 118}</release><byteorder>LSF</byteorder><K>`),
    integers(isWide ? 4 : 2, [variables]),
    Buffer.from('</K><N>'),
    integers(8, [rows]),
    Buffer.from('</N><label>'),
    integers(2, [label.length]),
    label,
    Buffer.from('</label><timestamp>'),
    integers(1, [time.length]),
    time,
    Buffer.from('</timestamp>'),
  ];
}

/** @param bytes of each: 1, 2, 4 or 8 */
function integers(bytes: 1 | 2 | 4 | 8, values: readonly number[]): Uint8Array {
  const buffer = Buffer.alloc(bytes * values.length);
  for (const [at, value] of values.entries()) {
    if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value), at * bytes);
    else buffer.writeUIntLE(value, at * bytes, bytes);
  }
  return buffer;
}

/** @param bytes of each, with the zeros after it */
function texts(bytes: number, values: readonly string[]): Uint8Array {
  const buffer = Buffer.alloc(bytes * values.length);
  for (const [at, value] of values.entries()) buffer.write(value, at * bytes, bytes - 1, 'utf8');
  return buffer;
}

function characteristicsOf(variables: readonly DtaVariable[], sentences: readonly string[]): readonly Uint8Array[] {
  const notes = notesOf(sentences);
  const dataset = {
    _lang_c: 'default',
    _lang_list: 'default',
    ...(notes.length > 0 && { note0: String(notes.length) }),
    ...Object.fromEntries(notes.map((note, at) => [`note${at + 1}`, note])),
  };
  return [
    ...Object.entries(dataset).map(([name, content]) => characteristic('_dta', name, content)),
    ...variables.flatMap(({ name, characteristics }) =>
      Object.entries(characteristics).map(([key, content]) => characteristic(name, key, content)),
    ),
  ];
}

/** A sentence each, or several if there are too many. */
function notesOf(sentences: readonly string[]): readonly string[] {
  const each = Math.max(1, Math.ceil(sentences.length / NOTES_MAX));
  return Array.from({ length: Math.ceil(sentences.length / each) }, (_, at) =>
    sentences.slice(at * each, (at + 1) * each).join(' '),
  );
}

function characteristic(variable: string, name: string, content: string): Uint8Array {
  const text = Buffer.from(content.replaceAll('\0', ' ')).subarray(0, CHARACTERISTIC_BYTES_MAX);
  return Buffer.concat([
    tag('ch'),
    integers(4, [2 * NAME_BYTES + text.length + 1]),
    texts(NAME_BYTES, [variable, name]),
    text,
    new Uint8Array(1),
    tag('/ch'),
  ]);
}

function labelTable(name: string, set: LabelSet): Uint8Array {
  const labels = set.map(({ label }) => Buffer.from(`${label}\0`));
  const offsets: number[] = [];
  let end = 0;
  for (const { length } of labels) {
    offsets.push(end);
    end += length;
  }
  const values = Buffer.alloc(4 * set.length);
  for (const [at, { value }] of set.entries()) values.writeInt32LE(value, 4 * at);
  const content = Buffer.concat([integers(4, [set.length, end]), integers(4, offsets), values, ...labels]);
  return Buffer.concat([
    tag('lbl'),
    integers(4, [content.length]),
    texts(NAME_BYTES, [name]),
    new Uint8Array(3),
    content,
    tag('/lbl'),
  ]);
}

/** @returns bytes of long texts in the file */
export function longTextBytes({ values, bytes }: DtaTable['strLs']): number {
  return values * GSO_BYTES + bytes;
}

/**
 * A long text among the strLs, but for its bytes and the zero after them.
 *
 * @param variable from 1
 * @param row from 1
 */
export function writeGsoHead(target: DataView, at: number, variable: number, row: number, bytes: number): number {
  target.setUint32(at, 0x4f_53_47, true);
  target.setUint32(at + 3, variable, true);
  target.setUint32(at + 7, row % 2 ** 32, true);
  target.setUint32(at + 11, Math.floor(row / 2 ** 32), true);
  // A text, which ends with a zero; 129 would be bytes of any kind.
  target.setUint8(at + 15, 130);
  target.setUint32(at + 16, bytes + 1, true);
  return at + GSO_HEAD_BYTES;
}
