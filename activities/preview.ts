import { WaybillError } from '../contracts/failures.ts';
import type { PreviewInput } from '../contracts/preview.ts';
import type { StepResult } from '../contracts/steps.ts';
import { handOver } from './handover.ts';
import type { Ports } from './ports.ts';
import { orderedDataset } from './resolve.ts';
import { runStep } from './step.ts';

/** Writes the first rows of an order and their number as one object, sealed to whoever asked. The history gets neither. */
export function createPreview({
  catalog,
  warehouse,
  ledger,
  objects,
  logger,
}: Pick<Ports, 'catalog' | 'warehouse' | 'ledger' | 'objects' | 'logger'>) {
  return async function preview({ tenant, content, ...handover }: PreviewInput): Promise<StepResult<null>> {
    return runStep(logger, { tenant, dataset: content.dataset }, async (signal) => {
      const known = await ledger.tenants.find(tenant);
      if (!known) throw new WaybillError('dataset_broken', 'The tenant is not in the ledger. Contact the operator.');
      const dataset = orderedDataset(catalog, content.dataset);
      const order = { ...content, tenant: known.warehouseKey ?? tenant, recipients: [] };
      const found = await warehouse.preview(dataset, order, signal);
      await handOver(objects, handover, found);
      return null;
    });
  };
}
