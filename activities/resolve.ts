import type { Bundle, Catalog, Dataset } from '../config/dataset.ts';
import { WaybillError } from '../contracts/failures.ts';
import { ATTACHMENTS, parseReference, type QuestionnaireVersion, versionText } from '../contracts/questionnaires.ts';
import {
  attachmentList,
  type DescribedTable,
  readTables,
  type TenantRows,
  tableDataset,
} from './questionnaire-rows.ts';

/**
 * Finds what an order names: a dataset of the catalog, or a table of a questionnaire, which the warehouse describes.
 *
 * @throws WaybillError `dataset_broken` if the catalog or the warehouse no longer has it; errors of the warehouse
 */
export type ResolveDataset = (name: string) => Promise<Dataset>;

/** The tables of each questionnaire are read once. For one step of one tenant. */
export function createResolve(catalog: Catalog, rows: TenantRows): ResolveDataset {
  const known = new Map<string, Promise<readonly DescribedTable[]>>();

  function tablesOf(bundle: Bundle, version: QuestionnaireVersion): Promise<readonly DescribedTable[]> {
    const key = `${bundle.name}/${versionText(version)}`;
    const tables = known.get(key) ?? readTables(rows, bundle, version);
    known.set(key, tables);
    return tables;
  }

  return async function resolve(name) {
    const reference = parseReference(name);
    if (!reference) return orderedDataset(catalog, name);
    const bundle = catalog.bundles.find((candidate) => candidate.name === reference.bundle);
    if (!bundle) throw noLonger(name);
    const list = reference.table === ATTACHMENTS ? attachmentList(bundle, name) : undefined;
    if (list) return list;
    const table = (await tablesOf(bundle, reference)).find((candidate) => candidate.name === reference.table);
    if (!table) throw noLonger(name);
    return tableDataset(bundle, name, table);
  };
}

/** @throws WaybillError `dataset_broken` if the catalog no longer has what was ordered */
export function orderedDataset(catalog: Catalog, name: string): Dataset {
  const dataset = catalog.find(name);
  if (dataset) return dataset;
  throw noLonger(name);
}

function noLonger(name: string): WaybillError {
  return new WaybillError('dataset_broken', `The catalog no longer offers ${name}. Contact the operator.`);
}
