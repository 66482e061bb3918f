import { z } from '@hono/zod-openapi';
import type { FailureCode } from '../../contracts/failures.ts';

/** A query parameter as it comes: a list when it is repeated. */
const sent = z.union([z.string(), z.array(z.string())]).optional();
type Sent = z.infer<typeof sent>;

interface Documentation {
  readonly description: string;
  readonly example?: string;
}

const FLAGS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };

/** A text; `undefined` also when it is empty. It may not be repeated. */
export function textParameter({ description }: Documentation) {
  return sent.transform(single).openapi({ type: 'string', description });
}

/** True or false, in any case, or 1 or 0. @default false */
export function flagParameter({ description }: Documentation) {
  const pattern = '^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[01]|)$';
  return sent
    .transform((value, context): boolean => {
      const text = single(value, context)?.toLowerCase() ?? 'false';
      if (Object.hasOwn(FLAGS, text)) return FLAGS[text] ?? false;
      refuse(context, 'invalid_field', 'Should be true or false.', ['true', 'false']);
      return z.NEVER;
    })
    .openapi({ type: 'string', description, example: 'false', pattern });
}

/**
 * One of a list, as it is written there.
 * @param unknown the code for a value that is not in the list; its title begins the message
 */
export function choiceParameter<Choice extends string>(
  allowed: readonly Choice[],
  unknown: { readonly code: FailureCode; readonly title: string },
  documentation: Documentation,
) {
  return sent
    .transform((value, context): Choice => {
      const before = context.issues.length;
      const text = single(value, context);
      const choice = allowed.find((candidate) => candidate === text);
      if (choice !== undefined) return choice;
      const use = `Use one of ${allowed.join(', ')}.`;
      if (context.issues.length > before) return z.NEVER;
      if (text === undefined) refuse(context, 'missing_field', use, allowed);
      else refuse(context, unknown.code, `${unknown.title}. ${use}`, allowed);
      return z.NEVER;
    })
    .openapi({ type: 'string', ...documentation, param: { required: true } });
}

function single(value: Sent, context: z.RefinementCtx): string | undefined {
  const [text, ...more] = [value ?? []].flat();
  if (more.length === 0) return text || undefined;
  refuse(context, 'invalid_field', 'Came more than once. Send it once.');
  return undefined;
}

/** Adds an issue with a failure code; the validation hook in openapi.ts makes the answer of it. */
function refuse(context: z.RefinementCtx, code: FailureCode, message: string, allowed?: readonly string[]): void {
  context.addIssue({ code: 'custom', message, params: { code, allowed } });
}
