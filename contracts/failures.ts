import { FAILURES } from './failure-table.ts';

export { FAILURES } from './failure-table.ts';

export type FailureCode = keyof typeof FAILURES;

/** How an export failed, as the ledger, the API and the Temporal UI show it. */
export interface Failure {
  readonly code: FailureCode;
  /** One sentence: what happened, to which thing, what to do next. No host, SQL, path, key, row or other tenant. */
  readonly message: string;
}

/**
 * Thrown by adapters and activities when the cause has a row in the table. `cause` may name hosts and paths; it is
 * logged for operators and never shown to a caller.
 */
export class WaybillError extends Error {
  override readonly name = 'WaybillError';
  readonly code: FailureCode;
  /** Name of the field at fault, where there is one. */
  readonly field: string | undefined;
  /** What would be accepted instead, where that is a list. */
  readonly allowed: readonly string[] | undefined;

  constructor(
    code: FailureCode,
    message?: string,
    more: { readonly cause?: unknown; readonly field?: string; readonly allowed?: readonly string[] } = {},
  ) {
    super(message ?? `${FAILURES[code].title}. ${FAILURES[code].advice}`, { cause: more.cause });
    this.code = code;
    this.field = more.field;
    this.allowed = more.allowed;
  }
}

export function isFailureCode(text: string): text is FailureCode {
  return Object.hasOwn(FAILURES, text);
}
