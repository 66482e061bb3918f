import { type MissingValue, missingLetters } from './missing-letters.ts';
import { expression, isPlain, quoted } from './stata-text.ts';
import { LABELLED_MAX, LABELLED_MIN, MISSING_LETTERS, stataValue } from './stata-values.ts';
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

/** Values that a comment lists. */
const LISTED_MAX = 20;

/** Of one command, and of one line of a list: commands have a length that Stata limits. */
const LABELS_AT_ONCE = 200;
const NAMES_A_LINE = 8;
const NAMES_AT_ONCE = 500;

interface NamedVariable extends Variable {
  /** Stata's name. */
  readonly stata: string;
  /** Whether the file's header has another name. */
  readonly renamed: boolean;
  /** Values that become `.a` to `.z`. */
  readonly lettered: readonly MissingValue[];
  /** Missing values for which there is no letter; they stay numbers. */
  readonly unlettered: readonly ValueLabel[];
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
    // What insheet reads of dates and times is text.
    else if (isNumber(variable)) lines.push(...labelValues(variable, variable.valueLabels), labelVariable(variable));
    else lines.push(...textRemarks(variable), labelVariable(variable));
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

/**
 * `<name>-import.do`: reads the same file by `import delimited`, every value as it is, and then converts. Texts keep quotes and leading zeros;
 * doubles have the digits of a double, and a column of whole or decimal numbers of which one has more than 15 digits stays text; dates and
 * times are Stata's own. A declared missing value becomes `.a`, `.b` and so on, by its label as in a `.dta` file, and a missing
 * text the empty string. Names are those of `names`. Needs Stata 14.
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
      ...missingRemarks(variable),
      ...(variable.type.kind === 'text'
        ? textRemarks(variable)
        : labelValues(variable, [...missingLabels(variable), ...answers(variable)], mayBeLong(variable))),
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
  const letters = missingLetters(variables, names);
  return variables.map((variable, at) => {
    const stata = names[at] ?? '';
    return {
      ...{ ...variable, stata, renamed: stata !== variable.name },
      ...{ lettered: letters.values.get(at) ?? [], unlettered: letters.others.get(at) ?? [] },
    };
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
  const { stata, type, missing, lettered } = variable;
  switch (type.kind) {
    case 'integer':
    case 'number':
    case 'boolean': {
      const codes = lettered.map((one) => `${one.value}=${missingName(one)}`);
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

function dated(
  { stata, lettered: [first] }: NamedVariable,
  scratch: string,
  value: string,
  format: string,
): readonly string[] {
  return [
    `generate double ${scratch} = ${value}`,
    ...(first ? [`replace ${scratch} = ${missingName(first)} if ${stata} == "${UNANSWERED}"`] : []),
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

function missingName({ letter }: MissingValue): string {
  return `.${MISSING_LETTERS[letter - 1]}`;
}

/** Labels of missing values under their values in Stata. */
function missingLabels(variable: NamedVariable): readonly Labelled[] {
  // All missing dates are the same text in the file.
  const known = isNumber(variable) ? variable.lettered : variable.lettered.slice(0, 1);
  return known.map((one) => ({ value: missingName(one), label: one.label }));
}

/** Value labels other than of missing values that have a letter, under their values in Stata. */
function answers({ type, valueLabels, lettered, unlettered }: NamedVariable): readonly Labelled[] {
  const codes = new Set<number | string>(lettered.map(({ value }) => value));
  return [...unlettered, ...valueLabels]
    .filter(({ value }) => !codes.has(value))
    .map(({ value, label }) => ({ value: typeof value === 'number' ? stataValue(type.kind, value) : value, label }));
}

/** Comments on missing values that are not those of the file. They have names and numbers only: Stata expands macros even there. */
function missingRemarks(variable: NamedVariable): readonly string[] {
  const { stata, type, missing, lettered, unlettered } = variable;
  if (type.kind === 'text') {
    if (missing.length === 0) return [];
    return [`* ${stata}: Stata has one missing text, the empty one, which texts that were not answered become.`];
  }
  const [first, ...more] = lettered;
  if (!isNumber(variable)) {
    if (!first || more.length === 0) return [];
    return [
      `* ${stata}: ${lettered.length} missing values are one text in the file, and all become ${missingName(first)}.`,
    ];
  }
  if (unlettered.length === 0) return [];
  return [
    `* ${stata}: Stata has ${lettered.length} missing values besides its own; these stay numbers: ${listed(unlettered)}.`,
  ];
}

/** A comment on labels that a column of texts cannot have. */
function textRemarks({ stata, valueLabels }: NamedVariable): readonly string[] {
  if (valueLabels.length === 0) return [];
  return [`* ${stata}: Stata has no labels for values of texts; labels left out: ${valueLabels.length}.`];
}

function listed(values: readonly Labelled[]): string {
  const numbers = values
    .flatMap(({ value }) => (typeof value === 'number' ? [String(value)] : []))
    .slice(0, LISTED_MAX);
  const more = values.length - numbers.length;
  return [...numbers, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** @param mayBeText whether the column may have stayed text */
function labelValues(variable: NamedVariable, labels: readonly Labelled[], mayBeText = false): readonly string[] {
  const { stata } = variable;
  const known = new Map(labels.filter(canLabel).map(({ value, label }) => [value, label]));
  const left = labels.filter((one) => one.label !== '' && !canLabel(one));
  const remarks =
    left.length > 0
      ? [`* ${stata}: Stata labels whole numbers from ${LABELLED_MIN} to ${LABELLED_MAX}, and not: ${listed(left)}.`]
      : [];
  if (known.size === 0) return remarks;
  const plain = [...known].filter(([, label]) => isPlain(label));
  const others = [...known].filter(([, label]) => !isPlain(label));
  return [
    ...remarks,
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
  if (typeof value === 'string') return /^\.[a-z]$/.test(value);
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
