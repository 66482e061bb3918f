import type { Scope, Tenant } from '../../stores/ledger/ledger.ts';

/** Who a request comes from, as its credential proved. */
export interface Caller {
  readonly tenant: Tenant;
  /** Client id, or `token:<subject>` for an outside issuer; goes into the audit trail. */
  readonly actor: string;
  /** `write` includes reading. */
  readonly scopes: readonly Scope[];
}
