import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode, StatusCode } from 'hono/utils/http-status';
import { FAILURES, type FailureCode, WaybillError } from '../../contracts/failures.ts';
import { ProblemBody } from '../../contracts/views/problem.ts';
import type { ApiEnv } from '../deps.ts';
import { type FieldError, InvalidFields } from './field-errors.ts';
import { withoutKeys } from './requests.ts';

/** Thrown if the caller should wait before the next attempt. */
export class TryLater extends WaybillError {
  readonly retryAfterSeconds: number;

  constructor(code: FailureCode, retryAfterSeconds: number, message?: string) {
    super(code, message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Seconds to wait if a server cannot be reached or is overloaded. */
export const OUTAGE_RETRY_SECONDS = 5;

/** For the log only: nobody gets this response. The status that nginx uses. */
const CLIENT_CLOSED_REQUEST = 499 as StatusCode;

/** Logs an error of a request. @returns the response, if it does not depend on the kind of export */
export function finalResponse(c: Context<ApiEnv>, error: unknown): Response | undefined {
  if (error instanceof HTTPException) return error.getResponse();
  if (c.req.raw.signal.aborted) {
    c.get('logger').info({ err: error }, 'the client went away before it got a response');
    return c.body(null, CLIENT_CLOSED_REQUEST);
  }
  if (!isKnown(error)) c.get('logger').error({ err: error }, 'a request failed');
  else if (error instanceof WaybillError && FAILURES[error.code].status >= 500) {
    c.get('logger').warn({ err: error, code: error.code }, 'a request failed');
  }
  return undefined;
}

/** Whether the caller may see the message. */
export function isKnown(error: unknown): error is InvalidFields | WaybillError {
  return error instanceof InvalidFields || error instanceof WaybillError;
}

/**
 * Converts an error to a problem response. Only the messages of `WaybillError` and `InvalidFields` are shown; any other
 * error is `internal`, and its message goes to the log only.
 */
export function problemResponse(c: Context<ApiEnv>, error: unknown): Response {
  const { code, detail, field, allowed, errors } = describe(error);
  const { status, title } = FAILURES[code];
  const problem = {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    instance: withoutKeys(c.req.path),
    code,
    field,
    allowed,
    errors,
    requestId: c.get('requestId'),
  };
  if (status === 429 || status === 503 || error instanceof TryLater) {
    c.header('Retry-After', String(retryAfterSeconds(error)));
  }
  if (status === 401) challenge(c);
  if (code === 'insufficient_scope') {
    c.header('WWW-Authenticate', 'Bearer realm="waybill", error="insufficient_scope", scope="write"');
  }
  c.header('Cache-Control', 'no-store');
  return c.body(JSON.stringify(problem), status as ContentfulStatusCode, {
    'Content-Type': 'application/problem+json',
  });
}

/** Challenges for both authentication schemes. Source: RFC 9110 section 11.6.1, RFC 7617, RFC 6750. */
export function challenge(c: Context<ApiEnv>): void {
  c.header('WWW-Authenticate', 'Bearer realm="waybill"');
  c.header('WWW-Authenticate', 'Basic realm="waybill", charset="UTF-8"', { append: true });
}

/** Members of a problem that depend on the error. Source: RFC 9457; `field`, `allowed` and `errors` are extensions. */
interface ProblemDetails {
  readonly code: FailureCode;
  readonly detail: string;
  readonly field?: string | undefined;
  readonly allowed?: readonly string[] | undefined;
  readonly errors?: readonly FieldError[];
}

function describe(error: unknown): ProblemDetails {
  if (error instanceof InvalidFields) {
    const { message: detail, errors } = error;
    const [{ code, field, allowed }] = errors;
    return { code, detail, field, allowed, errors };
  }
  if (error instanceof WaybillError) {
    const { code, message: detail, field, allowed } = error;
    return { code, detail, field, allowed };
  }
  const { title, advice } = FAILURES.internal;
  return { code: 'internal', detail: `${title}. ${advice}` };
}

/** Whole seconds for `Retry-After`: those of the error, else {@link OUTAGE_RETRY_SECONDS}. */
export function retryAfterSeconds(error: unknown): number {
  return error instanceof TryLater ? Math.max(1, Math.ceil(error.retryAfterSeconds)) : OUTAGE_RETRY_SECONDS;
}

const content = { 'application/problem+json': { schema: ProblemBody } };
export const retryAfter = {
  'Retry-After': { schema: { type: 'integer' as const }, description: 'Seconds to wait.' },
};

/** Problems of every route that requires credentials. */
const ALWAYS: readonly FailureCode[] = [
  'unknown_field',
  'invalid_field',
  'unauthenticated',
  'outside_limits',
  'rate_limited',
  'ledger_unavailable',
  'internal',
];

/** Problems of every route that changes something. */
const OF_CHANGES: readonly FailureCode[] = ['foreign_origin', 'unsupported_media_type'];

/** Problem responses of a route by status, for the OpenAPI document. */
export function problems(...own: readonly FailureCode[]) {
  const byStatus: Record<number, { description: string; content: typeof content; headers?: typeof retryAfter }> = {};
  const changes = own.includes('insufficient_scope') ? OF_CHANGES : [];
  for (const code of new Set([...own, ...changes, ...ALWAYS])) {
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
