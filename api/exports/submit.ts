import type { Tenant } from '../../stores/ledger/ledger.ts';
import type { ApiDeps } from '../deps.ts';
import { TryLater } from '../problems/problem.ts';
import type { NamedOrder } from './order.ts';
import type { Run } from './runs.ts';

/** Seconds after which a caller over the limit should ask again. */
const LIMIT_RETRY_SECONDS = 15;

/**
 * Starts the export within the tenant's limit, or finds the one that runs for the same order, which does not count.
 * @throws TryLater `too_many_exports`
 */
export type Submit = (tenant: Tenant, named: NamedOrder) => Promise<Run>;

export function createSubmit(deps: Pick<ApiDeps, 'settings' | 'ledger' | 'exports' | 'clock' | 'logger'>): Submit {
  const { settings, ledger, exports, clock, logger } = deps;
  /** Starts under way that the ledger does not count yet, by tenant. */
  const starting = new Map<string, number>();

  async function start(workflowId: string, order: NamedOrder['order']): Promise<Run> {
    const requestedAt = clock.now();
    const exportId = await exports.start(workflowId, { order, requestedAt: requestedAt.toISOString() });
    try {
      await ledger.recordOrder({ exportId, workflowId, order, requestedAt });
    } catch (error) {
      // The workflow runs, and its first step records the order too: the caller has an export.
      logger.error({ err: error, exportId }, 'a started export could not be recorded yet');
    }
    return { workflowId, exportId };
  }

  return async function submit(tenant, { order, workflowId }) {
    const limit = tenant.exportsMax ?? settings.WAYBILL_TENANT_EXPORTS_MAX;
    const ahead = starting.get(tenant.key) ?? 0;
    starting.set(tenant.key, ahead + 1);
    try {
      if ((await ledger.countActive(tenant.key)) + ahead >= limit) {
        const running = await exports.findRunning(workflowId);
        if (running !== undefined) return { workflowId, exportId: running };
        throw new TryLater(
          'too_many_exports',
          LIMIT_RETRY_SECONDS,
          `${limit} exports are running, which is the limit. Wait until one of them has ended, or cancel one.`,
        );
      }
      return await start(workflowId, order);
    } finally {
      const left = (starting.get(tenant.key) ?? 1) - 1;
      if (left > 0) starting.set(tenant.key, left);
      else starting.delete(tenant.key);
    }
  };
}
