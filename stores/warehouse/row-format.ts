import type { CsvOptions, FileFormat, FileOrder } from '../../contracts/order.ts';
import { formatColumn, guardFormula, isJsonText } from './column-format.ts';
import { sheetRow } from './sheet-cell.ts';
import type { SourceColumn } from './source-column.ts';
import { identifier, literal } from './sql-text.ts';

/** How rows are written: what the COPY selects, and its options. */
export interface RowFormat {
  /** Items of a select list; never empty. */
  readonly items: readonly SelectItem[];
  readonly options: string;
}

interface SelectItem {
  readonly sql: string;
  /** Only where the column's name is written. */
  readonly name?: string;
}

export function selectList(items: readonly SelectItem[]): string {
  return items.map(({ sql, name }) => (name === undefined ? sql : `${sql} AS ${identifier(name)}`)).join(', ');
}

const JSON_ARRAY = { prefix: '[\n\t', separator: ',\n\t', suffix: '\n]\n' } as const;

/**
 * DuckDB's writers write most rows. Two kinds Waybill composes as one text each, which the CSV writer then writes as it is:
 * JSON objects with columns of JSON text, because the JSON writer would round numbers in it and drop their zeros, and CSV
 * with a text for NULL, because the CSV writer leaves an empty text unquoted then.
 */
export function rowFormat(
  columns: readonly SourceColumn[],
  { format, csv, timeZone }: Pick<FileOrder, 'format' | 'csv' | 'timeZone'>,
): RowFormat {
  const formatted: Formatted = ({ column, sql, type }) =>
    formatColumn(sql, column.type, type, format, timeZone ?? null);
  switch (format) {
    case 'csv':
      return csv.nullText === ''
        ? { items: columns.map((one) => ({ sql: csvField(one, csv, formatted) })), options: csvOptions(csv) }
        : csvLines(columns, csv, formatted);
    case 'jsonl':
      return jsonRows(columns, format, formatted, 'ARRAY false', '');
    case 'json':
    case 'typed-json': {
      const { prefix, suffix, separator } = JSON_ARRAY;
      const wrap = `, PREFIX ${literal(prefix)}, SUFFIX ${literal(suffix)}, NEW_LINE ${literal(separator)}`;
      return jsonRows(columns, format, formatted, 'ARRAY true', wrap);
    }
    case 'rows-json':
      return arrayRows(columns, formatted);
    case 'tab':
      return { items: columns.map((one) => ({ sql: tabField(one, formatted) })), options: TAB };
    case 'xlsx':
      return { items: [{ sql: sheetRow(columns, timeZone ?? null) }], options: AS_IT_IS };
    case 'parquet':
      return { items: named(columns, formatted), options: 'FORMAT parquet, COMPRESSION zstd' };
    case 'sav':
    case 'dta':
      // Read as vectors; DuckDB writes none of them.
      return { items: named(columns, formatted), options: '' };
  }
}

/** @returns SQL of a column's value as the format has it */
type Formatted = (column: SourceColumn) => string;

function named(columns: readonly SourceColumn[], formatted: Formatted): readonly SelectItem[] {
  return columns.map((one) => ({ sql: formatted(one), name: one.column.name }));
}

