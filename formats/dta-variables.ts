import { WaybillError } from '../contracts/failures.ts';
import { type Calendar, calendarNotes, valueText } from './calendar.ts';
import { heldLabel } from './cut.ts';
import { type MissingValue, missingLetters } from './missing-letters.ts';
import { fileNames } from './names.ts';
import { EPOCH_DAYS, LABELLED_MAX, LABELLED_MIN, MISSING_LETTERS, stataValue } from './stata-values.ts';
import type { Table, ValueLabel, Variable } from './table.ts';

/** How values are stored. Ranges leave room for 27 missing values. Source: Stata, help dta, "Representation of numbers". */
export const NUMBER_TYPES = {
  byte: { code: 65530, bytes: 1, min: -127, max: 100, missing: 101 },
  int: { code: 65529, bytes: 2, min: -32_767, max: 32_740, missing: 32_741 },
  long: { code: 65528, bytes: 4, min: -2_147_483_647, max: 2_147_483_620, missing: 2_147_483_621 },
  // The first number that is missing, and the greatest one that is not.
  double: { code: 65526, bytes: 8, min: -Number.MAX_VALUE, max: 2 ** 1023 - 2 ** 970, missing: 2 ** 1023 },
} as const;
export type NumberType = keyof typeof NUMBER_TYPES;

const STRL_CODE = 32_768;
/** Of a place in the strLs. */
const STRL_BYTES = 8;
/** Of a value that stands in its row. */
const STR_BYTES_MAX = 2045;
/** Source: Stata, help limits. */
const ROW_BYTES_MAX = 1_048_576;
const VARIABLES_MAX = 120_000;
/** Format 118 and Stata/SE hold so many variables. */
export const VARIABLES_118_MAX = 32_767;
const LABEL_LIMIT = { max: 80, unit: 'characters' } as const;
const VALUE_LABEL_LIMIT = { max: 32_000, unit: 'bytes' } as const;
/** Of one set. */
const VALUE_LABELS_MAX = 65_536;
/** From 0100-01-01; a double of so many milliseconds is exact to the microsecond. Source: Stata, help datetime. */
const CALENDAR: Calendar = {
  program: 'Stata',
  first: -683_003,
  last: 2_932_896,
  exactYears: [1700, 2200],
  units: { date: 'days', timestamp: 'milliseconds' },
};
const DAY_SECONDS = 86_400;

export interface DtaVariable {
  readonly name: string;
  /** At most 80 characters. */
  readonly label: string;
  readonly typeCode: number;
  /** In a row. */
  readonly bytes: number;
  readonly format: string;
  readonly storage: NumberType | 'str' | 'strL';
  /** Name of its set of value labels; `''`: it has none. */
  readonly labelSet: string;
  /** Values that are missing, in the table's unit: the first becomes the letter with the first number, from 1. */
  readonly missing: readonly { readonly value: number; readonly letter: number }[];
  /** Characteristics, by name. */
  readonly characteristics: Readonly<Record<string, string>>;
}

/** Sorted by value. */
export type LabelSet = readonly { readonly value: number; readonly label: string }[];

export interface DtaTable {
  readonly title: string;
  readonly variables: readonly DtaVariable[];
  readonly labelSets: ReadonlyMap<string, LabelSet>;
  readonly notes: readonly string[];
  /** Values of strLs that are not empty, and their bytes together. */
  readonly strLs: { readonly values: number; readonly bytes: number };
}

