import type { Failure } from './failures.ts';

/** Result of a step. A failure here is final; errors that a retry may cure are thrown instead. */
export type Settled<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: Failure };
