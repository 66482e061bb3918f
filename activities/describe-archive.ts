import type { Bundle } from '../config/dataset.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type FileFormat, type OrderedFile } from '../contracts/order.ts';
import {
  type ArchiveOrder,
  type ArchiveType,
  ATTACHMENTS,
  archiveName,
  INTERVIEW_STATUSES,
  tableReference,
} from '../contracts/questionnaires.ts';
import type { DescribedArchive, DescribeInput, StepResult } from '../contracts/steps.ts';
import type { InclusiveWindow } from '../contracts/window.ts';
import type { Ports } from './ports.ts';
import {
  type DescribedTable,
  findQuestionnaire,
  readTables,
  type TablePart,
  versionParameters,
} from './questionnaire-rows.ts';
import { runStep } from './step.ts';

/** Which tables an archive has, and their format. */
const CONTENTS: Readonly<Record<ArchiveType, { readonly parts: readonly TablePart[]; readonly format: FileFormat }>> = {
  tabular: { parts: ['main', 'roster', 'system'], format: 'tab' },
  stata: { parts: ['main', 'roster', 'system'], format: 'dta' },
  spss: { parts: ['main', 'roster', 'system'], format: 'sav' },
  binary: { parts: [], format: 'jsonl' },
  paradata: { parts: ['paradata'], format: 'tab' },
};

/** Reads from the warehouse which tables an archive consists of. Their names become part of the order; nothing else does. */
export function createDescribeArchive({
  catalog,
  warehouse,
  attachments,
  ledger,
  logger,
}: Pick<Ports, 'catalog' | 'warehouse' | 'attachments' | 'ledger' | 'logger'>) {
  return async function describeArchive({ tenant, order }: DescribeInput): Promise<StepResult<DescribedArchive>> {
    return runStep(logger, { tenant, dataset: order.bundle }, async (signal) => {
      const known = await ledger.tenants.find(tenant);
      if (!known) throw new WaybillError('dataset_broken', 'The tenant is not in the ledger. Contact the operator.');
      const bundle = catalog.bundles.find(({ name }) => name === order.bundle);
      if (!bundle) throw new WaybillError('dataset_broken', 'The catalog no longer offers questionnaires.');
      const rows = { warehouse, tenantKey: known.warehouseKey ?? tenant, signal };
      if (order.type === 'binary' && !attachments) {
        throw new WaybillError('dataset_broken', 'The deployment has no store of attachments. Contact the operator.');
      }
      const found = await findQuestionnaire(rows, bundle, order);
      const { type, questionnaire, version, status, from, to } = order;
      return {
        files: filesOf(bundle, order, await readTables(rows, bundle, order)),
        archive: {
          ...{ name: archiveName({ ...order, variable: found.variable }), variable: found.variable },
          ...{ bundle: bundle.name, questionnaire, version, type, status, from, to },
        },
      };
    });
  };
}

/** @throws WaybillError `dataset_broken` if there is nothing to archive */
function filesOf(bundle: Bundle, order: ArchiveOrder, tables: readonly DescribedTable[]): readonly OrderedFile[] {
  const { parts, format } = CONTENTS[order.type];
  if (order.type === 'binary') {
    if (!bundle.attachments)
      throw new WaybillError('dataset_broken', 'The catalog has no attachments of questionnaires.');
    return [fileOf(bundle, order, { name: 'attachments', table: ATTACHMENTS, isOfInterviews: true, format })];
  }
  const wanted = tables.filter(({ part }) => parts.includes(part));
  if (wanted.length === 0)
    throw new WaybillError('dataset_broken', 'The questionnaire has no tables for this archive.');
  return wanted.map(({ name, columns }) => {
    const isOfInterviews = columns.some((column) => column.name === 'interview__id');
    return fileOf(bundle, order, { name, table: name, isOfInterviews, format });
  });
}

interface WantedTable {
  readonly name: string;
  readonly table: string;
  /** Only tables of interviews have a status and a time. */
  readonly isOfInterviews: boolean;
  readonly format: FileFormat;
}

function fileOf({ name: bundle, filters }: Bundle, order: ArchiveOrder, wanted: WantedTable): OrderedFile {
  const { name, table, isOfInterviews, format } = wanted;
  const { questionnaire, version, status } = order;
  const code = status === null ? undefined : INTERVIEW_STATUSES[status];
  const isFiltered = isOfInterviews && code !== undefined && filters.status !== null;
  return {
    ...{ name, dataset: tableReference({ bundle, questionnaire, version, table }), formats: [format] },
    window: isOfInterviews ? windowOf(order) : null,
    ...(isFiltered && { filter: [{ column: filters.status ?? '', op: 'eq' as const, value: String(code) }] }),
    parameters: table === ATTACHMENTS ? versionParameters(order) : {},
    ...{ csv: CSV_DEFAULTS, columns: null, compression: 'none' },
  };
}

const BEGINNING = '0001-01-01T00:00:00.000000Z' as Instant;
const END = '9999-12-31T23:59:59.999999Z' as Instant;

function windowOf({ from, to }: ArchiveOrder): InclusiveWindow | null {
  return from === null && to === null ? null : { from: from ?? BEGINNING, to: to ?? END, bounds: 'inclusive' };
}