/** @throws WaybillError `not_representable` for a table that Stata cannot hold */
export function describeVariables(table: Table): DtaTable {
  const notes: string[] = [...(table.notes ?? [])];
  const title = heldLabel(table.title, 'The title', LABEL_LIMIT, notes);
  if (table.variables.length > VARIABLES_MAX) {
    throw new WaybillError(
      'not_representable',
      `${table.title} has ${counted(table.variables.length)} columns, and a file of Stata holds ${counted(VARIABLES_MAX)}. Order fewer columns, or another format.`,
    );
  }
  if (table.variables.length > VARIABLES_118_MAX) {
    notes.push(`The file has more than ${counted(VARIABLES_118_MAX)} variables, which only Stata/MP opens.`);
  }
  const names = fileNames(
    table.variables.map(({ name }) => name),
    'stata',
  );
  const storages = storagesOf(table);
  const letters = missingLetters(table.variables, names);
  notes.push(...letters.notes);
  const sets = createLabelSets(notes);
  const variables = table.variables.map((variable, at): DtaVariable => {
    const name = names[at] ?? '';
    const storage = storages[at] ?? 'double';
    const missing = letters.values.get(at) ?? [];
    const others = letters.others.get(at) ?? [];
    if (variable.type.kind === 'text') noteTextLabels(variable, name, notes);
    if (others.length > 0) {
      notes.push(
        `${name}: Stata has ${MISSING_LETTERS.length} missing values besides its own; ${others.length} more are written as they are.`,
      );
    }
    const label = heldLabel(variable.label, `The label of ${name}`, LABEL_LIMIT, notes);
    notes.push(...calendarNotes(name, variable, CALENDAR), ...midnightNotes(name, variable));
    return {
      name,
      label,
      ...placeOf(variable, storage),
      format: displayFormat(variable, storage),
      storage,
      labelSet: sets.nameFor(name, variable, missing, others),
      missing: missing.map(({ value, letter }) => ({ value, letter })),
      characteristics: {
        ...(name !== variable.name && { column: variable.name }),
        ...(label !== variable.label && { note0: '1', note1: variable.label }),
      },
    };
  });
  return { title, variables, labelSets: sets.sets, notes, strLs: totalOf(table, storages) };
}

function counted(count: number): string {
  return count.toLocaleString('en');
}

/** @returns how each variable is stored. Texts become strLs where they are too long for a row, the longest ones first */
function storagesOf(table: Table): DtaVariable['storage'][] {
  const storages = table.variables.map(storageOf);
  let rowBytes = table.variables.reduce((sum, one, at) => sum + placeOf(one, storages[at] ?? 'double').bytes, 0);
  const widest = table.variables
    .flatMap(({ type }, at) =>
      type.kind === 'text' && storages[at] === 'str' && type.total ? [{ at, bytes: type.bytes }] : [],
    )
    .sort((a, b) => b.bytes - a.bytes);
  for (const { at, bytes } of widest) {
    if (rowBytes <= ROW_BYTES_MAX || bytes <= STRL_BYTES) break;
    storages[at] = 'strL';
    rowBytes -= bytes - STRL_BYTES;
  }
  if (rowBytes > ROW_BYTES_MAX) {
    throw new WaybillError(
      'not_representable',
      `${table.title}: a row has ${counted(rowBytes)} bytes, and Stata holds ${counted(ROW_BYTES_MAX)}. Order fewer columns, or another format.`,
    );
  }
  return storages;
}

/** 24:00:00 is a day of milliseconds, and its format shows the time of a day. */
function midnightNotes(name: string, { type }: Variable): readonly string[] {
  if (type.kind !== 'time' || !type.range || type.range[1] < DAY_SECONDS) return [];
  return [`${name}: 24:00:00 is in the file as 86,400,000 milliseconds, which Stata shows as 00:00:00.`];
}

function storageOf({ name, type, missing }: Variable): DtaVariable['storage'] {
  switch (type.kind) {
    case 'boolean':
      return 'byte';
    case 'integer': {
      // Those that find no letter stay as they are.
      const others = missing.slice(MISSING_LETTERS.length).map(({ value }) => Number(value));
      const [min, max] = [Math.min(type.min, ...others), Math.max(type.max, ...others)];
      const fits = (number: NumberType) => NUMBER_TYPES[number].min <= min && max <= NUMBER_TYPES[number].max;
      return (['byte', 'int', 'long'] as const).find(fits) ?? 'double';
    }
    case 'date': {
      const { min, max } = NUMBER_TYPES.long;
      return type.range?.every((day) => day + EPOCH_DAYS >= min && day + EPOCH_DAYS <= max) === false
        ? 'double'
        : 'long';
    }
    case 'number':
    case 'timestamp':
    case 'time':
      return 'double';
    case 'text':
      if (type.bytes <= STR_BYTES_MAX) return 'str';
      if (!type.total) throw new Error(`${name} is a long text, and its size is not known.`);
      return 'strL';
  }
}

