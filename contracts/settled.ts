import type { Failure } from './failures.ts';

/** What a step came to. A failure here is final: trouble that a retry may cure is thrown instead. */
export type Settled<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: Failure };
