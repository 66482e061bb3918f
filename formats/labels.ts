import { expression, isPlain, quoted } from './stata-text.ts';
import type { ValueLabel, Variable } from './table.ts';

/** A table as tab-separated text, `<name>.tab`. */
export interface TabTable {
  /** Of the file, without its extension: letters, digits and underscores. */
  readonly name: string;
  readonly variables: readonly Variable[];
  /** Stata's name of each variable, in the same order: valid and unique. */
  readonly names: readonly string[];
}

/** What stands in a `.tab` file for a date or timestamp that was not given. */
const UNANSWERED = '##N/A##';

/** Values that Stata can label. @see Stata's manual, [D] label: integers that a long holds */
const LABELLED_MIN = -2_147_483_647;
const LABELLED_MAX = 2_147_483_620;

/** Stata's extended missing values, without the first, system-missing one. */
const MISSING = [...'abcdefghijklmnopqrstuvwxyz'].map((letter) => `.${letter}`);

/** Of one command, and of one line of a list: commands have a length that Stata limits. */
const LABELS_AT_ONCE = 200;
const NAMES_A_LINE = 8;
const NAMES_AT_ONCE = 500;

interface NamedVariable extends Variable {
  /** Stata's name. */
  readonly stata: string;
  /** Whether the file's header has another name. */
  readonly renamed: boolean;
}

/**
 * `<name>.do`, line by line as Survey Solutions writes it: reads the file by `insheet`, then labels variables and values. Values stay as
 * they are in the file. Columns whose names are not names of Stata are left to {@link importScript}.
 *
 * @returns a do-file with CRLF line ends
 */
