import { WaybillError } from '../contracts/failures.ts';
import { type Calendar, calendarNotes, valueText } from './calendar.ts';
import { heldLabel } from './cut.ts';
import { fileNames } from './names.ts';
import type { Table, ValueLabel, Variable, VariableType } from './table.ts';

/** Bytes of a text value. Source: IBM SPSS Statistics, "System limits". */
const TEXT_BYTES_MAX = 32_767;
const TITLE_LIMIT = { max: 64, unit: 'bytes' } as const;
const LABEL_LIMIT = { max: 256, unit: 'bytes' } as const;
const VALUE_LABEL_LIMIT = { max: 120, unit: 'bytes' } as const;
/** Of a missing value of a text variable, however long its values are. */
const MISSING_BYTES_MAX = 8;
/** Each takes 32 bytes of the dictionary, which is made in memory. */
const PLACES_MAX = 4 * 1024 * 1024;

/** Between 1582-10-14, with which SPSS begins to count seconds, and 1970-01-01. */
const EPOCH_SECONDS = 141_428 * 86_400;

/** Days have four digits of their year, and none precedes the first one; a double of so many seconds is exact to 2 µs. */
const CALENDAR: Calendar = {
  program: 'SPSS',
  first: -141_428,
  last: 2_932_896,
  exactYears: [500, 2600],
  units: { date: 'seconds', timestamp: 'seconds' },
};

/** A format of SPSS by its number in system files. */
const FORMATS = { A: 1, F: 5, TIME: 21, DATETIME: 22, SDATE: 39 } as const;

export interface DisplayFormat {
  /** Number of the format's kind. */
  readonly kind: number;
  readonly width: number;
  readonly decimals: number;
}

/** A value in the unit and type of the file. */
export type SavValue = number | string;

export type ValueLabels = readonly { readonly value: SavValue; readonly label: string }[];

export interface SavVariable {
  readonly name: string;
  readonly label: string;
  /** Bytes of a text; 0: a number. */
  readonly width: number;
  /** Of the variables of the file that this one takes: a text of more than 255 bytes takes several. At most 8 ASCII characters each. */
  readonly shortNames: readonly string[];
  readonly format: DisplayFormat;
  readonly isNominal: boolean;
  /** From a value of the table to one of the file: `value * scale + offset`. */
  readonly scale: number;
  readonly offset: number;
  /** At most 120 bytes each. */
  readonly valueLabels: ValueLabels;
  /** At most three values, or a range and one value. */
  readonly missing: { readonly range?: readonly [low: number, high: number]; readonly values: readonly SavValue[] };
}

/**
 * A text of more than 255 bytes is kept in several variables of the file, of which all but the last have 255 bytes. Source: GNU
 * PSPP, "System File Format", Very Long String Record.
 *
 * @param width of a value in bytes; 0: a number. @returns widths of the variables that hold it
 */
export function segmentWidths(width: number): readonly number[] {
  if (width <= 255) return [width];
  const count = Math.ceil(width / 252);
  return [...Array<number>(count - 1).fill(255), width - (count - 1) * 252];
}

/** @returns in how many places of eight bytes the variables are kept in each row */
export function placeCount(variables: readonly Pick<SavVariable, 'width'>[]): number {
  let count = 0;
  for (const { width } of variables) {
    for (const bytes of segmentWidths(width)) count += Math.max(1, Math.ceil(bytes / 8));
  }
  return count;
}

/** @throws WaybillError `not_representable` */
export function savVariables(table: Table): {
  readonly title: string;
  readonly variables: readonly SavVariable[];
  readonly notes: readonly string[];
} {
  const notes: string[] = [...(table.notes ?? [])];
  const title = heldLabel(table.title, 'The title', TITLE_LIMIT, notes);
  const names = fileNames(
    table.variables.map(({ name }) => name),
    'spss',
  );
  const widths = table.variables.map((variable) => ({ width: widthOf(table, variable) }));
  if (placeCount(widths) > PLACES_MAX) {
    throw new WaybillError(
      'not_representable',
      `${table.title}: its texts are too long, and too many, for one file of SPSS. Order fewer columns, or another format.`,
    );
  }
  const nextShortNames = shortNames(names);
  const variables = table.variables.map((variable, at) => {
    const name = names[at] ?? '';
    const { width } = widths[at] ?? { width: 0 };
    const label = heldLabel(variable.label, `The label of ${name}`, LABEL_LIMIT, notes);
    notes.push(...textNotes(name, variable), ...calendarNotes(name, variable, CALENDAR));
    const [scale, offset] = UNITS[variable.type.kind] ?? [1, 0];
    const convert = ({ value }: ValueLabel): SavValue =>
      width > 0 ? withoutPadding(String(value)) : Number(value) * scale + offset;
    return {
      name,
      label,
      width,
      shortNames: nextShortNames(at, segmentWidths(width).length),
      format: formatOf(variable, width),
      isNominal: width > 0 || variable.type.kind === 'boolean' || variable.valueLabels.length > 0,
      scale,
      offset,
      valueLabels: valueLabelsOf(name, variable, convert, notes),
      missing: missingOf(name, variable, width, convert, notes),
    };
  });
  if (table.variables.some(({ type }) => type.kind === 'timestamp')) {
    notes.push('SPSS counts seconds since 1582, so that fractions of a second are exact to two millionths.');
  }
  return { title, variables, notes };
}

const UNITS: Partial<Readonly<Record<VariableType['kind'], readonly [scale: number, offset: number]>>> = {
  date: [86_400, EPOCH_SECONDS],
  timestamp: [1, EPOCH_SECONDS],
};

