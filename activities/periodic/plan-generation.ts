import { offeredAt, offeredName } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { GenerationPlan } from '../../contracts/periodic-steps.ts';
import type { Settled } from '../../contracts/settled.ts';
import type { Ports } from '../ports.ts';
import { runStep } from '../step.ts';
import { fileOrder } from './file-order.ts';

/** Fixes one snapshot time for all periodic files, and the exact count of each, before the first byte is written. */
export function createPlanGeneration({ catalog, warehouse, logger }: Pick<Ports, 'catalog' | 'warehouse' | 'logger'>) {
  return async function planGeneration(input: {
    readonly tenant: string;
    readonly recipient: string;
  }): Promise<Settled<GenerationPlan>> {
    return runStep(logger, async (signal) => {
      const datasets = offeredAt(catalog, 'periodic');
      const orders = datasets.map((dataset) => ({
        dataset,
        order: fileOrder(input.tenant, dataset.name, 'csv', input.recipient),
      }));
      const plans = await warehouse.planTogether(orders, signal);
      const [first] = plans;
      if (!first) throw new WaybillError('dataset_broken', 'The catalog offers no periodic files. Tell the operator.');
      return {
        snapshotAt: first.snapshotAt,
        files: plans.map(({ columns, parts: [whole] }, index) => {
          const dataset = datasets[index];
          if (!dataset || !whole) throw new RangeError('the warehouse did not plan what it was asked to');
          const { rows, rowsHash } = whole;
          return { file: offeredName(dataset), dataset: dataset.name, rows, rowsHash, columns };
        }),
      };
    });
  };
}
