import type { z } from 'zod';

const TYPES: Readonly<Record<string, string>> = {
  number: 'should be a number',
  int: 'should be a whole number',
  string: 'should be a text',
  array: 'should be a JSON array',
  object: 'should be a JSON object',
};

/**
 * Says what a setting should be, for a person who has not read the code: `should be at least 1`. Inside a JSON setting
 * the place comes first: `[0].issuer should be …`.
 */
export function settingSentence(issue: z.core.$ZodIssue): string {
  const place = issue.path
    .slice(1)
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index > 0 ? '.' : ''}${String(step)}`))
    .join('');
  return place === '' ? wanted(issue) : `${place} ${wanted(issue)}`;
}

function wanted(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? `should be ${issue.expected}`;
    case 'invalid_value':
      return `should be one of ${issue.values.join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string') return `should have at least ${issue.minimum} characters`;
      return `should be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `should have at most ${issue.maximum} characters`;
      return `should be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    default:
      return issue.message;
  }
}
