import { DuckDBDecimalType, type DuckDBType, type DuckDBValue, DuckDBTypeId as Id } from '@duckdb/node-api';
import type { Column } from '../../config/dataset.ts';
import type { ValueLabel, VariableType } from '../../formats/table.ts';
import { formatColumn } from './column-format.ts';
import type { SourceColumn } from './source-column.ts';
import { clockIn, utcClock } from './time-text.ts';

/** A column as a variable of a statistics package, as far as its type tells. */
export interface VariableColumn {
  /** SQL of aggregates over all rows, which tell the rest. */
  readonly aggregates: readonly string[];
  /** @param measured their values */
  describe(measured: readonly DuckDBValue[]): DescribedColumn;
}

export interface DescribedColumn {
  /** SQL of a DOUBLE or of a VARCHAR. */
  readonly sql: string;
  readonly type: VariableType;
  /** A sentence on what the variable holds otherwise than the column does; absent: nothing. */
  readonly note?: string;
}

/** Decimal digits of which a double keeps all. */
const DIGITS_MAX = 15;
/** Powers of ten up to this one are doubles. */
const EXACT_POWER_MAX = 22;
const SAFE_MAX = 2n ** 53n;
const UUID_BYTES = 36;
/** Of a hash in hex digits. */
const ANONYMIZED_BYTES = 64;

/** @param timeZone of the order; `null`: UTC */
export function variableColumn({ sql, type }: SourceColumn, column: Column, timeZone: string | null): VariableColumn {
  const { name } = column;
  const text = `CAST(${formatColumn(sql, column.type, type, 'csv', timeZone)} AS VARCHAR)`;
  switch (column.type) {
    case 'boolean':
      return known(number(`CAST(${sql} AS INTEGER)`), { kind: 'boolean' });
    case 'integer':
      return wholeNumber(sql, text, column, type);
    case 'decimal':
      if (type.typeId === Id.VARCHAR) return decimalText(text, name);
      return type instanceof DuckDBDecimalType ? decimal(sql, text, name, type) : wholeNumber(sql, text, column, type);
    case 'double': {
      const value = formatColumn(sql, 'double', type, 'csv');
      const variable = { kind: 'number', decimals: null } as const;
      const isBinary = type.typeId === Id.DOUBLE || type.typeId === Id.FLOAT;
      return isBinary ? finite(value, value, variable, name, 'NaN or infinite') : known(number(value), variable);
    }
    case 'date': {
      const days = `${sql} - DATE '1970-01-01'`;
      const date = finite(sql, days, { kind: 'date' }, name, 'infinite');
      const isValue = isValueSql(sql, sql, column, 'date', (day) => `DATE '1970-01-01' + (${day})`);
      return ranged(date, sql, isValue, (extreme) => `${extreme} - DATE '1970-01-01'`);
    }
    case 'time':
      if (type.typeId === Id.TIME) {
        const time = known(number(`epoch_us(${sql}) / 1e6`), { kind: 'time' });
        return ranged(time, sql, 'true', (extreme) => `epoch_us(${extreme}) / 1e6`);
      }
      if (type.typeId === Id.TIME_NS) return known(number(`epoch_ns(${sql}) / 1e9`), { kind: 'time' });
      // A time with an offset from UTC is no number.
      return measuredText(text);
    case 'timestamp': {
      const seconds = (value: string) => `epoch_us(${clockOf(value, type, timeZone)}) / 1e6`;
      const finiteOnes = finite(utcClock(sql, type), seconds(sql), { kind: 'timestamp' }, name, 'infinite');
      const isValue = isValueSql(
        utcClock(sql, type),
        clockOf(sql, type, timeZone),
        column,
        'timestamp',
        (second) => `make_timestamp(${Math.round(second * 1e6)})`,
      );
      // Clocks go forward but for an hour, so the extremes are those of the instants.
      const variable = ranged(finiteOnes, sql, isValue, seconds);
      return type.typeId === Id.TIMESTAMP_NS ? withoutNanoseconds(variable, sql, name) : variable;
    }
    case 'uuid':
      return known(text, { kind: 'text', bytes: UUID_BYTES });
    case 'text':
      if (column.anonymizedFrom === undefined) return measuredText(text);
      return known(sql, { kind: 'text', bytes: ANONYMIZED_BYTES });
    case 'json':
    case 'binary':
      return measuredText(text);
  }
}

function number(sql: string): string {
  return `CAST(${sql} AS DOUBLE)`;
}

function known(sql: string, type: VariableType): VariableColumn {
  return { aggregates: [], describe: () => ({ sql, type }) };
}

