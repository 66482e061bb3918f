import { valueText } from './calendar.ts';
import { MISSING_LETTERS } from './stata-values.ts';
import type { ValueLabel, Variable } from './table.ts';

/** A value that stands for a missing answer, as one of Stata's missing values. */
export interface MissingValue extends ValueLabel {
  /** In the table's unit. */
  readonly value: number;
  /** Number of the letter: 1 is `.a`. */
  readonly letter: number;
}

export interface MissingLetters {
  /** By position of the variable: at most 26. Texts have none. */
  readonly values: ReadonlyMap<number, readonly MissingValue[]>;
  /** By position of the variable: those for which there is no letter. */
  readonly others: ReadonlyMap<number, readonly ValueLabel[]>;
  /** What each letter stands for, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Assigns a letter to each meaning, which is a label: the same letter in all variables, in order of appearance. Two values of one variable keep
 * two letters, even under one label. If there are more than 26 meanings, each variable has letters of its own.
 *
 * @param names of the variables in the file, in the same order
 */
export function missingLetters(variables: readonly Variable[], names: readonly string[]): MissingLetters {
  const declared = variables.map(meaningsOf);
  const all = [...new Set(declared.flatMap((meanings) => meanings.map(({ meaning }) => meaning)))];
  const isShared = all.length <= MISSING_LETTERS.length;
  const values = new Map<number, readonly MissingValue[]>();
  const others = new Map<number, readonly ValueLabel[]>();
  const stands = new Map<string, { readonly label: string; readonly spelled: Set<string> }>();
  for (const [at, meanings] of declared.entries()) {
    if (meanings.length === 0) continue;
    const lettered = meanings.slice(0, MISSING_LETTERS.length).map(({ meaning, spelled, ...value }, index) => {
      const letter = (isShared ? all.indexOf(meaning) : index) + 1;
      const what = `${isShared ? '' : `${names[at]}: `}.${MISSING_LETTERS[letter - 1]}`;
      const known = stands.get(what) ?? { label: value.label, spelled: new Set() };
      known.spelled.add(spelled);
      stands.set(what, known);
      return { ...value, letter };
    });
    values.set(at, lettered);
    others.set(
      at,
      meanings.slice(MISSING_LETTERS.length).map(({ value, label }) => ({ value, label })),
    );
  }
  const notes = [...stands].map(
    ([what, { label, spelled }]) => `${what} stands for ${[...spelled].join(' or ')} (${label}).`,
  );
  return { values, others, notes };
}

interface Meaning extends ValueLabel {
  readonly value: number;
  readonly meaning: string;
  /** The value as the catalog spells it. */
  readonly spelled: string;
}

function meaningsOf({ type, missing }: Variable): readonly Meaning[] {
  if (type.kind === 'text') return [];
  const byValue = new Map(missing.map((one) => [Number(one.value), one]));
  const counts = new Map<string, number>();
  return [...byValue]
    .filter(([value]) => Number.isFinite(value))
    .map(([value, { label }]) => {
      const spelled = valueText(type, value);
      const said = label === '' ? JSON.stringify({ spelled }) : JSON.stringify({ label });
      const count = (counts.get(said) ?? 0) + 1;
      counts.set(said, count);
      return { value, label, spelled, meaning: `${said} ${count}` };
    });
}