export function labelsScript(table: TabTable): string {
  const lines = ['clear', `insheet using "${table.name}.tab", tab case names`];
  for (const [at, variable] of named(table).entries()) {
    lines.push('');
    if (variable.renamed)
      lines.push(`* Column ${at + 1} is read by ${table.name}-import.do: its name is not one of Stata.`);
    else lines.push(...labelValues(variable, variable.valueLabels), labelVariable(variable));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/**
 * `<name>-import.do`: reads the same file by `import delimited`, every value as it is, and then converts. Texts keep quotes and leading zeros;
 * doubles have the digits of a double, and a column of whole or decimal numbers of which one has more than 15 digits stays text; dates and
 * times are Stata's own. A declared missing value becomes `.a`, `.b` and so on, a missing
 * text the empty string, and a missing date `.a`. Names are those of `names`. Needs Stata 14.
 *
 * @returns a do-file with CRLF line ends
 */
export function importScript(table: TabTable): string {
  const variables = named(table);
  const scratch = unusedName(variables);
  const numbers = variables.filter((variable) => isNumber(variable) && !mayBeLong(variable));
  const lines = [
    `* Reads ${table.name}.tab. Needs Stata 14 or later.`,
    'version 14',
    'clear',
    [
      `import delimited using "${table.name}.tab", delimiters("\\t") varnames(1) case(preserve)`,
      'encoding("utf-8") bindquotes(nobind) stripquotes(no) stringcols(_all)',
    ].join(' '),
    'unab columns : _all',
    `rename (\`columns') ( ///`,
    ...wrapped(variables.map(({ stata }) => stata)),
    ')',
    ...chunks(numbers, NAMES_AT_ONCE).flatMap((chunk) => [
      'destring ///',
      ...wrapped(chunk.map(({ stata }) => stata)),
      ', replace',
    ]),
    ...variables.flatMap((variable) => [
      '',
      ...converted(variable, scratch),
      ...labelValues(variable, [...missingLabels(variable), ...answers(variable)], mayBeLong(variable)),
      labelVariable(variable),
    ]),
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

/** For a column that may have stayed text, which has neither missing values nor labels. */
function captured(command: string): string {
  return `capture ${command}`;
}

function named({ variables, names }: TabTable): readonly NamedVariable[] {
  if (names.length !== variables.length) throw new RangeError('Each variable needs a name in Stata.');
  return variables.map((variable, at) => {
    const stata = names[at] ?? '';
    return { ...variable, stata, renamed: stata !== variable.name };
  });
}

/** Whether values may have more digits than a double. */
function mayBeLong({ type }: Variable): boolean {
  return type.kind === 'integer' || (type.kind === 'number' && type.decimals !== null);
}

/** Digits that every double holds. Source: IEEE 754, binary64 */
const DIGITS_EXACT = 15;

/** Converts a column to numbers unless one has too many digits; what follows for numbers is for those. */
function destringed({ stata }: NamedVariable): readonly string[] {
  const digits = `subinstr(subinstr(${stata}, "-", "", 1), ".", "", 1)`;
  return [`capture assert strlen(${digits}) <= ${DIGITS_EXACT}`, `if _rc == 0 destring ${stata}, replace`];
}

function isNumber({ type: { kind } }: Variable): boolean {
  return kind === 'integer' || kind === 'number' || kind === 'boolean';
}

/** @returns what makes Stata's values of one imported column: numbers are numbers already, all others text */
function converted(variable: NamedVariable, scratch: string): readonly string[] {
  const { stata, type, missing } = variable;
  switch (type.kind) {
    case 'integer':
    case 'number':
    case 'boolean': {
      const codes = missingCodes(variable).map(({ value }, at) => `${value}=${MISSING[at]}`);
      const decoded = codes.length > 0 ? [`mvdecode ${stata}, mv(${codes.join(' \\ ')})`] : [];
      return mayBeLong(variable) ? [...destringed(variable), ...decoded.map(captured)] : decoded;
    }
    case 'text':
      return missing.map(({ value }) => `replace ${stata} = "" if ${stata} == ${expression(String(value))}`);
    case 'date':
      return dated(variable, scratch, `daily(${stata}, "YMD")`, '%td');
    case 'timestamp':
      return dated(variable, scratch, `clock(subinstr(${stata}, "T", " ", 1), "YMDhms")`, '%tc');
    case 'time':
      return dated(variable, scratch, `clock(${stata}, "hms")`, '%tcHH:MM:SS');
  }
}

function dated({ stata, missing }: NamedVariable, scratch: string, value: string, format: string): readonly string[] {
  return [
    `generate double ${scratch} = ${value}`,
    ...(missing.length > 0 ? [`replace ${scratch} = .a if ${stata} == "${UNANSWERED}"`] : []),
    `order ${scratch}, after(${stata})`,
    `drop ${stata}`,
    `rename ${scratch} ${stata}`,
    `format ${stata} ${format}`,
  ];
}

interface Labelled {
  /** As Stata's commands spell it. */
  readonly value: string | number;
  readonly label: string;
}

/** Labels of missing values under their values in Stata. */
function missingLabels(variable: Variable): readonly Labelled[] {
  // All missing dates are the same text in the file.
  const known = isNumber(variable) ? missingCodes(variable) : variable.missing.slice(0, 1);
  return known.map(({ label }, at) => ({ value: MISSING[at] ?? '', label }));
}

/** Missing numbers that have a missing value of Stata; further ones stay numbers. */
function missingCodes({ missing }: Variable): readonly ValueLabel[] {
  const codes = new Map(missing.filter(({ value }) => Number.isFinite(value)).map((code) => [code.value, code]));
  return [...codes.values()].slice(0, MISSING.length);
}

/** Value labels other than of missing values. */
function answers(variable: Variable): readonly ValueLabel[] {
  const { valueLabels } = variable;
  const codes = new Set(missingCodes(variable).map(({ value }) => value));
  return valueLabels.filter(({ value }) => !codes.has(value));
}

/** @param mayBeText whether the column may have stayed text */
function labelValues(variable: NamedVariable, labels: readonly Labelled[], mayBeText = false): readonly string[] {
  const { stata, type } = variable;
  if (type.kind === 'text') return [];
  const known = new Map(labels.filter(canLabel).map(({ value, label }) => [value, label]));
  if (known.size === 0) return [];
  const plain = [...known].filter(([, label]) => isPlain(label));
  const others = [...known].filter(([, label]) => !isPlain(label));
  return [
    ...chunks(plain, LABELS_AT_ONCE).map((chunk, at) => {
      const pairs = chunk.map(([value, label]) => `${value} ${quoted(label)}`).join(' ');
      return `label define ${stata} ${pairs} ${at > 0 ? ', add' : ''}`;
    }),
    ...others.map(([value, label]) => `mata: st_vlmodify("${stata}", ${value}, ${expression(label)})`),
    mayBeText ? captured(`label values ${stata} ${stata}`) : `label values ${stata} ${stata}`,
  ];
}

function canLabel({ value, label }: Labelled): boolean {
  if (label === '') return false;
  if (typeof value === 'string') return MISSING.includes(value);
  return Number.isInteger(value) && value >= LABELLED_MIN && value <= LABELLED_MAX;
}

function labelVariable({ stata, label }: NamedVariable): string {
  return isPlain(label)
    ? `label variable ${stata} ${quoted(label)}`
    : `mata: st_varlabel("${stata}", ${expression(label)})`;
}

/** @returns a name that no variable has, for a column on the way */
function unusedName(variables: readonly NamedVariable[]): string {
  const taken = new Set(variables.map(({ stata }) => stata.toLowerCase()));
  let name = 'waybill_value';
  while (taken.has(name)) name += '_';
  return name;
}

/** Names in continued lines. */
function wrapped(names: readonly string[]): readonly string[] {
  return chunks(names, NAMES_A_LINE).map((chunk) => `  ${chunk.join(' ')} ///`);
}

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
