/** A program whose rules names must obey. */
export type NameRules = 'spss' | 'stata';

interface Rules {
  /** Characters that no name has. */
  readonly others: RegExp;
  /** A whole name, whatever its length. */
  readonly name: RegExp;
  readonly reserved: RegExp;
  /** What a character takes of {@link sizeMax}. */
  readonly size: (character: string) => number;
  readonly sizeMax: number;
}

const RULES: Readonly<Record<NameRules, Rules>> = {
  // IBM SPSS Statistics, "Variable names"; 64 bytes in the file's encoding.
  spss: {
    others: /[^\p{L}\p{M}\p{Nd}._$#@]/gu,
    name: /^[\p{L}@][\p{L}\p{M}\p{Nd}._$#@]*(?<!\.)$/u,
    reserved: /^(?:all|and|by|eq|ge|gt|le|lt|ne|not|or|to|with)$/i,
    size: (character) => Buffer.byteLength(character),
    sizeMax: 64,
  },
  // Stata, [U] 11.3 Naming conventions; 32 characters of at most 4 bytes each.
  stata: {
    others: /[^\p{L}\d_]/gu,
    name: /^[\p{L}_][\p{L}\d_]*$/u,
    reserved:
      /^(?:_all|_b|byte|_coef|_cons|double|float|if|in|int|long|_n|_N|_pi|_pred|_rc|_skip|str\d+|strL|using|with)$/,
    size: () => 1,
    sizeMax: 32,
  },
};

/**
 * Names of variables in a file: valid for the program, and unique without regard to case. A valid name stays as it is; of those
 * that differ only in case, the first one does. The result depends on the names and their order only.
 *
 * @returns a name for each column, in the same order
 */
export function fileNames(columns: readonly string[], rules: NameRules): readonly string[] {
  const valid = columns.map((column) => validName(column, RULES[rules]));
  const taken = new Set<string>();
  const isKept = valid.map((name, at) => {
    const isFirst = name === columns[at] && !taken.has(caseless(name));
    if (isFirst) taken.add(caseless(name));
    return isFirst;
  });
  const numbers = new Map<string, number>();
  return valid.map((name, at) => {
    if (isKept[at]) return name;
    const key = caseless(name);
    let candidate = name;
    for (let number = numbers.get(key) ?? 2; taken.has(caseless(candidate)); number += 1) {
      candidate = `${shortened(name, RULES[rules], `_${number}`.length)}_${number}`;
      numbers.set(key, number + 1);
    }
    taken.add(caseless(candidate));
    return candidate;
  });
}

/** @param names of the columns in a file @returns which columns have another name there, a sentence each */
export function renamings(columns: readonly string[], names: readonly string[]): readonly string[] {
  return names.flatMap((name, at) => (columns[at] === name ? [] : [`${name} is the column ${columns[at]}.`]));
}

/** @returns the name itself if the program takes it, otherwise one that it takes */
function validName(column: string, rules: Rules): string {
  const isValid = (name: string) =>
    rules.name.test(name) && !rules.reserved.test(name) && name === shortened(name, rules);
  if (isValid(column)) return column;
  const trimmed = trimEnd(column.normalize('NFC').replace(rules.others, '_'));
  const prefix = /^\p{L}/u.test(trimmed) ? '' : /^(?:_|$)/.test(trimmed) ? 'v' : 'v_';
  const cut = trimEnd(shortened(prefix + trimmed, rules));
  return isValid(cut) ? cut : `v_${cut}`;
}

/** SPSS takes no full stop at the end, and warns of underscores there. */
function trimEnd(name: string): string {
  return name.replace(/[_.]+$/, '');
}

/** @param spare size that must be left @returns the longest beginning that fits, cut between characters */
function shortened(name: string, { size, sizeMax }: Rules, spare = 0): string {
  let end = 0;
  let left = sizeMax - spare;
  for (const character of name) {
    left -= size(character);
    if (left < 0) break;
    end += character.length;
  }
  return name.slice(0, end);
}

/** Equal for names that a program may take for the same one. */
function caseless(name: string): string {
  return name.normalize('NFKD').toLowerCase().toUpperCase().toLowerCase().normalize('NFKD');
}
