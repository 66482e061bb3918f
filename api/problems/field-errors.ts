import type { z } from '@hono/zod-openapi';
import { withoutKeys } from '../http/without-keys.ts';
import type { FieldError } from './problem.ts';

/** Turns what zod found into field errors with codes of ours. @param body the object that was checked */
export function fieldErrorsOf(error: z.ZodError, body: Readonly<Record<string, unknown>>): readonly FieldError[] {
  const mistyped = new Set(
    error.issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join('.')),
  );
  return error.issues.flatMap((issue): FieldError[] => {
    const path = issue.path.map(String);
    const field = path.join('.');
    // zod measures a text where a list should be; its length says nothing then.
    if (issue.code !== 'invalid_type' && mistyped.has(field)) return [];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const name = withoutKeys([...path, key].join('.'));
        return { field: name, code: 'unknown_field', message: `There is no field ${name}. Remove it.` };
      });
    }
    if (issue.code === 'invalid_type' && isMissing(body, path)) {
      return [{ field, code: 'missing_field', message: `${field} is missing. Add it.` }];
    }
    return [{ field, code: 'invalid_field', message: `${field}: ${sentence(issue)}` }];
  });
}

function isMissing(body: Readonly<Record<string, unknown>>, path: readonly string[]): boolean {
  let value: unknown = body;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return true;
    value = Object.entries(value).find(([name]) => name === step)?.[1];
  }
  return value === undefined;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
};

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `Should be ${TYPE_WORDS[issue.expected] ?? issue.expected}.`;
  if (issue.code === 'too_big' && issue.origin === 'string') return `Should have at most ${issue.maximum} characters.`;
  return issue.message;
}