/** One text a row, written as it is: without quote character nothing is quoted. */
const AS_IT_IS = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER ${literal('\u0001')}`;

/** Without a quote character nothing is quoted; values have neither tabs nor line ends. */
const TAB = `FORMAT csv, HEADER false, NULLSTR '', QUOTE '', ESCAPE '', DELIMITER ${literal('\t')}${lineEnd(true)}`;

/** What stands for an answer that is missing and no number. */
const NO_ANSWER = '##N/A##';

/** Numbers and texts hold what stands for a missing answer; a date cannot. */
function tabField(one: SourceColumn, formatted: Formatted): string {
  const { type, missing = {} } = one.column;
  const value = formatted(one);
  const values = Object.keys(missing);
  if ((type !== 'date' && type !== 'timestamp') || values.length === 0) return value;
  return `CASE WHEN ${value} IN (${values.map(literal).join(', ')}) THEN ${literal(NO_ANSWER)} ELSE ${value} END`;
}

function jsonRows(
  columns: readonly SourceColumn[],
  format: FileFormat,
  formatted: Formatted,
  array: string,
  wrap: string,
): RowFormat {
  if (!columns.some(({ column, type }) => isJsonText(column.type, type, format))) {
    return { items: named(columns, formatted), options: `FORMAT json, ${array}` };
  }
  return { items: [{ sql: jsonObject(columns, format, formatted) }], options: `${AS_IT_IS}${wrap}` };
}

/** @returns SQL of the row as a JSON object; neighbours that DuckDB writes exactly are written together. */
function jsonObject(columns: readonly SourceColumn[], format: FileFormat, formatted: Formatted): string {
  const members: string[] = [];
  let plain: SourceColumn[] = [];
  const endPlain = () => {
    if (plain.length === 0) return;
    const entries = plain.map((one) => `${identifier(one.column.name)} := ${formatted(one)}`);
    const object = `CAST(to_json(struct_pack(${entries.join(', ')})) AS VARCHAR)`;
    members.push(`substr(${object}, 2, length(${object}) - 2)`);
    plain = [];
  };
  for (const one of columns) {
    if (isJsonText(one.column.type, one.type, format)) {
      endPlain();
      members.push(`${literal(`${JSON.stringify(one.column.name)}:`)} || coalesce(${formatted(one)}, 'null')`);
    } else plain.push(one);
  }
  endPlain();
  return `'{' || ${members.join(` || ',' || `)} || '}'`;
}

/** The headers come before the first row, and each row begins with a comma, so that the array is JSON without any row too. */
function arrayRows(columns: readonly SourceColumn[], formatted: Formatted): RowFormat {
  const headers = `[${JSON.stringify(columns.map(({ column }) => column.header))}\n`;
  return {
    items: [{ sql: `',[' || ${arrayItems(columns, formatted).join(` || ',' || `)} || ']'` }],
    options: `${AS_IT_IS}, PREFIX ${literal(headers)}, SUFFIX ${literal('\n]\n')}, NEW_LINE ${literal('\n')}`,
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

function csvOptions({ delimiter, crlf }: CsvOptions): string {
  // No header, because DuckDB would rename duplicate names.
  return `FORMAT csv, HEADER false, DELIMITER ${literal(delimiter)}, NULLSTR '', QUOTE '"', ESCAPE '"'${lineEnd(crlf)}`;
}

function lineEnd(crlf = false): string {
  return crlf ? `, NEW_LINE ${literal('\r\n')}` : '';
}

function csvField(one: SourceColumn, { formulaGuard, decimalComma = false }: CsvOptions, formatted: Formatted): string {
  const value = formatted(one);
  const { type } = one.column;
  if (decimalComma && (type === 'decimal' || type === 'double')) return `replace(CAST(${value} AS VARCHAR), '.', ',')`;
  return formulaGuard && type === 'text' ? guardFormula(value) : value;
}

/** By RFC 4180. Quoted besides is what would be read as NULL: an empty text, and the text for NULL. */
function csvLines(columns: readonly SourceColumn[], csv: CsvOptions, formatted: Formatted): RowFormat {
  const special = `["\\r\\n\\x${csv.delimiter.charCodeAt(0).toString(16).padStart(2, '0')}]`;
  const fields = columns.map((one) => {
    const text = `CAST(${csvField(one, csv, formatted)} AS VARCHAR)`;
    const isQuoted = `${text} IN ('', ${literal(csv.nullText)}) OR regexp_matches(${text}, ${literal(special)})`;
    const quoted = `'"' || replace(${text}, '"', '""') || '"'`;
    return `CASE WHEN ${text} IS NULL THEN ${literal(csv.nullText)} WHEN ${isQuoted} THEN ${quoted} ELSE ${text} END`;
  });
  return {
    items: [{ sql: fields.join(` || ${literal(csv.delimiter)} || `) }],
    options: `${AS_IT_IS}${lineEnd(csv.crlf)}`,
  };
}