/** @param value SQL that may be infinite or NaN; then the variable has no value */
function finite(value: string, sql: string, type: VariableType, name: string, what: string): VariableColumn {
  return {
    aggregates: [`count(CASE WHEN NOT isfinite(${value}) THEN 1 END)`],
    describe: ([count]) => {
      // What is not there is not looked for in every row again.
      if (Number(count) === 0) return { sql: number(sql), type };
      const note = `${name}: ${counted(Number(count))} ${what}, and missing in the file.`;
      return { sql: number(`CASE WHEN isfinite(${value}) THEN ${sql} END`), type, note };
    },
  };
}

/**
 * Adds the range of a variable's values.
 *
 * @param isValue SQL of what is a value. @param toNumber SQL of a value as the variable has it
 */
function ranged(
  variable: VariableColumn,
  sql: string,
  isValue: string,
  toNumber: (value: string) => string,
): VariableColumn {
  const extremes = ['min', 'max'].map((extreme) => number(toNumber(`${extreme}(${sql}) FILTER (WHERE ${isValue})`)));
  const own = variable.aggregates.length;
  return {
    aggregates: [...variable.aggregates, ...extremes],
    describe: (measured) => {
      const described = variable.describe(measured);
      const [least = null, greatest = null] = measured.slice(own);
      if (least === null || greatest === null) return described;
      return { ...described, type: { ...described.type, range: [Number(least), Number(greatest)] } };
    },
  };
}

/** @returns SQL: whether a value is finite and stands for no missing answer. @param literal SQL of such an answer */
function isValueSql(
  value: string,
  clock: string,
  { missing }: Column,
  kind: 'date' | 'timestamp',
  literal: (code: number) => string,
): string {
  const codes = labelsOf(missing ?? {}, { kind }).map((code) => literal(Number(code.value)));
  const hasDay = `isfinite(${value})`;
  return codes.length === 0 ? hasDay : `${hasDay} AND ${clock} NOT IN (${codes.join(', ')})`;
}

function clockOf(sql: string, type: DuckDBType, timeZone: string | null): string {
  return timeZone === null ? utcClock(sql, type) : clockIn(timeZone, sql, type);
}

/** Seconds as a double have no room for nanoseconds. */
function withoutNanoseconds(variable: VariableColumn, sql: string, name: string): VariableColumn {
  return {
    aggregates: [...variable.aggregates, `count(*) FILTER (WHERE isfinite(${sql}) AND epoch_ns(${sql}) % 1000 <> 0)`],
    describe: (measured) => {
      const described = variable.describe(measured);
      const cut = Number(measured[variable.aggregates.length] ?? 0);
      const note = `${name}: ${counted(cut)} finer than a microsecond, and cut to it.`;
      return cut === 0 ? described : { ...described, note: [described.note, note].filter(Boolean).join(' ') };
    },
  };
}

function counted(count: number): string {
  return count === 1 ? '1 value is' : `${count.toLocaleString('en')} values are`;
}

function measuredText(text: string, note?: string): VariableColumn {
  return {
    aggregates: [
      `max(strlen(${text}))`,
      `count(nullif(strlen(${text}), 0))`,
      `sum(strlen(${text}))`,
      `count(*) FILTER (WHERE ${text} LIKE '% ')`,
    ],
    describe: ([longest, values, bytes, blankEnded]) => ({
      sql: text,
      type: {
        kind: 'text',
        bytes: Number(longest ?? 0),
        total: { values: Number(values ?? 0), bytes: Number(bytes ?? 0) },
        blankEnded: Number(blankEnded ?? 0),
      },
      ...(note !== undefined && { note }),
    }),
  };
}

function wholeNumber(sql: string, text: string, column: Column, { typeId }: DuckDBType): VariableColumn {
  const note = `${column.name}: numbers beyond 9,007,199,254,740,992, which no package's numbers hold exactly; they are texts in the file.`;
  // Numbers of any length may be texts of any length.
  if (typeId === Id.BIGNUM) return measuredText(text, note);
  const codes = Object.keys(column.missing ?? {}).filter((code) => /^-?\d{1,15}$/.test(code));
  const isValue = codes.length > 0 ? ` FILTER (WHERE ${sql} NOT IN (${codes.join(', ')}))` : '';
  return {
    aggregates: [`CAST(min(${sql})${isValue} AS VARCHAR)`, `CAST(max(${sql})${isValue} AS VARCHAR)`],
    describe: ([least, greatest]) => {
      const [min, max] = [BigInt(String(least ?? 0)), BigInt(String(greatest ?? 0))];
      if (min >= -SAFE_MAX && max <= SAFE_MAX) {
        return { sql: number(sql), type: { kind: 'integer', min: Number(min), max: Number(max) } };
      }
      const bytes = Math.max(...[min, max, ...codes].map((value) => String(value).length));
      return { sql: text, type: { kind: 'text', bytes }, note };
    },
  };
}

