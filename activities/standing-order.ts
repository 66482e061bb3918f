import type { Catalog, Dataset } from '../config/dataset.ts';
import { offeredAt, offeredName } from '../config/dataset.ts';
import { CSV_DEFAULTS, type OrderedFile, type RunOrder } from '../contracts/order.ts';
import { ANONYMIZED_TYPE } from '../contracts/recurring.ts';
import type { StandingKind } from '../contracts/standing.ts';
import type { AskedRun } from '../contracts/steps.ts';
import type { ChangesRun, RunChanges, RunFile, StandingOrder } from '../stores/ledger/ports.ts';
import { periodOf } from './period.ts';
import type { Ports } from './ports.ts';

/** Snapshots that a run of a standing order tries while the source changes. */
const ROUNDS_MAX = 3;

/** Not compressed, so that `age -d` yields the file itself. */
const PLAIN = { parameters: {}, csv: CSV_DEFAULTS, compression: 'none' } as const;

/** @returns what a run exports that exports everything: the complete history of all datasets of the kind, sealed */
export function completeOrder(
  { catalog, graceSeconds }: Pick<Ports, 'catalog' | 'graceSeconds'>,
  { kind, subject, formats }: StandingKind,
  { tenant, recipient }: StandingOrder,
): RunOrder | null {
  if (recipient === null) return null;
  const files = offeredAt(catalog, kind).map((dataset) => ({
    ...PLAIN,
    name: offeredName(dataset),
    ...{ dataset: dataset.name, window: null, formats, columns: null },
  }));
  const recipients = [recipient];
  return {
    tenant,
    subject,
    files,
    recipients,
    roundsMax: ROUNDS_MAX,
    retention: { replaceAfterSeconds: graceSeconds },
  };
}

/** @param run.startedAt when the run began */
export function changesRun(
  { catalog, deployment }: Pick<Ports, 'catalog' | 'deployment'>,
  kind: StandingKind,
  run: { readonly asked: AskedRun | undefined; readonly startedAt: Date },
): ChangesRun {
  return {
    period: (order) => periodOf(kind, order, deployment(kind.kind), run),
    needsBase: (name) => catalog.find(name)?.infersDeletes === true,
    columns: (name) => {
      const dataset = catalog.find(name);
      if (!dataset?.doors.includes(kind.kind)) return undefined;
      return dataset.columns.map(({ name, type, anonymizedFrom }) => ({
        name,
        type: anonymizedFrom === undefined ? type : ANONYMIZED_TYPE,
      }));
    },
  };
}

/** @returns what a run of changes exports */
export function changesOrder(
  { catalog, graceSeconds, keepDays }: Pick<Ports, 'catalog' | 'graceSeconds' | 'keepDays'>,
  { subject, formats }: StandingKind,
  { tenant, recipient }: StandingOrder,
  { delivery, files }: RunChanges,
): RunOrder {
  return {
    tenant,
    subject,
    files: files.flatMap((file) => filesOf(catalog, file, formats)),
    recipients: recipient === null ? [] : [recipient],
    roundsMax: ROUNDS_MAX,
    retention: { replaceAfterSeconds: graceSeconds, keepDays },
    delivery,
  };
}

/** A file of the rows and, where the catalog says how to tell them, one of the keys of those that were deleted. */
function filesOf(catalog: Catalog, file: RunFile, formats: OrderedFile['formats']): readonly OrderedFile[] {
  const dataset = catalog.find(file.dataset);
  if (!dataset) return [];
  const load = file.complete ? 'complete' : 'delta';
  const added = file.columns.flatMap((column) => (column.added ? [column.name] : []));
  const rows: OrderedFile = {
    ...{ ...PLAIN, name: dataset.name, dataset: dataset.name, formats, load },
    // What a day already has must not be replaced by less.
    ...(!file.replaces && { onFailure: 'skip' }),
    window: hasTimes(dataset) ? { from: file.windowFrom, to: file.windowTo, bounds: 'half-open' } : null,
    columns: file.columns.map(({ name }) => name),
    ...(added.length > 0 && { addedColumns: added }),
    ...(dataset.key.length > 0 && { key: dataset.key }),
  };
  const { key, deletedColumn, infersDeletes } = dataset;
  const { addedColumns: _added, ...same } = rows;
  const deleted: OrderedFile = { ...same, name: `${dataset.name}.deleted`, rows: 'deleted', columns: key };
  if (!infersDeletes) return deletedColumn === null ? [rows] : [rows, deleted];
  const { load: _, ...unchained } = same;
  const keys = { ...unchained, name: `${dataset.name}.keys`, rows: 'keys', columns: key, window: null } as const;
  // A complete load is without deleted rows anyway; then the file is empty.
  const gone = file.baseRunId === null ? deleted : { ...deleted, rows: 'gone' as const, base: file.baseRunId };
  return [rows, { ...keys, formats: ['parquet'] }, gone];
}

function hasTimes({ createdColumn, modifiedColumn }: Dataset): boolean {
  return createdColumn !== null || modifiedColumn !== null;
}
