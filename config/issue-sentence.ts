import type { z } from 'zod';

/** Names of the types, in the terms of each source. */
type Source = 'catalog' | 'setting' | 'request';

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

const CONTAINERS: Readonly<Record<Source, Readonly<Record<string, string>>>> = {
  catalog: { array: 'a list', object: 'keys with values', record: 'keys with values' },
  setting: { array: 'a JSON array', object: 'a JSON object' },
  request: { array: 'an array', object: 'an object' },
};

/** What a value should be; follows its name in messages: `should be at least 1`. */
function expectation(issue: z.core.$ZodIssue, source: Source): string {
  switch (issue.code) {
    case 'invalid_type':
      return `should be ${TYPES[issue.expected] ?? CONTAINERS[source][issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `should be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'array') return 'should list at least one';
      if (issue.origin !== 'string')
        return `should be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
      return issue.minimum === 1 ? 'should not be empty' : `should have at least ${issue.minimum} characters`;
    case 'too_big':
      if (issue.origin === 'string') return `should have at most ${issue.maximum} characters`;
      return `should be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** For a setting. Inside a JSON setting the path comes first: `[0].issuer should be …`. */
export function settingSentence(issue: z.core.$ZodIssue): string {
  const place = issue.path
    .slice(1)
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index > 0 ? '.' : ''}${String(step)}`))
    .join('');
  return `${place} ${expectation(issue, 'setting')}`.trimStart();
}

/** For a field of a request: a full sentence. Part of the HTTP contracts. */
export function requestSentence(issue: z.core.$ZodIssue): string {
  const isTranslated =
    issue.code === 'invalid_type' ||
    issue.code === 'invalid_value' ||
    (issue.code === 'too_big' && issue.origin === 'string');
  return isTranslated ? `${expectation(issue, 'request').replace(/^s/, 'S')}.` : issue.message;
}

/**
 * For a value of the catalog; follows its path in messages.
 *
 * @param value the catalog's value at this path
 * @param known accepted names, for an unknown key
 */
export function catalogSentence(issue: z.core.$ZodIssue, value: unknown, known: readonly string[]): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => `is not a known key here${suggestion(key, known) || `; known keys are ${known.join(', ')}`}`)
      .join('; ');
  }
  const should = expectation(issue, 'catalog');
  if (issue.code === 'too_small') return should;
  if (value === undefined) return `is missing; it ${should}`;
  if (issue.code === 'invalid_type') {
    const quotes = issue.expected === 'string' && typeof value !== 'object' ? '; put it in quotes' : '';
    return `${should}, not ${shown(value)}${quotes}`;
  }
  if (issue.code !== 'invalid_value') return should;
  return `${should}, not ${shown(value)}${suggestion(String(value), issue.values.map(String))}`;
}

function shown(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'keys with values';
  if (typeof value === 'string') return `"${value}"`;
  return `the ${typeof value} ${String(value)}`;
}

/** @returns `; did you mean …?` if one of the names is similar, otherwise an empty string */
export function suggestion(name: string, names: readonly string[]): string {
  const near = names
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? '' : `; did you mean ${near.candidate}?`;
}

/** Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : change;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, change, swap));
    }
  }
  return at(a.length, b.length);
}
