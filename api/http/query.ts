import { z } from '@hono/zod-openapi';
import type { FailureCode } from '../../contracts/failures.ts';
import { addCodedIssue } from './field-errors.ts';

/** A query parameter as sent. Repeated ones have been refused. */
const sent = z.string().optional();

interface Documentation {
  readonly description: string;
  readonly example?: string;
}

const FLAGS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };

/** A string; an empty one counts as missing. */
export function textParameter({ description }: Documentation) {
  return sent.transform((value) => value || undefined).openapi({ type: 'string', description });
}

/** A boolean: true or false, case-insensitive, or 1 or 0. @default false */
export function flagParameter({ description }: Documentation) {
  const pattern = '^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[01]|)$';
  return sent
    .transform((value, context): boolean => {
      const text = value?.toLowerCase() || 'false';
      if (Object.hasOwn(FLAGS, text)) return FLAGS[text] ?? false;
      addCodedIssue(context, { code: 'invalid_field', allowed: ['true', 'false'] }, 'Should be true or false.');
      return z.NEVER;
    })
    .openapi({ type: 'string', description, example: 'false', pattern });
}

/**
 * One of a list of values, case-sensitive.
 * @param unknown failure code for a value that is not in the list, and the title that starts the message
 */
export function choiceParameter<Choice extends string>(
  allowed: readonly Choice[],
  unknown: { readonly code: FailureCode; readonly title: string },
  documentation: Documentation,
) {
  return sent
    .transform((value, context): Choice => {
      const choice = allowed.find((candidate) => candidate === value);
      if (choice !== undefined) return choice;
      const use = `Use one of ${allowed.join(', ')}.`;
      if (!value) addCodedIssue(context, { code: 'missing_field', allowed }, use);
      else addCodedIssue(context, { code: unknown.code, allowed }, `${unknown.title}. ${use}`);
      return z.NEVER;
    })
    .openapi({ type: 'string', ...documentation, param: { required: true } });
}
