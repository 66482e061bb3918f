import type { Dataset } from '../config/dataset.ts';
import { manifestColumn } from '../config/manifest-column.ts';
import { type ExplainedFailure, FAILURES, WaybillError } from '../contracts/failures.ts';
import { type FileContent, type FileFormat, isSplittable, isUncounted } from '../contracts/order.ts';
import { type Plan, rowSum } from '../contracts/plan.ts';
import type { PlanInput, PlannedFile, RunPlan, StepResult } from '../contracts/steps.ts';
import type { Ports } from './ports.ts';
import { createResolve } from './resolve.ts';
import { explain, runStep } from './step.ts';

/** Fixes one snapshot time for all files, their exact counts and their parts, before the first byte is written. */
export function createPlan({
  catalog,
  warehouse,
  ledger,
  partRows,
  logger,
}: Pick<Ports, 'catalog' | 'warehouse' | 'ledger' | 'partRows' | 'logger'>) {
  return async function plan({ order }: PlanInput): Promise<StepResult<RunPlan>> {
    const { tenant, recipients } = order;
    return runStep(logger, { tenant, dataset: order.subject }, async (signal) => {
      // Without it, the rows of whoever has the tenant's key in the warehouse would be read.
      const known = await ledger.tenants.find(tenant);
      if (!known) throw new WaybillError('dataset_broken', 'The tenant is not in the ledger. Contact the operator.');
      const { warehouseKey } = known;
      const resolve = createResolve(catalog, { warehouse, tenantKey: warehouseKey ?? tenant, signal });
      const datasets: Dataset[] = [];
      for (const { dataset } of order.files) datasets.push(await resolve(dataset));
      const files = order.files.map(({ name: _, formats, load: _load, onFailure, ...content }, place) => ({
        maySkip: onFailure === 'skip',
        dataset: datasets[place] as Dataset,
        order: { ...content, tenant: warehouseKey ?? tenant, recipients, format: leastSplittable(formats) },
      }));
      const planSome = (some: readonly (typeof files)[number][]) => warehouse.plan(some, partRows, signal);
      const counted = files.filter((file) => !isUncounted(file.order));
      const { failures, plans } = await planOpen(counted, planSome);
      const [first] = plans;
      if (!first)
        throw new WaybillError('dataset_broken', `The catalog offers no ${order.subject} files. Contact the operator.`);
      const planned = plans.map(({ snapshotAt: _, ...file }) => (order.archive ? compact(file) : file));
      const failed = new Map(counted.map((file, place) => [file, failures.get(place)]));
      return {
        snapshotAt: first.snapshotAt,
        ...(warehouseKey !== null ? { warehouseKey } : {}),
        files: files.map((file) => {
          if (isUncounted(file.order)) return uncounted(file.dataset, file.order);
          const failure = failed.get(file);
          return failure ? { ...NOTHING, failure } : (planned.shift() ?? NOTHING);
        }),
      };
    });
  };
}

/** The history of a run holds the plan: an archive may have many tables, whose columns are not in its manifest. */
function compact({ rows, parts }: PlannedFile): PlannedFile {
  return { columns: [], rows, parts };
}

const NOTHING: PlannedFile = { columns: [], rows: 0, parts: [] };

/** One part, whose rows are counted when it is written. */
function uncounted({ columns }: Dataset, { columns: wanted }: Pick<FileContent, 'columns'>): PlannedFile {
  return {
    columns: columns.filter(({ name }) => wanted?.includes(name)).map(manifestColumn),
    rows: 0,
    parts: [{ index: 0, slice: { from: null, to: null }, ...rowSum(0, 0n) }],
  };
}

/**
 * Plans all files at one snapshot. If that fails finally and files may be skipped, each is planned by itself to find those
 * that fail, and the others again together.
 *
 * @returns the failures by place, and the plans of the other files
 * @throws WaybillError if every file fails, or one that may not be skipped
 */
async function planOpen<File extends { readonly maySkip: boolean }>(
  files: readonly File[],
  plan: (files: readonly File[]) => Promise<readonly Plan[]>,
): Promise<{ readonly failures: ReadonlyMap<number, ExplainedFailure>; readonly plans: readonly Plan[] }> {
  try {
    return { failures: new Map(), plans: await plan(files) };
  } catch (error) {
    if (!isFinal(error) || !files.some(({ maySkip }) => maySkip)) throw error;
    const failures = new Map<number, ExplainedFailure>();
    for (const [place, file] of files.entries()) {
      try {
        await plan([file]);
      } catch (failure) {
        if (!isFinal(failure) || !file.maySkip) throw failure;
        failures.set(place, explain(failure));
      }
    }
    if (failures.size === files.length) throw error;
    return { failures, plans: await plan(files.filter((_, place) => !failures.has(place))) };
  }
}

/** Whether a retry would fail likewise. */
function isFinal(error: unknown): error is WaybillError {
  return error instanceof WaybillError && !FAILURES[error.code].retryable;
}

/** All formats of a file have the same parts. @throws RangeError if there is no format */
function leastSplittable(formats: readonly FileFormat[]): FileFormat {
  const format = formats.find((candidate) => !isSplittable(candidate)) ?? formats[0];
  if (format === undefined) throw new RangeError('a file has no format');
  return format;
}
