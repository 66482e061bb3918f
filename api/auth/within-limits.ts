import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { assertReach, type Reach } from '../../contracts/limits.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';

/** Checks that the caller's limits allow what is asked for; a refusal is audited. @throws WaybillError `outside_limits` */
export async function withinLimits(
  c: Context<ApiEnv>,
  { ledger }: Pick<ApiDeps, 'ledger'>,
  reach: Reach,
): Promise<void> {
  const { tenant, actor, limits } = c.get('caller');
  try {
    assertReach(limits, reach);
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    const detail = { address: c.get('address'), door: reach === 'tenant' ? 'tenant' : reach.door };
    await ledger.audit.append({ tenant: tenant.key, actor, action: 'access.refused', runId: null, detail });
    throw error;
  }
}
