import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { FAILURES, type FailureCode, WaybillError } from '../../contracts/failures.ts';
import type { ApiEnv } from '../deps.ts';
import { withoutKeys } from '../http/without-keys.ts';

/** One thing that is wrong with a request. */
export interface FieldError {
  /** Path of the field in the body, joined by dots, for example `csv.delimiter`. */
  readonly field: string;
  readonly code: FailureCode;
  readonly message: string;
  /** What would be accepted instead, where that is a list. */
  readonly allowed?: readonly string[];
}

/** Thrown when a body has one or more fields that are wrong; the first one gives the answer its code and status. */
export class InvalidFields extends Error {
  override readonly name = 'InvalidFields';
  readonly errors: readonly [FieldError, ...FieldError[]];

  constructor(errors: readonly [FieldError, ...FieldError[]]) {
    super(errors.map(({ message }) => message).join(' '));
    this.errors = errors;
  }
}

/** Thrown when a caller should wait. */
export class TryLater extends WaybillError {
  readonly retryAfterSeconds: number;

  constructor(code: FailureCode, retryAfterSeconds: number, message?: string) {
    super(code, message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Seconds that a caller should wait when a server of ours cannot be reached or has too much to do. */
export const OUTAGE_RETRY_SECONDS = 5;

/** The body of every error. Source: RFC 9457, with members of ours behind `instance`. */
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
 * Turns what was thrown into the answer that a caller sees. Only `WaybillError` and `InvalidFields` tell their message;
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

/** Both schemes that a client may answer with. Source: RFC 9110 section 11.6.1, RFC 7617, RFC 6750. */
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

/** Whole seconds for `Retry-After`: what the error names, else as long as a short trouble lasts. */
export function retryAfterSeconds(error: unknown): number {
  return error instanceof TryLater ? Math.max(1, Math.ceil(error.retryAfterSeconds)) : OUTAGE_RETRY_SECONDS;
}