function placeOf({ type }: Variable, storage: DtaVariable['storage']): Pick<DtaVariable, 'typeCode' | 'bytes'> {
  if (storage === 'strL') return { typeCode: STRL_CODE, bytes: STRL_BYTES };
  if (storage !== 'str') return { typeCode: NUMBER_TYPES[storage].code, bytes: NUMBER_TYPES[storage].bytes };
  const bytes = Math.max(1, type.kind === 'text' ? type.bytes : 0);
  return { typeCode: bytes, bytes };
}

/** Source: Stata, help format. */
function displayFormat({ type }: Variable, storage: DtaVariable['storage']): string {
  switch (type.kind) {
    case 'date':
      return '%td';
    case 'timestamp':
      return '%tc';
    case 'time':
      return '%tcHH:MM:SS';
    case 'text':
      return storage === 'strL' ? '%9s' : `%${Math.max(9, type.bytes)}s`;
    case 'number':
      if (type.decimals === null || type.decimals > 15) return '%10.0g';
      return `%${type.decimals + 9}.${type.decimals}f`;
    case 'boolean':
    case 'integer':
      return { byte: '%8.0g', int: '%8.0g', long: '%12.0g' }[storage as string] ?? '%18.0f';
  }
}

function totalOf({ variables }: Table, storages: readonly DtaVariable['storage'][]): DtaTable['strLs'] {
  let [values, bytes] = [0, 0];
  for (const [at, { type }] of variables.entries()) {
    if (storages[at] !== 'strL' || type.kind !== 'text' || !type.total) continue;
    values += type.total.values;
    bytes += type.total.bytes;
  }
  return { values, bytes };
}

function noteTextLabels({ valueLabels, missing }: Variable, name: string, notes: string[]): void {
  if (valueLabels.length > 0) notes.push(`${name}: Stata has no labels for values of texts.`);
  if (missing.length > 0) {
    const codes = missing.map(({ value, label }) => `${value} (${label})`).join(', ');
    notes.push(`${name}: Stata has one missing text, the empty one; these are written as they are: ${codes}.`);
  }
}

/** Variables with the same labels share a set, which is named after the first of them. */
function createLabelSets(notes: string[]) {
  const sets = new Map<string, LabelSet>();
  const names = new Map<string, string>();

  return {
    sets,
    nameFor(name: string, variable: Variable, missing: readonly MissingValue[], others: readonly ValueLabel[]): string {
      if (variable.type.kind === 'text') return '';
      const set = labelSet(name, variable, missing, others, notes);
      if (set.length === 0) return '';
      const key = JSON.stringify(set);
      const known = names.get(key);
      if (known !== undefined) return known;
      names.set(key, name);
      sets.set(name, set);
      return name;
    },
  };
}

function labelSet(
  name: string,
  { type, valueLabels }: Variable,
  missing: readonly MissingValue[],
  others: readonly ValueLabel[],
  notes: string[],
): LabelSet {
  const systemMissing = NUMBER_TYPES.long.missing;
  const lettered = new Set(missing.map(({ value }) => value));
  const values = new Map<number, string>();
  for (const { value, label } of [...valueLabels, ...others]) {
    if (lettered.has(Number(value))) continue;
    const number = stataValue(type.kind, Number(value));
    if (!Number.isInteger(number) || number < LABELLED_MIN || number > LABELLED_MAX) {
      notes.push(
        `${name}: Stata labels whole numbers up to ${counted(LABELLED_MAX)}, and not ${valueText(type, value)} (${label}).`,
      );
    } else if (!values.has(number)) values.set(number, label);
  }
  for (const { letter, label } of missing) values.set(systemMissing + letter, label);
  if (values.size > VALUE_LABELS_MAX) {
    notes.push(
      `${name}: of ${counted(values.size)} labels, the file has those of the ${counted(VALUE_LABELS_MAX)} smallest values.`,
    );
  }
  return [...values]
    .sort(([a], [b]) => a - b)
    .slice(0, VALUE_LABELS_MAX)
    .map(([value, label]) => {
      const shown = value > systemMissing ? `.${MISSING_LETTERS[value - systemMissing - 1]}` : value;
      return { value, label: heldLabel(label, `${name}: the label of ${shown}`, VALUE_LABEL_LIMIT, notes) };
    });
}
