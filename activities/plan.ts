import type { Catalog, Dataset } from '../config/dataset.ts';
import { WaybillError } from '../contracts/failures.ts';
import { type FileFormat, isSplittable } from '../contracts/order.ts';
import type { PlanInput, RunPlan, StepResult } from '../contracts/steps.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';

/** Fixes one snapshot time for all files, their exact counts and their parts, before the first byte is written. */
export function createPlan({
  catalog,
  warehouse,
  ledger,
  partRows,
  turns,
  logger,
}: Pick<Ports, 'catalog' | 'warehouse' | 'ledger' | 'partRows' | 'turns' | 'logger'>) {
  return async function plan({ order }: PlanInput): Promise<StepResult<RunPlan>> {
    const { tenant, recipients } = order;
    return runStep(logger, { tenant, dataset: order.subject }, async (signal) => {
      // Without it, the rows of whoever has the tenant's key in the warehouse would be read.
      const known = await ledger.tenants.find(tenant);
      if (!known) throw new WaybillError('dataset_broken', 'The tenant is not in the ledger. Contact the operator.');
      const { warehouseKey } = known;
      const files = order.files.map(({ name: _, formats, ...content }) => ({
        dataset: orderedDataset(catalog, content.dataset),
        order: { ...content, tenant: warehouseKey ?? tenant, recipients, format: leastSplittable(formats) },
      }));
      const plans = await turns.plan.take(signal, () => warehouse.plan(files, partRows, signal));
      const [first] = plans;
      if (!first)
        throw new WaybillError('dataset_broken', `The catalog offers no ${order.subject} files. Contact the operator.`);
      return {
        snapshotAt: first.snapshotAt,
        ...(warehouseKey !== null ? { warehouseKey } : {}),
        files: plans.map(({ columns, rows, parts }) => ({ columns, rows, parts })),
      };
    });
  };
}

/** @throws WaybillError `dataset_broken` if the catalog no longer has what was ordered */
export function orderedDataset(catalog: Catalog, name: string): Dataset {
  const dataset = catalog.find(name);
  if (dataset) return dataset;
  throw new WaybillError('dataset_broken', `The catalog no longer offers ${name}. Contact the operator.`);
}

/** All formats of a file have the same parts. @throws RangeError if there is no format */
function leastSplittable(formats: readonly FileFormat[]): FileFormat {
  const format = formats.find((candidate) => !isSplittable(candidate)) ?? formats[0];
  if (format === undefined) throw new RangeError('a file has no format');
  return format;
}
