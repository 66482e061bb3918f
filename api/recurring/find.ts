import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { RECURRING } from '../../contracts/recurring.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';

/**
 * Finds a run of the caller that has delivered, whether or not its files are still there.
 *
 * @throws WaybillError `not_found`, also for runs of other tenants
 */
export async function findDelivered(c: Context<ApiEnv>, { ledger }: Pick<ApiDeps, 'ledger'>, id: string): Promise<Run> {
  const run = await ledger.runs.find(id);
  const { tenant } = c.get('caller');
  if (run?.tenant === tenant.key && run.kind === RECURRING.kind && run.state === 'completed') return run;
  throw new WaybillError('not_found', 'There is no delivered run with this id. GET /export/runs lists them.');
}
