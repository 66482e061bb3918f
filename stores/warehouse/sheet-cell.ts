import { CELL_STYLES, ESCAPED_CODES, escapedCode, LIKE_ESCAPED, TEXT_CELL, XLSX_CELL_MAX } from '../../streams/xlsx.ts';
import { formatColumn } from './column-format.ts';
import { CELL_TOO_LONG } from './errors.ts';
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

/** @returns SQL of a row as XML for a sheet of Excel; what Excel has no value for is a text */
export function sheetRow(columns: readonly SourceColumn[], timeZone: string | null): string {
  return `'<row>' || ${columns.map((column) => cell(column, timeZone)).join(' || ')} || '</row>'`;
}

function cell(one: SourceColumn, timeZone: string | null): string {
  const { column, sql, type } = one;
  const written = `CAST(${formatColumn(sql, column.type, type, 'csv', timeZone)} AS VARCHAR)`;
  const filled = (content: string) => `CASE WHEN ${sql} IS NULL THEN '<c/>' ELSE ${content} END`;
  const isText = textCell(written, column.name);
  switch (column.type) {
    case 'boolean':
      return filled(`'<c t="b"><v>' || CAST(CAST(${sql} AS INTEGER) AS VARCHAR) || '</v></c>'`);
    case 'integer':
    case 'decimal': {
      const digits = `CASE WHEN contains(${written}, '.') THEN rtrim(replace(${written}, '.', ''), '0') ELSE ${written} END`;
      const isShort = `length(ltrim(${digits}, '-0')) <= ${DIGITS_MAX}`;
      return filled(
        `CASE WHEN ${isShort} THEN ${numberCell(`CAST(TRY_CAST(${written} AS DOUBLE) AS VARCHAR)`)} ELSE ${isText} END`,
      );
    }
    case 'double':
      return filled(`CASE WHEN isfinite(CAST(${written} AS DOUBLE)) THEN ${numberCell(written)} ELSE ${isText} END`);
    case 'date':
      return filled(dayCell(sql, `CAST(${sql} - DATE '${EPOCH}' AS VARCHAR)`, CELL_STYLES.date, isText));
    case 'timestamp': {
      const clock = timeZone === null ? utcClock(sql, type) : clockIn(timeZone, sql, type);
      const days = `(epoch_us(${clock}) - epoch_us(TIMESTAMP '${EPOCH}')) / ${DAY_MICROS}`;
      return filled(dayCell(clock, `CAST(${days} AS VARCHAR)`, CELL_STYLES.timestamp, isText));
    }
    case 'text':
    case 'time':
    case 'uuid':
    case 'json':
    case 'binary':
      return filled(isText);
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
