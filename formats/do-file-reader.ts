/** What a do-file does, as far as tests read it. */
export interface DoFile {
  readonly variableLabels: ReadonlyMap<string, string>;
  /** By variable, then by value as Stata spells it. */
  readonly valueLabels: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** After the import, in order. */
  readonly columns: readonly string[];
}

const NAME = '([\\p{L}_][\\p{L}\\p{Nd}_]{0,31})';
/** Stand for a string between quotes, and between compound ones, in the shape of a line. */
const QUOTED = '\u0001';
const COMPOUND = '\u0002';
const TERM = `(?:${QUOTED}|char\\(\\d{1,3}\\))`;
const TEXT = `(${TERM}(?: \\+ ${TERM})*)`;
const VALUE = '(-?\\d+|\\.[a-z])';

/**
 * Reads a do-file as strictly as tests need it, in place of Stata: every line must be one of the commands that are known here, quotes must
 * balance, macros and comments must not occur in texts, labels must be defined before they are used, columns must exist.
 *
 * @throws Error that names the line
 */
export function readDoFile(text: string): DoFile {
  const variableLabels = new Map<string, string>();
  const valueLabels = new Map<string, Map<string, string>>();
  const attached = new Set<string>();
  let columns: string[] = [];
  const exists = (...names: readonly (string | undefined)[]) => {
    for (const name of names)
      if (columns.length > 0 && !columns.includes(name ?? '')) throw new Error(`There is no column ${name}.`);
  };
  const commands: readonly (readonly [string, (found: readonly string[], strings: string[]) => void])[] = [
    [`clear|version 14|unab columns : _all`, () => undefined],
    [`insheet using ${QUOTED}, tab case names`, () => undefined],
    [
      `import delimited using ${QUOTED}, delimiters\\(${QUOTED}\\) varnames\\(1\\) case\\(preserve\\) encoding\\(${QUOTED}\\) bindquotes\\(nobind\\) stripquotes\\(no\\) stringcols\\(_all\\)`,
      () => undefined,
    ],
    [
      "rename \\(`columns'\\) \\( (.*)\\)",
      ([names = '']) => {
        columns = names.split(' ').filter((name) => name !== '');
        for (const name of columns)
          if (!new RegExp(`^${NAME}$`, 'u').test(name)) throw new Error(`${name} is not a name.`);
        if (new Set(columns).size !== columns.length) throw new Error('Two columns have one name.');
      },
    ],
    ['destring (.*) , replace', ([names = '']) => exists(...names.split(/ +/))],
    [
      `capture assert strlen\\(subinstr\\(subinstr\\(${NAME}, ${QUOTED}, ${QUOTED}, 1\\), ${QUOTED}, ${QUOTED}, 1\\)\\) <= 15`,
      ([name]) => exists(name),
    ],
    [`if _rc == 0 destring ${NAME}, replace`, ([name]) => exists(name)],
    [`replace ${NAME} = ${QUOTED} if ${NAME} == ${TEXT}`, ([to, of]) => exists(to, of)],
    [`replace ${NAME} = \\.[a-z] if ${NAME} == ${QUOTED}`, ([to, of]) => exists(to, of)],
    [
      `(?:capture )?mvdecode ${NAME}, mv\\([-+.e\\d]+=\\.[a-z](?: \\\\ [-+.e\\d]+=\\.[a-z])*\\)`,
      ([name]) => exists(name),
    ],
    [
      `generate double ${NAME} = (?:daily\\(${NAME}, ${QUOTED}\\)|clock\\((?:${NAME}|subinstr\\(${NAME}, ${QUOTED}, ${QUOTED}, 1\\)), ${QUOTED}\\))`,
      ([name = '', ...of]) => {
        exists(of.find(Boolean));
        if (columns.includes(name)) throw new Error(`There already is a column ${name}.`);
        columns.push(name);
      },
    ],
    [
      `order ${NAME}, after\\(${NAME}\\)`,
      ([name = '', after = '']) => {
        exists(name, after);
        columns = columns.filter((each) => each !== name).flatMap((each) => (each === after ? [each, name] : [each]));
      },
    ],
    [
      `drop ${NAME}`,
      ([name]) => {
        exists(name);
        columns = columns.filter((each) => each !== name);
      },
    ],
    [
      `rename ${NAME} ${NAME}`,
      ([from, to = '']) => {
        exists(from);
        if (columns.includes(to)) throw new Error(`There already is a column ${to}.`);
        columns = columns.map((each) => (each === from ? to : each));
      },
    ],
    [`format ${NAME} %(?:td|tc|tcHH:MM:SS)`, ([name]) => exists(name)],
    [
      `label define ${NAME}((?: ${VALUE} ${COMPOUND})+) (, add)?`,
      ([name = '', pairs = '', , add], strings) => {
        const set = valueLabels.get(name);
        if ((set !== undefined) !== (add !== undefined))
          throw new Error(`The labels ${name} are ${set ? 'already' : 'not'} defined.`);
        const labels = set ?? new Map<string, string>();
        for (const [, value = ''] of pairs.matchAll(new RegExp(VALUE, 'g'))) {
          if (labels.has(value)) throw new Error(`${value} has two labels.`);
          labels.set(value, strings.shift() ?? '');
        }
        valueLabels.set(name, labels);
      },
    ],
    [
      `mata: st_vlmodify\\(${QUOTED}, ${VALUE}, ${TEXT}\\)`,
      ([value = '', terms = ''], strings) => {
        const name = strings.shift() ?? '';
        valueLabels.set(
          name,
          (valueLabels.get(name) ?? new Map<string, string>()).set(value, evaluated(terms, strings)),
        );
      },
    ],
    [
      `(?:capture )?label values ${NAME} ${NAME}`,
      ([name = '', set = '']) => {
        exists(name);
        if (!valueLabels.has(set)) throw new Error(`The labels ${set} are not defined.`);
        attached.add(set);
      },
    ],
    [
      `label variable ${NAME} ${COMPOUND}`,
      ([name = ''], strings) => {
        exists(name);
        variableLabels.set(name, strings.shift() ?? '');
      },
    ],
    [
      `mata: st_varlabel\\(${QUOTED}, ${TEXT}\\)`,
      ([terms = ''], strings) => {
        const name = strings.shift() ?? '';
        exists(name);
        variableLabels.set(name, evaluated(terms, strings));
      },
    ],
  ];
  const patterns = commands.map(([pattern, run]) => [new RegExp(`^(?:${pattern})$`, 'u'), run] as const);
  for (const line of logicalLines(text)) {
    if (line === '' || /^\* [\p{L}\p{Nd}_ .,:;+-]+$/u.test(line)) continue;
    const { shape, strings } = scan(line);
    const known = patterns.find(([pattern]) => pattern.test(shape));
    if (!known) throw new Error(`Not a command: ${line}`);
    known[1]((known[0].exec(shape) ?? []).slice(1), strings);
  }
  for (const name of valueLabels.keys()) if (!attached.has(name)) throw new Error(`The labels ${name} are not used.`);
  return { variableLabels, valueLabels, columns };
}

