import { WaybillError } from '../contracts/failures.ts';
import type { ListQuestionnairesInput } from '../contracts/handover.ts';
import type { StepResult } from '../contracts/steps.ts';
import { handOver } from './handover.ts';
import type { Ports } from './ports.ts';
import { readQuestionnaires } from './questionnaire-rows.ts';
import { runStep } from './step.ts';

/** Hands over which questionnaires a tenant has: the history does not get their titles. */
export function createListQuestionnaires({
  catalog,
  warehouse,
  ledger,
  objects,
  logger,
}: Pick<Ports, 'catalog' | 'warehouse' | 'ledger' | 'objects' | 'logger'>) {
  return async function listQuestionnaires(input: ListQuestionnairesInput): Promise<StepResult<null>> {
    const { tenant } = input;
    return runStep(logger, { tenant, dataset: input.bundle }, async (signal) => {
      const known = await ledger.tenants.find(tenant);
      const bundle = catalog.bundles.find(({ name }) => name === input.bundle);
      if (!known || !bundle) throw new WaybillError('dataset_broken');
      const rows = { warehouse, tenantKey: known.warehouseKey ?? tenant, signal };
      const found = await readQuestionnaires(rows, bundle);
      await handOver(objects, input, found);
      return null;
    });
  };
}
