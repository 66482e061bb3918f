import type { Plan } from '../contracts/plan.ts';
import type { Settled } from '../contracts/settled.ts';
import type { ExportIdentity } from '../contracts/steps.ts';
import { orderedDataset } from './dataset.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';

/** Fixes the snapshot time, the exact count and the parts, before the first byte is written. */
export function createPlanExport(ports: Pick<Ports, 'catalog' | 'warehouse' | 'partRows' | 'logger'>) {
  const { catalog, warehouse, partRows, logger } = ports;
  return async function planExport({ order }: ExportIdentity): Promise<Settled<Plan>> {
    return runStep(logger, (signal) => warehouse.plan(orderedDataset(catalog, order.dataset), order, partRows, signal));
  };
}
