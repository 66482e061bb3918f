import type { ColumnType } from '../../config/dataset.ts';
import type { CsvOptions, FileFormat, FileOrder } from '../../contracts/order.ts';
import { formatColumn, guardFormula, isJsonText } from './column-format.ts';
import type { SelectedRow, SelectItem } from './row-text.ts';
import { sheetRow } from './sheet-cell.ts';
import type { SourceColumn } from './source-column.ts';
import { identifier, literal } from './sql-text.ts';

/** How rows are written: what the COPY selects, and its options. */
export interface RowFormat extends SelectedRow {
  readonly options: string;
}

/**
 * A row is composed as one text in most formats, which DuckDB's CSV writer then writes as it is: its own quoting looks at
 * each byte of each value, its JSON writer would round numbers in columns of JSON text and drop their zeros, and with a text
 * for NULL it leaves an empty text unquoted.
 */
export function rowFormat(
  columns: readonly SourceColumn[],
  order: Pick<FileOrder, 'format' | 'csv' | 'timeZone'>,
): RowFormat {
  const { format, csv } = order;
  const formatted = formattedBy(order);
  switch (format) {
    case 'csv':
      return csvRows(columns, csv, formatted);
    case 'jsonl':
      return jsonRows(columns, format, formatted);
    case 'json':
    case 'typed-json': {
      const { items, options } = jsonRows(columns, format, formatted);
      return { items, options: `${options}, PREFIX '[\n\t', SUFFIX '\n]\n', NEW_LINE ',\n\t'` };
    }
    case 'rows-json':
      return arrayRows(columns, formatted);
    case 'tab':
      return { items: columns.map((one) => ({ sql: tabField(one, formatted) })), options: TAB };
    case 'xlsx':
      return { ...sheetRow(columns, order.timeZone ?? null), options: asItIs('<') };
    case 'parquet':
      return { items: named(columns, formatted), options: 'FORMAT parquet, COMPRESSION zstd' };
    case 'sav':
    case 'zsav':
    case 'dta':
      // Read as vectors; DuckDB writes none of them.
      return { items: named(columns, formatted), options: '' };
  }
}

/** @returns SQL of the values that a format's rows are made of */
export function rowValues(
  columns: readonly SourceColumn[],
  order: Pick<FileOrder, 'format' | 'timeZone'>,
): readonly string[] {
  return columns.map(formattedBy(order));
}

/** @returns SQL of a column's value as the format has it */
type Formatted = (column: SourceColumn) => string;

function formattedBy({ format, timeZone }: Pick<FileOrder, 'format' | 'timeZone'>): Formatted {
  return ({ column, sql, type }) => formatColumn(sql, column.type, type, format, timeZone ?? null);
}

function named(columns: readonly SourceColumn[], formatted: Formatted): readonly SelectItem[] {
  return columns.map((one) => ({ sql: formatted(one), name: one.column.name }));
}

/**
 * One text a row, written as it is: without quote character nothing is quoted.
 *
 * @param delimiter never written here; the writer looks through each text until it finds one, so best a character that comes
 *   early
 */
function asItIs(delimiter: string): string {
  return `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER ${literal(delimiter)}`;
}

/** Without a quote character nothing is quoted; values have neither tabs nor line ends. */
const TAB = `FORMAT csv, HEADER false, NULLSTR '', QUOTE '', ESCAPE '', DELIMITER ${literal('\t')}${lineEnd(true)}`;

/** What stands for an answer that is missing and no number. */
const NO_ANSWER = '##N/A##';

/** A date cannot hold what stands for a missing answer, and a decimal would be written with its scale, as -999999999.00. */
function tabField(one: SourceColumn, formatted: Formatted): string {
  const { type, missing = {} } = one.column;
  const value = formatted(one);
  const isTime = type === 'date' || type === 'timestamp';
  if (!isTime && type !== 'decimal' && type !== 'double') return value;
  // As values of the column, however they are spelled; what is none stands for nothing.
  const cases = Object.keys(missing).map((key) => {
    const stands = formatted({ ...one, sql: `TRY_CAST(${literal(key)} AS ${one.type})` });
    return `WHEN ${value} = ${stands} THEN ${literal(isTime ? NO_ANSWER : key)}`;
  });
  return cases.length === 0 ? value : `CASE ${cases.join(' ')} ELSE CAST(${value} AS VARCHAR) END`;
}

function jsonRows(columns: readonly SourceColumn[], format: FileFormat, formatted: Formatted): RowFormat {
  return { items: [{ sql: jsonObject(columns, format, formatted) }], options: asItIs('{') };
}

/** @returns SQL of the row as a JSON object; neighbours that DuckDB writes exactly are written together. */
function jsonObject(columns: readonly SourceColumn[], format: FileFormat, formatted: Formatted): string {
  const isText = ({ column, type }: SourceColumn) => isJsonText(column.type, type, format);
  if (!columns.some(isText)) return plainObject(columns, formatted);
  const members: string[] = [];
  let plain: SourceColumn[] = [];
  const endPlain = () => {
    if (plain.length === 0) return;
    const object = plainObject(plain, formatted);
    members.push(`substr(${object}, 2, length(${object}) - 2)`);
    plain = [];
  };
  for (const one of columns) {
    if (isText(one)) {
      endPlain();
      members.push(`${literal(`${JSON.stringify(one.column.name)}:`)} || coalesce(${formatted(one)}, 'null')`);
    } else plain.push(one);
  }
  endPlain();
  return `'{' || ${members.join(` || ',' || `)} || '}'`;
}

