import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { FAILURES, type FailureCode, WaybillError } from '../../contracts/failures.ts';
import { ProblemBody } from '../../contracts/views/problem.ts';
import type { ApiEnv } from '../deps.ts';
import { withoutKeys } from './requests.ts';

/** One thing that is wrong with a request. */
export interface FieldError {
  /** Path of the field in the body, joined by dots, for example `csv.delimiter`. */
  readonly field: string;
  readonly code: FailureCode;
  readonly message: string;
  /** What would be accepted instead, where that is a list. */
  readonly allowed?: readonly string[];
}

/** Thrown when fields of a request are wrong; the first error gives the answer its code and status. */
export class InvalidFields extends Error {
  override readonly name = 'InvalidFields';
  readonly errors: readonly [FieldError, ...FieldError[]];

  constructor(errors: readonly [FieldError, ...FieldError[]]) {
    super(errors.map(({ message }) => message).join(' '));
    this.errors = errors;
  }
}

/** Thrown when a caller should wait before the next attempt. */
export class TryLater extends WaybillError {
  readonly retryAfterSeconds: number;

  constructor(code: FailureCode, retryAfterSeconds: number, message?: string) {
    super(code, message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Seconds to wait when a server cannot be reached or is overloaded. */
export const OUTAGE_RETRY_SECONDS = 5;

/** The body of every error. Source: RFC 9457; the members after `instance` are extensions. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: FailureCode;
  readonly field?: string;
  readonly allowed?: readonly string[];
  readonly errors?: readonly FieldError[];
  readonly requestId: string;
}

/**
 * Turns an error into the answer that a caller sees. Only `WaybillError` and `InvalidFields` show their message;
 * anything else is `internal`, and its text stays in the log.
 */
export function problemResponse(c: Context<ApiEnv>, error: unknown): Response {
  const { code, detail, more } = describe(error);
  const { status, title } = FAILURES[code];
  const problem: Problem = {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    instance: withoutKeys(c.req.path),
    code,
    ...more,
    requestId: c.get('requestId'),
  };
  if (status === 429 || status === 503 || error instanceof TryLater)
    c.header('Retry-After', String(retryAfterSeconds(error)));
  if (status === 401) challenge(c);
  if (code === 'insufficient_scope') {
    c.header('WWW-Authenticate', 'Bearer realm="waybill", error="insufficient_scope", scope="write"');
  }
  c.header('Cache-Control', 'no-store');
  return c.body(JSON.stringify(problem), status as ContentfulStatusCode, {
    'Content-Type': 'application/problem+json',
  });
}

/** Both authentication schemes. Source: RFC 9110 section 11.6.1, RFC 7617, RFC 6750. */
export function challenge(c: Context<ApiEnv>): void {
  c.header('WWW-Authenticate', 'Bearer realm="waybill"');
  c.header('WWW-Authenticate', 'Basic realm="waybill", charset="UTF-8"', { append: true });
}

function describe(error: unknown): {
  readonly code: FailureCode;
  readonly detail: string;
  readonly more: Partial<Pick<Problem, 'field' | 'allowed' | 'errors'>>;
} {
  if (error instanceof InvalidFields) {
    const [first] = error.errors;
    const more = { field: first.field, ...(first.allowed && { allowed: first.allowed }), errors: error.errors };
    return { code: first.code, detail: error.message, more };
  }
  if (error instanceof WaybillError) {
    const more = {
      ...(error.field !== undefined && { field: error.field }),
      ...(error.allowed !== undefined && { allowed: error.allowed }),
    };
    return { code: error.code, detail: error.message, more };
  }
  const { title, advice } = FAILURES.internal;
  return { code: 'internal', detail: `${title}. ${advice}`, more: {} };
}

/** Whole seconds for `Retry-After`: what the error names, else {@link OUTAGE_RETRY_SECONDS}. */
export function retryAfterSeconds(error: unknown): number {
  return error instanceof TryLater ? Math.max(1, Math.ceil(error.retryAfterSeconds)) : OUTAGE_RETRY_SECONDS;
}

const content = { 'application/problem+json': { schema: ProblemBody } };
export const retryAfter = {
  'Retry-After': { schema: { type: 'integer' as const }, description: 'Seconds to wait.' },
};

/** Problems that every route with credentials may answer with. */
const ALWAYS: readonly FailureCode[] = ['unauthenticated', 'rate_limited', 'ledger_unavailable', 'internal'];

/** Describes the problems that a route answers with, by status, for the OpenAPI document. */
export function problems(...own: readonly FailureCode[]) {
  const byStatus: Record<number, { description: string; content: typeof content; headers?: typeof retryAfter }> = {};
  for (const code of new Set([...own, ...ALWAYS])) {
    const { status, title } = FAILURES[code];
    const line = `\`${code}\`: ${title}.`;
    const before = byStatus[status];
    const waits = before?.headers !== undefined || status === 429 || status === 503 || code === 'not_produced';
    byStatus[status] = {
      description: before ? `${before.description} ${line}` : line,
      content,
      ...(waits && { headers: retryAfter }),
    };
  }
  return byStatus;
}
