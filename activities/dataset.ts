import type { Catalog, Dataset } from '../config/dataset.ts';
import { WaybillError } from '../contracts/failures.ts';

/** @throws WaybillError `dataset_broken` when the catalog no longer has what was ordered */
export function orderedDataset(catalog: Catalog, name: string): Dataset {
  const dataset = catalog.find(name);
  if (dataset) return dataset;
  throw new WaybillError('dataset_broken', `The catalog no longer offers ${name}. Tell the operator.`);
}
