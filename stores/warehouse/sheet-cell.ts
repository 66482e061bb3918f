import { CELL_STYLES, ESCAPED_CODES, escapedCode, LIKE_ESCAPED, TEXT_CELL, XLSX_CELL_MAX } from '../../streams/xlsx.ts';
import { formatColumn } from './column-format.ts';
import { CELL_TOO_LONG } from './errors.ts';
import type { RowText } from './row-text.ts';
import type { SourceColumn } from './source-column.ts';
import { literal } from './sql-text.ts';
import { clockIn, utcClock } from './time-text.ts';

/** Digits that Excel keeps of a number. */
const DIGITS_MAX = 15;

/** Excel takes 1900 for a leap year, so that days before March have another number elsewhere; it ends with 9999. */
const DAYS = { first: '1900-03-01', last: '9999-12-31' } as const;
/** Excel counts days from here on. */
const EPOCH = '1899-12-30';
const DAY_MICROS = '86400000000.0';

/** A row as XML for a sheet of Excel; what Excel has no value for is a text. */
export function sheetRow(columns: readonly SourceColumn[], timeZone: string | null): RowText {
  const cells = columns.map((column, index) => cell(column, index, timeZone));
  return {
    items: cells.flatMap(({ items }) => items),
    line: `'<row>' || ${cells.map(({ line }) => line).join(' || ')} || '</row>'`,
  };
}

/** A cell names its value and its text several times, so both are computed below it. */
function cell(one: SourceColumn, index: number, timeZone: string | null): RowText {
  const { column, sql, type } = one;
  const value = `value_${index}`;
  const text = `text_${index}`;
  const clock = () => (timeZone === null ? utcClock(sql, type) : clockIn(timeZone, sql, type));
  return {
    items: [
      { sql: column.type === 'timestamp' ? clock() : sql, name: value },
      { sql: `CAST(${formatColumn(sql, column.type, type, 'csv', timeZone)} AS VARCHAR)`, name: text },
    ],
    line: `CASE WHEN ${value} IS NULL THEN '<c/>' ELSE ${filled(column, value, text)} END`,
  };
}

function filled({ name, type }: SourceColumn['column'], value: string, text: string): string {
  const isText = textCell(text, name);
  switch (type) {
    case 'boolean':
      return `'<c t="b"><v>' || CAST(CAST(${value} AS INTEGER) AS VARCHAR) || '</v></c>'`;
    case 'integer':
    case 'decimal': {
      const digits = `CASE WHEN contains(${text}, '.') THEN rtrim(replace(${text}, '.', ''), '0') ELSE ${text} END`;
      const isShort = `length(ltrim(${digits}, '-0')) <= ${DIGITS_MAX}`;
      return `CASE WHEN ${isShort} THEN ${numberCell(`CAST(TRY_CAST(${text} AS DOUBLE) AS VARCHAR)`)} ELSE ${isText} END`;
    }
    case 'double':
      return `CASE WHEN isfinite(CAST(${text} AS DOUBLE)) THEN ${numberCell(text)} ELSE ${isText} END`;
    case 'date':
      return dayCell(value, `CAST(${value} - DATE '${EPOCH}' AS VARCHAR)`, CELL_STYLES.date, isText);
    case 'timestamp': {
      const days = `(epoch_us(${value}) - epoch_us(TIMESTAMP '${EPOCH}')) / ${DAY_MICROS}`;
      return dayCell(value, `CAST(${days} AS VARCHAR)`, CELL_STYLES.timestamp, isText);
    }
    case 'text':
    case 'time':
    case 'uuid':
    case 'json':
    case 'binary':
      return isText;
  }
}

function numberCell(text: string): string {
  return `'<c><v>' || ${text} || '</v></c>'`;
}

function dayCell(value: string, days: string, style: number, otherwise: string): string {
  const isKnown = `${value} >= DATE '${DAYS.first}' AND ${value} < DATE '${DAYS.last}' + INTERVAL 1 DAY`;
  return `CASE WHEN ${isKnown} THEN '<c s="${style}"><v>' || ${days} || '</v></c>' ELSE ${otherwise} END`;
}

/** @param name of the column, for the error if the text is too long for a cell */
function textCell(text: string, name: string): string {
  const units = `length(${text}) + length(regexp_replace(${text}, '[^\\x{10000}-\\x{10FFFF}]', '', 'g'))`;
  const isLong = `strlen(${text}) > ${XLSX_CELL_MAX} AND ${units} > ${XLSX_CELL_MAX}`;
  const checked = `CASE WHEN ${isLong} THEN error(${literal(`${CELL_TOO_LONG}${name}`)}) ELSE ${escaped(text)} END`;
  return `${literal(TEXT_CELL.begin)} || ${checked} || ${literal(TEXT_CELL.end)}`;
}

/** XML of a text, on one line. Only a text that may need it is taken apart. */
function escaped(text: string): string {
  const unlike = `CASE WHEN regexp_matches(${text}, '${LIKE_ESCAPED}') THEN replace(${text}, '_x', '_x005F_x') ELSE ${text} END`;
  const inXml = [
    ['&', '&amp;'],
    ['<', '&lt;'],
    ['>', '&gt;'],
    ['\n', '&#10;'],
  ].reduce((before, [from = '', to = '']) => `replace(${before}, ${literal(from)}, ${literal(to)})`, unlike);
  const whole = ESCAPED_CODES.reduce<string>(
    (before, code) => `replace(${before}, chr(${code}), '${escapedCode(code)}')`,
    inXml,
  );
  return `CASE WHEN regexp_matches(${text}, '[&<>\\x00-\\x1f\\x{FFFE}\\x{FFFF}]|${LIKE_ESCAPED}') THEN ${whole} ELSE ${text} END`;
}
