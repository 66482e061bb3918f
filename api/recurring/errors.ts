import type { Context, ErrorHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { FAILURES, type FailureCode, WaybillError } from '../../contracts/failures.ts';
import { RecurringError } from '../../contracts/views/recurring.ts';
import type { ApiEnv } from '../deps.ts';
import { InvalidFields } from '../http/field-errors.ts';
import { finalResponse, isKnown, problemResponse } from '../http/problems.ts';
import { jsonContent } from '../openapi.ts';

/** What the published contract answers if a token lacks the scope. */
const SCOPE_ERROR_CODE = 2001;

/**
 * Answers errors as the published contract has them: `{ message }` for 401, `{ error_code, message }` for 403, and a list of
 * fields for the others. Status and headers are those of a problem.
 */
export const recurringErrors: ErrorHandler<ApiEnv> = (error, c: Context<ApiEnv>) => {
  const response = finalResponse(c, error);
  if (response) return response;
  const { headers } = problemResponse(c, error);
  const code = codeOf(error);
  const { status, title, advice } = FAILURES[code];
  const message = isKnown(error) ? error.message : `${title}. ${advice}`;
  headers.set('Content-Type', 'application/json');
  return c.body(
    JSON.stringify(bodyOf(error, code, message)),
    status as ContentfulStatusCode,
    Object.fromEntries(headers),
  );
};

function codeOf(error: unknown): FailureCode {
  if (error instanceof InvalidFields) return error.errors[0].code;
  return error instanceof WaybillError ? error.code : 'internal';
}

function bodyOf(error: unknown, code: FailureCode, message: string): object {
  if (code === 'unauthenticated') return { message };
  if (code === 'insufficient_scope') return { error_code: SCOPE_ERROR_CODE, message };
  return { status: 'error', code, message, errors: fieldsOf(error) } satisfies z.infer<typeof RecurringError>;
}

function fieldsOf(error: unknown): z.infer<typeof RecurringError>['errors'] {
  if (error instanceof InvalidFields) return error.errors.map(({ field, message }) => ({ field, message }));
  if (!(error instanceof WaybillError) || error.field === undefined) return [];
  return [{ field: error.field, message: error.message }];
}

/** Error responses of a route by status, for the OpenAPI document. */
export function recurringProblems(...own: readonly FailureCode[]) {
  const codes = [
    ...own,
    'invalid_field',
    'unauthenticated',
    'outside_limits',
    'rate_limited',
    'ledger_unavailable',
  ] as const;
  const statuses = Map.groupBy(new Set(codes), (code) => FAILURES[code].status);
  return Object.fromEntries(
    [...statuses].map(([status, those]) => [
      status,
      {
        description: those.map((code) => `\`${code}\`: ${FAILURES[code].title}.`).join(' '),
        content: jsonContent(RecurringError),
      },
    ]),
  );
}
