import type { z } from '@hono/zod-openapi';
import { requestSentence } from '../../config/issue-sentence.ts';
import type { FailureCode } from '../../contracts/failures.ts';
import { withoutKeys } from './requests.ts';

/** One invalid field of a request. */
export interface FieldError {
  /** Path of the field in the body, joined by dots, for example `csv.delimiter`. */
  readonly field: string;
  readonly code: FailureCode;
  readonly message: string;
  /** Accepted values, if they can be listed. */
  readonly allowed?: readonly string[];
}

/** Maximum number of errors in a response: a body of 240 KB has room for 80,000 wrong fields. */
const ERRORS_MAX = 20;

/**
 * Thrown if fields of a request are invalid; the first error determines the code and status of the response. Lists the
 * accepted values once, with the first error that has them.
 */
export class InvalidFields extends Error {
  override readonly name = 'InvalidFields';
  readonly errors: readonly [FieldError, ...FieldError[]];

  constructor([first, ...rest]: readonly [FieldError, ...FieldError[]]) {
    const errors = [first, ...rest.slice(0, ERRORS_MAX - 1)] as const;
    const more = rest.length + 1 - errors.length;
    const sentences = errors.map(({ message }) => message);
    super([...sentences, ...(more > 0 ? [`There are ${more} more errors.`] : [])].join(' '));
    const listed = new Set<string>();
    const [one, ...others] = errors.map((error) => withAllowedOnce(error, listed));
    this.errors = [one ?? first, ...others];
  }
}

function withAllowedOnce(error: FieldError, listed: Set<string>): FieldError {
  if (!error.allowed) return error;
  const { allowed, ...without } = error;
  const text = allowed.join('\n');
  if (listed.has(text)) return without;
  listed.add(text);
  return error;
}

/** @throws InvalidFields if there are errors */
export function assertValid([first, ...rest]: readonly FieldError[]): void {
  if (first) throw new InvalidFields([first, ...rest]);
}

/** An issue of one of our schemas, with a failure code. */
type CodedIssue = z.core.$ZodIssueCustom & {
  readonly params: { readonly code: FailureCode; readonly allowed?: readonly string[] | undefined };
};

/** Adds an issue with a failure code, which {@link fieldErrorsOf} turns into a field error. */
export function addCodedIssue(
  context: z.RefinementCtx,
  params: CodedIssue['params'],
  message: string,
  path: string[] = [],
): void {
  context.addIssue({ code: 'custom', path, message, params });
}

function isCoded(issue: z.core.$ZodIssue): issue is CodedIssue {
  return issue.code === 'custom' && issue.params !== undefined && 'code' in issue.params;
}

/** Converts zod's issues to field errors, those with a failure code first. @param input the object that was validated */
export function fieldErrorsOf({ issues }: z.ZodError, input: Readonly<Record<string, unknown>>): readonly FieldError[] {
  const uncoded = issues.filter((issue) => !isCoded(issue));
  const mistyped = new Set(uncoded.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join('.')));
  return [
    ...issues.filter(isCoded).map(codedError),
    // zod also checks the length of a string that should be an array; that error would be misleading.
    ...uncoded
      .filter(({ code, path }) => code === 'invalid_type' || !mistyped.has(path.join('.')))
      .flatMap((issue) => uncodedErrors(issue, input)),
  ];
}

function codedError({ path, message, params: { code, allowed } }: CodedIssue): FieldError {
  const field = path.join('.');
  const start = code === 'invalid_field' ? `${field}: ` : code === 'missing_field' ? `${field} is missing. ` : '';
  return { field, code, message: `${start}${message}`, ...(allowed && { allowed }) };
}

function uncodedErrors(issue: z.core.$ZodIssue, input: Readonly<Record<string, unknown>>): readonly FieldError[] {
  const path = issue.path.map(String);
  const field = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const name = withoutKeys([...path, key].join('.'));
      return { field: name, code: 'unknown_field', message: `There is no field ${name}. Remove it.` };
    });
  }
  if (issue.code === 'invalid_type' && isMissing(input, path)) {
    return [{ field, code: 'missing_field', message: `${field} is missing. Add it.` }];
  }
  return [{ field, code: 'invalid_field', message: `${field}: ${requestSentence(issue)}` }];
}

function isMissing(input: unknown, path: readonly string[]): boolean {
  let value = input;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return true;
    value = Object.getOwnPropertyDescriptor(value, step)?.value;
  }
  return value === undefined;
}