function plainObject(columns: readonly SourceColumn[], formatted: Formatted): string {
  const entries = columns.map((one) => `${identifier(one.column.name)} := ${formatted(one)}`);
  return `CAST(to_json(struct_pack(${entries.join(', ')})) AS VARCHAR)`;
}

/** The headers come before the first row, and each row begins with a comma, so that the array is JSON without any row too. */
function arrayRows(columns: readonly SourceColumn[], formatted: Formatted): RowFormat {
  const headers = `[${JSON.stringify(columns.map(({ column }) => column.header))}\n`;
  return {
    items: [{ sql: `',[' || ${arrayItems(columns, formatted).join(` || ',' || `)} || ']'` }],
    options: `${asItIs(',')}, PREFIX ${literal(headers)}, SUFFIX ${literal('\n]\n')}, NEW_LINE ${literal('\n')}`,
  };
}

/** @returns SQL of texts that, joined by commas, are the row's items; neighbours that DuckDB writes exactly are one text. */
function arrayItems(columns: readonly SourceColumn[], formatted: Formatted): readonly string[] {
  const items: string[] = [];
  let plain: string[] = [];
  const endPlain = () => {
    if (plain.length === 0) return;
    const array = `CAST(json_array(${plain.join(', ')}) AS VARCHAR)`;
    items.push(`substr(${array}, 2, length(${array}) - 2)`);
    plain = [];
  };
  for (const one of columns) {
    const value = formatted(one);
    if (isJsonText(one.column.type, one.type, 'rows-json')) {
      endPlain();
      items.push(`coalesce(${value}, 'null')`);
    } else plain.push(value);
  }
  endPlain();
  return items;
}

function lineEnd(crlf = false): string {
  return crlf ? `, NEW_LINE ${literal('\r\n')}` : '';
}

function csvRows(columns: readonly SourceColumn[], csv: CsvOptions, formatted: Formatted): RowFormat {
  const values = columns.map((one) => ({ sql: csvField(one, csv, formatted), name: one.column.name }));
  const options = `${asItIs(csv.delimiter)}${lineEnd(csv.crlf)}`;
  const isPlain = columns.map(({ column }) => isSafe(csv) && PLAIN.has(column.type));
  const line = (sqls: readonly string[]) =>
    `concat(${sqls.map((sql, at) => (isPlain[at] ? orNull(sql, csv) : quoted(sql, csv))).join(`, ${literal(csv.delimiter)}, `)})`;
  // Quoting names a value several times, so one that is more than a column is computed below it.
  if (columns.some(({ sql }, at) => !isPlain[at] && values[at]?.sql !== sql)) {
    return { items: values, line: line(values.map(({ name }) => identifier(name))), options };
  }
  return { items: [{ sql: line(values.map(({ sql }) => sql)) }], options };
}

function csvField(one: SourceColumn, { formulaGuard, decimalComma = false }: CsvOptions, formatted: Formatted): string {
  const value = formatted(one);
  const { type } = one.column;
  if (decimalComma && (type === 'decimal' || type === 'double')) return `replace(CAST(${value} AS VARCHAR), '.', ',')`;
  return formulaGuard && type === 'text' ? guardFormula(value) : value;
}

/** Types whose values are never empty and need no quotes, unless the delimiter or the text for NULL may be found in them. */
const PLAIN: ReadonlySet<ColumnType> = new Set([
  'boolean',
  'integer',
  'decimal',
  'double',
  'date',
  'time',
  'timestamp',
  'uuid',
]);
const IN_PLAIN_VALUES = /[\w.:+ ()-]/;

function isSafe({ delimiter, nullText, decimalComma }: CsvOptions): boolean {
  return !IN_PLAIN_VALUES.test(`${delimiter}${nullText}`) && !(decimalComma && delimiter === ',');
}

/** `concat` leaves out what is NULL. */
function orNull(value: string, { nullText }: CsvOptions): string {
  return nullText === '' ? value : `coalesce(CAST(${value} AS VARCHAR), ${literal(nullText)})`;
}

/**
 * By RFC 4180. Quoted besides is what would be read as NULL, an empty text and the text for NULL, and what holds a `#`, with
 * which some readers begin a comment.
 */
function quoted(value: string, csv: CsvOptions): string {
  const text = `CAST(${value} AS VARCHAR)`;
  const special = [literal(csv.delimiter), `'"'`, `'#'`, 'chr(10)', 'chr(13)'].map(
    (one) => `contains(${text}, ${one})`,
  );
  const isNull = ['', ...(csv.nullText === '' ? [] : [csv.nullText])].map((one) => `${text} = ${literal(one)}`);
  const inQuotes = `'"' || replace(${text}, '"', '""') || '"'`;
  return `CASE WHEN ${[...special, ...isNull].join(' OR ')} THEN ${inQuotes} ELSE ${orNull(text, csv)} END`;
}