/** @returns lines with their continuations */
function logicalLines(text: string): readonly string[] {
  if (!text.endsWith('\r\n')) throw new Error('The last line is not ended.');
  const lines = text.slice(0, -2).split('\r\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
  const broken = lines.find((line) => /[\u0000-\u001f\u007f]/.test(line) || !line.isWellFormed());
  if (broken !== undefined) throw new Error(`A control character is in: ${JSON.stringify(broken)}`);
  return lines
    .join('\n')
    .replaceAll(/ \/\/\/\n */g, ' ')
    .split('\n');
}

/** Cuts a line at its quotes. @throws Error if Stata could read the line otherwise */
function scan(line: string): { readonly shape: string; readonly strings: string[] } {
  if (/\/[/*]|\*\//.test(line)) throw new Error(`A comment is in: ${line}`);
  if (line.includes('$')) throw new Error(`A global macro is in: ${line}`);
  if (/`(?!"|columns'\))/.test(line)) throw new Error(`A local macro is in: ${line}`);
  const strings: string[] = [];
  let shape = '';
  for (let at = 0; at < line.length; ) {
    const opened = line.startsWith('`"', at) ? '`"' : line[at] === '"' ? '"' : undefined;
    if (!opened) {
      shape += line[at];
      at += 1;
      continue;
    }
    const from = at + opened.length;
    const closing = opened === '"' ? '"' : `"'`;
    // The quotes that open may also begin the closing ones: `"'.
    if (opened === '`"' && line[from] === "'") throw new Error(`Quotes are ambiguous in: ${line}`);
    const to = line.indexOf(closing, from);
    if (to === -1 || line.slice(from, to).includes('`')) throw new Error(`Quotes do not balance in: ${line}`);
    strings.push(line.slice(from, to));
    shape += opened === '"' ? QUOTED : COMPOUND;
    at = to + closing.length;
  }
  return { shape, strings };
}

/** Value of strings and `char()` that are added. */
function evaluated(terms: string, strings: string[]): string {
  const values = terms
    .split(' + ')
    .map((term) => (term === QUOTED ? (strings.shift() ?? '') : String.fromCharCode(Number(term.slice(5, -1)))));
  return values.join('');
}