function decimal(sql: string, text: string, name: string, { width, scale }: DuckDBDecimalType): VariableColumn {
  // DuckDB divides by a power of ten.
  const double = scale > EXACT_POWER_MAX ? `CAST(${text} AS DOUBLE)` : sql;
  const asNumber = { sql: number(double), type: { kind: 'number', decimals: scale } } as const;
  if (width <= DIGITS_MAX) return { aggregates: [], describe: () => asNumber };
  return {
    aggregates: [`CAST(min(${sql}) AS VARCHAR)`, `CAST(max(${sql}) AS VARCHAR)`],
    describe: (extremes) => {
      const texts = extremes.map((extreme) => String(extreme ?? '0'));
      const digits = Math.max(...texts.map((one) => one.replace(/[-.]/g, '').replace(/^0+/, '').length));
      if (digits <= DIGITS_MAX) return asNumber;
      const bytes = Math.max(...texts.map((one) => one.length));
      return { sql: text, type: { kind: 'text', bytes }, note: tooManyDigits(name) };
    },
  };
}

/** Decimal numbers of any length that the warehouse holds as text. */
function decimalText(text: string, name: string): VariableColumn {
  const asText = measuredText(text, tooManyDigits(name));
  const whole = `max(strlen(ltrim(split_part(${text}, '.', 1), '-0')))`;
  const fraction = `max(strlen(split_part(${text}, '.', 2)))`;
  return {
    aggregates: [whole, fraction, ...asText.aggregates],
    describe: ([before, after, ...measured]) => {
      const decimals = Number(after ?? 0);
      if (Number(before ?? 0) + decimals > DIGITS_MAX) return asText.describe(measured);
      return { sql: number(text), type: { kind: 'number', decimals } };
    },
  };
}

function tooManyDigits(name: string): string {
  return `${name}: numbers of more than ${DIGITS_MAX} digits, which no package's numbers hold exactly; they are texts in the file.`;
}

type Labels = Readonly<Record<string, string>>;

/**
 * @param labels by the value as CSV has it
 * @returns labels by the value as vectors have it. Texts that are no value of the type are left out: see {@link labelNotes}
 */
export function labelsOf(labels: Labels, { kind }: VariableType): readonly ValueLabel[] {
  const entries = Object.entries(labels);
  if (kind === 'text') return entries.map(([value, label]) => ({ value, label }));
  const numbers = entries.map(([text, label]) => [labelledNumber(text, kind), label] as const);
  return [...new Map(numbers)].flatMap(([value, label]) => (Number.isFinite(value) ? { value, label } : []));
}

/** @returns which of a column's labels {@link labelsOf} leaves out, a sentence each */
export function labelNotes(
  { name, valueLabels, missing }: Pick<Column, 'name' | 'valueLabels' | 'missing'>,
  { kind }: VariableType,
): readonly string[] {
  if (kind === 'text') return [];
  return [valueLabels ?? {}, missing ?? {}].flatMap((labels) => {
    const numbers = Object.keys(labels).map((text) => labelledNumber(text, kind));
    return Object.entries(labels).flatMap(([text, label], at) => {
      const number = numbers[at] ?? Number.NaN;
      if (!Number.isFinite(number))
        return `${name}: "${text}" is no value of the column, so its label is left out: ${label}`;
      if (numbers.lastIndexOf(number) === at) return [];
      return `${name}: "${text}" is the same value as another one with a label, so its label is left out: ${label}`;
    });
  });
}

/** @returns NaN if the text is none */
function labelledNumber(text: string, kind: Exclude<VariableType['kind'], 'text'>): number {
  return text.trim() === '' ? Number.NaN : numberOf(text, kind);
}

const DAY_SECONDS = 86_400;

/** @returns NaN if the text is none */
function numberOf(text: string, kind: Exclude<VariableType['kind'], 'text'>): number {
  switch (kind) {
    case 'integer':
    case 'number':
      return Number(text);
    case 'boolean':
      return { false: 0, true: 1 }[text.toLowerCase()] ?? Number(text);
    case 'date':
      return secondsOf(text.slice(0, DAY_LENGTH)) / DAY_SECONDS;
    case 'timestamp':
      return secondsOf(text);
    case 'time':
      return secondsOf(`1970-01-01T${text}`);
  }
}

/** Of `YYYY-MM-DD`. */
const DAY_LENGTH = 10;

/** @param text a clock's date and time, perhaps with an offset, which does not matter here; or a day, which is its midnight */
function secondsOf(text: string): number {
  if (text.length === DAY_LENGTH) return secondsOf(`${text}T00:00:00`);
  const [, clock, fraction = ''] = /^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2})(\.\d+)?/.exec(text) ?? [];
  return Date.parse(`${clock?.replace(' ', 'T')}Z`) / 1000 + Number(`0${fraction}`);
}
