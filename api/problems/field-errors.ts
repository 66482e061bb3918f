import type { z } from '@hono/zod-openapi';
import { requestSentence } from '../../config/issue-sentence.ts';
import type { FieldError } from '../http/problems.ts';
import { withoutKeys } from '../http/requests.ts';

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
    return [{ field, code: 'invalid_field', message: `${field}: ${requestSentence(issue)}` }];
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
