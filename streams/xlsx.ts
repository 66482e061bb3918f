import { WaybillError } from '../contracts/failures.ts';
import { type ZipEntry, zip } from './zip.ts';

/** Rows of a sheet of Excel, without the header's. Source: Microsoft, Excel specifications and limits. */
export const XLSX_ROWS_MAX = 1_048_575;
/** Characters of a cell, in UTF-16 code units. Source as above. */
export const XLSX_CELL_MAX = 32_767;

/** Indexes into the cell formats of {@link STYLES}. */
export const CELL_STYLES = { date: 1, timestamp: 2, header: 3 } as const;

/** Bytes of a sheet before compression; with more, the archive would need zip64, which not all readers have. */
const SHEET_BYTES_MAX = 4_000_000_000;

export interface Workbook {
  readonly columns: readonly {
    readonly header: string;
    /** Whether dates need a wider column than the default. In characters. */
    readonly width?: number;
  }[];
  /** Rows of the data's sheet, XML as {@link cellRow} writes it; a chunk may end anywhere. */
  readonly rows: AsyncIterable<Uint8Array>;
  /** Rows of the second sheet, which describes the columns. */
  readonly description: readonly (readonly string[])[];
  readonly modifiedAt: Date;
}

/**
 * Streams a workbook with the sheets `Data` and `Columns`, in bounded memory. Texts are inline, so that no table of all texts is
 * needed; rows and cells have no reference, so they follow each other. Source: ECMA-376, part 1, 18.3.1.
 *
 * @throws WaybillError `xlsx_too_large` if the sheet is longer than an archive without zip64 can hold
 */
export function xlsx(
  { columns, rows, description, modifiedAt }: Workbook,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const entry = (name: string, open: ZipEntry['open']): ZipEntry => ({
    name,
    modifiedAt,
    bytesMax: SHEET_BYTES_MAX,
    open,
  });
  const file = (name: string, text: string) => entry(name, () => once(text));
  const widths = columns.flatMap(({ width }, at) =>
    width === undefined ? [] : [`<col min="${at + 1}" max="${at + 1}" width="${width}" customWidth="1"/>`],
  );
  const header = cellRow(
    columns.map((column) => column.header),
    CELL_STYLES.header,
  );
  const data = () =>
    sheet(`${FROZEN}${widths.length > 0 ? `<cols>${widths.join('')}</cols>` : ''}`, header, limited(rows));
  const [names = [], ...described] = description;
  const notes = () =>
    sheet(
      '<cols><col min="1" max="5" width="24" customWidth="1"/></cols>',
      cellRow(names, CELL_STYLES.header),
      once(described.map((row) => cellRow(row)).join('')),
    );
  const entries = [
    file('[Content_Types].xml', CONTENT_TYPES),
    file('_rels/.rels', RELATIONS),
    file('xl/workbook.xml', WORKBOOK),
    file('xl/_rels/workbook.xml.rels', WORKBOOK_RELATIONS),
    file('xl/styles.xml', STYLES),
    entry('xl/worksheets/sheet1.xml', data),
    entry('xl/worksheets/sheet2.xml', notes),
  ];
  return zip(entries, signal, { names: /^[\w./[\]]+$/ });
}

async function* limited(rows: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of rows) {
    bytes += chunk.length;
    if (bytes > SHEET_BYTES_MAX) {
      throw new WaybillError(
        'xlsx_too_large',
        'The rows are too long for a workbook. Order PARQUET or CSV, or choose fewer columns, a shorter window or a filter.',
      );
    }
    yield chunk;
  }
}

/** @param style index of a cell format @returns a row of texts as XML */
function cellRow(texts: readonly string[], style?: number): string {
  const attribute = style === undefined ? '' : ` s="${style}"`;
  const cells = texts.map((text) => `<c${attribute}${TEXT_CELL.begin.slice(2)}${escapeText(text)}${TEXT_CELL.end}`);
  return `<row>${cells.join('')}</row>\n`;
}

/** Around the escaped text of a cell. */
export const TEXT_CELL = { begin: '<c t="inlineStr"><is><t xml:space="preserve">', end: '</t></is></c>' } as const;

/** Characters that XML 1.0 has no place for, or changes. Written as `_xHHHH_`. Source: ECMA-376, part 1, 22.9.2.19. */
export const ESCAPED_CODES = [
  ...Array.from({ length: 32 }, (_, code) => code).filter((code) => code !== 0x09 && code !== 0x0a),
  0xfffe,
  0xffff,
] as const;

export function escapedCode(code: number): string {
  return `_x${code.toString(16).toUpperCase().padStart(4, '0')}_`;
}

/** A text that would be read as an escaped character. */
export const LIKE_ESCAPED = '_x[0-9A-Fa-f]{4}_';

function escapeText(text: string): string {
  const escaped = new RegExp(LIKE_ESCAPED).test(text) ? text.replaceAll('_x', '_x005F_x') : text;
  return ESCAPED_CODES.reduce<string>(
    (before, code) => before.replaceAll(String.fromCharCode(code), escapedCode(code)),
    escaped.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\n', '&#10;'),
  );
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'utf8');
}

async function* sheet(before: string, header: string, rows: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${XML}<worksheet xmlns="${MAIN}">${before}<sheetData>${header}`, 'utf8');
  yield* rows;
  yield Buffer.from('</sheetData></worksheet>', 'utf8');
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const TYPES = 'application/vnd.openxmlformats-officedocument.spreadsheetml';

/** The header stays in view. */
const FROZEN =
  '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>';

const CONTENT_TYPES = `${XML}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="${TYPES}.worksheet+xml"/><Override PartName="/xl/worksheets/sheet2.xml" ContentType="${TYPES}.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="${TYPES}.styles+xml"/></Types>`;

const RELATIONS = `${XML}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`;

const WORKBOOK = `${XML}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/><sheet name="Columns" sheetId="2" r:id="rId2"/></sheets></workbook>`;

const WORKBOOK_RELATIONS = `${XML}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${OFFICE}/worksheet" Target="worksheets/sheet2.xml"/><Relationship Id="rId3" Type="${OFFICE}/styles" Target="styles.xml"/></Relationships>`;

const STYLES = `${XML}<styleSheet xmlns="${MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/><numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss.000"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`;
