import type { Ledger, Run } from '../ledger/ports.ts';
import type { Temporal } from './temporal.ts';

/**
 * Lets the requests that wait for a batch begin.
 * @throws WaybillError `temporal_unavailable` before anything is changed, so that no request is due in the ledger only
 */
export async function releaseBatch(
  ledger: Pick<Ledger, 'requests'>,
  temporal: Pick<Temporal, 'ping' | 'release'>,
): Promise<readonly Run[]> {
  await temporal.ping();
  const waiting = await ledger.requests.release();
  for (const run of waiting) await temporal.release(run);
  return waiting;
}
