import type { z } from 'zod';

/**
 * Says what a value should be, in a sentence to be read after its path.
 *
 * @param value what stands there.
 * @param known names that would be accepted where the issue is about an unknown key.
 */
export function sentenceOf(issue: z.core.$ZodIssue, value: unknown, known: readonly string[]): string {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => `is not a key that is known here${suggestion(key, known) || `; known are ${known.join(', ')}`}`)
      .join('; ');
  }
  if (issue.code === 'too_small') return issue.origin === 'array' ? 'should list at least one' : 'should not be empty';
  const be = shouldBe(issue);
  if (value === undefined) return `is missing; it ${be}`;
  if (issue.code === 'invalid_type') {
    const quotes = issue.expected === 'string' && typeof value !== 'object' ? '; put it in quotes' : '';
    return `${be}, not ${shown(value)}${quotes}`;
  }
  if (issue.code !== 'invalid_value') return be;
  return `${be}, not ${shown(value)}${suggestion(String(value), issue.values.map(String))}`;
}

function shouldBe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `should be ${TYPES[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `should be one of ${issue.values.map(String).join(', ')}`;
  return issue.message;
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
};

function shown(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'keys with values';
  if (typeof value === 'string') return `"${value}"`;
  return `the ${typeof value} ${String(value)}`;
}

/** @returns `; did you mean …?` when one of the names is near, an empty text otherwise. */
export function suggestion(name: string, names: readonly string[]): string {
  const near = names
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? '' : `; did you mean ${near.candidate}?`;
}

/** Letters to insert, delete, replace or swap with their neighbour. Source: optimal string alignment distance. */
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