function textNotes(name: string, { type }: Variable): readonly string[] {
  const count = type.kind === 'text' ? (type.blankEnded ?? 0) : 0;
  if (count === 0) return [];
  const values = count === 1 ? '1 value ends' : `${count.toLocaleString('en')} values end`;
  return [`${name}: ${values} with blanks, which SPSS takes for padding; they are not in the file.`];
}

/** A text with and without blanks at its end is the same value. */
function withoutPadding(text: string): string {
  let end = text.length;
  while (text[end - 1] === ' ') end -= 1;
  return text.slice(0, end);
}

/** Texts that a value of the file can be. */
function isHeld(value: SavValue): boolean {
  return typeof value === 'string' ? !value.includes('\0') : !Number.isNaN(value);
}

/** @returns bytes that each value takes: those of the longest one, at least those of values with a meaning */
function widthOf({ title }: Table, { name, type, valueLabels, missing }: Variable): number {
  if (type.kind !== 'text') return 0;
  const described = [...valueLabels, ...missing].map(({ value }) => Buffer.byteLength(String(value)));
  const width = described.reduce((most, bytes) => Math.max(most, bytes), Math.max(type.bytes, 1));
  if (width <= TEXT_BYTES_MAX) return width;
  throw new WaybillError(
    'not_representable',
    `${title}: a value of ${name} has ${width.toLocaleString('en')} bytes, and SPSS holds ${TEXT_BYTES_MAX.toLocaleString('en')}. Leave the column out, or order another format.`,
  );
}

function formatOf({ type, missing }: Variable, width: number): DisplayFormat {
  switch (type.kind) {
    case 'text':
      return { kind: FORMATS.A, width: Math.min(width, 255), decimals: 0 };
    case 'integer':
      // SPSS shows as asterisks what is wider, also if it stands for a missing answer.
      return number(
        Math.max(...[type.min, type.max, ...missing.map(({ value }) => value)].map((one) => String(one).length)),
        0,
      );
    case 'number':
      return number((type.decimals ?? 6) + 12, type.decimals ?? 6);
    case 'boolean':
      return number(1, 0);
    case 'date':
      return { kind: FORMATS.SDATE, width: 10, decimals: 0 };
    case 'timestamp':
      return { kind: FORMATS.DATETIME, width: 20, decimals: 0 };
    case 'time':
      return { kind: FORMATS.TIME, width: 8, decimals: 0 };
  }
}

/** Widths of at most 40 and 16 decimals, as SPSS takes them. */
function number(width: number, decimals: number): DisplayFormat {
  return { kind: FORMATS.F, width: Math.min(width, 40), decimals: Math.min(decimals, 16) };
}

/** Those of missing values included; the first one counts if a value has several. */
function valueLabelsOf(
  name: string,
  { type, valueLabels, missing }: Variable,
  convert: (label: ValueLabel) => SavValue,
  notes: string[],
): ValueLabels {
  const found = new Map<SavValue, string>();
  for (const labelled of [...valueLabels, ...missing]) {
    const value = convert(labelled);
    if (labelled.label === '' || found.has(value)) continue;
    if (!isHeld(value)) {
      notes.push(`"${labelled.value}" is no value of ${name}, so its label is left out.`);
      continue;
    }
    const what = `The label of the value ${valueText(type, labelled.value)} of ${name}`;
    found.set(value, heldLabel(labelled.label, what, VALUE_LABEL_LIMIT, notes));
  }
  return [...found].map(([value, label]) => ({ value, label }));
}

function missingOf(
  name: string,
  { type, missing }: Variable,
  width: number,
  convert: (label: ValueLabel) => SavValue,
  notes: string[],
): SavVariable['missing'] {
  const spelled = new Map(missing.map((one) => [convert(one), valueText(type, one.value)]));
  const all = [...spelled.keys()].filter(isHeld);
  if (type.kind === 'integer' && all.length > 3) {
    const ranged = asRange(all.map(Number));
    if (ranged) return ranged;
  }
  const long = all.filter((value) => width > 0 && Buffer.byteLength(String(value)) > MISSING_BYTES_MAX);
  const values = all.filter((value) => !long.includes(value));
  const left = [...long, ...values.slice(3)];
  if (left.length > 0) {
    notes.push(
      `${name}: SPSS declares at most three missing values${width > 0 ? ' of at most 8 bytes' : ', or a range and one'}, so these are values like others in the file: ${left.map((value) => spelled.get(value)).join(', ')}.`,
    );
  }
  return { values: values.slice(0, 3) };
}

/** @returns a range, and one value at most, that cover these whole numbers and no others */
function asRange(values: readonly number[]): SavVariable['missing'] | undefined {
  const sorted = values.toSorted((one, other) => one - other);
  const isRun = (run: readonly number[]) => run.every((value, at) => value === (run[0] ?? 0) + at);
  for (const single of [[], sorted.slice(0, 1), sorted.slice(-1)]) {
    const run = sorted.filter((value) => !single.includes(value));
    const [low, high] = [run[0], run.at(-1)];
    if (isRun(run) && low !== undefined && high !== undefined) return { range: [low, high], values: single };
  }
  return undefined;
}

/**
 * A variable also has a name of at most eight bytes. Readers rename one variable after the other from short to long names, so a
 * short name must not be the long name of another variable.
 *
 * @returns a function that names the next variable
 */
function shortNames(names: readonly string[]): (at: number, count: number) => readonly string[] {
  const taken = new Set(names.map((name) => name.toUpperCase()));
  let number = 0;
  const made = () => {
    do number += 1;
    while (taken.has(`V${number}`));
    return `V${number}`;
  };
  return (at, count) => {
    const upper = names[at]?.toUpperCase() ?? '';
    const own = /^[A-Z@][A-Z\d._$#@]{0,7}$/.test(upper) ? upper : made();
    return [own, ...Array.from({ length: count - 1 }, made)];
  };
}
