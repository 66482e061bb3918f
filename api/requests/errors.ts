import type { Context, ErrorHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { FAILURES, type FailureCode, WaybillError } from '../../contracts/failures.ts';
import type { RequestError } from '../../contracts/views/requests.ts';
import { RequestError as RequestErrorSchema } from '../../contracts/views/requests.ts';
import type { ApiEnv } from '../deps.ts';
import { InvalidFields } from '../http/field-errors.ts';
import { finalResponse, isKnown, problemResponse, retryAfter } from '../http/problems.ts';
import { jsonContent } from '../openapi.ts';

/** What published clients of this contract take for "log in again". */
const LOG_IN_CODE = 2;

/** Answers errors as the published contract has them. Status and headers are those of a problem. */
export const requestErrors: ErrorHandler<ApiEnv> = (error, c: Context<ApiEnv>) => {
  const response = finalResponse(c, error);
  if (response) return response;
  const { headers } = problemResponse(c, error);
  const code = codeOf(error);
  const { status, title, advice } = FAILURES[code];
  const message = isKnown(error) ? error.message : `${title}. ${advice}`;
  headers.set('Content-Type', 'application/json');
  return c.body(JSON.stringify(bodyOf(code, message)), status as ContentfulStatusCode, Object.fromEntries(headers));
};

function codeOf(error: unknown): FailureCode {
  if (error instanceof InvalidFields) return error.errors[0].code;
  return error instanceof WaybillError ? error.code : 'internal';
}

function bodyOf(code: FailureCode, message: string): z.infer<typeof RequestError> {
  const nothing = { success: false, count: 0, total: 0, totalCount: 0, results: [], data: [] } as const;
  return { ...nothing, results: [], data: [], message, code: code === 'unauthenticated' ? LOG_IN_CODE : 0 };
}

/** Error responses of a route by status, for the OpenAPI document. */
export function requestProblems(...own: readonly FailureCode[]) {
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
        content: jsonContent(RequestErrorSchema),
        ...((status === 429 || status === 503) && { headers: retryAfter }),
      },
    ]),
  );
}
