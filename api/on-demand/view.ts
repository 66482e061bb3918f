import type { z } from '@hono/zod-openapi';
import { type Catalog, offeredAt, offeredName } from '../../config/dataset.ts';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import { encodeJobId } from '../../contracts/job-id.ts';
import type { ManifestFile } from '../../contracts/manifest.ts';
import { fileExtension, type Order } from '../../contracts/order.ts';
import { EXPORT_STATES, type ExportState, type Progress } from '../../contracts/progress.ts';
import { runStatus } from '../../contracts/run.ts';
import { type ExportFile, type ExportView, type JobStatus, STATUSES } from '../../contracts/views/on-demand.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { Link } from '../runs/links.ts';

type Status = (typeof STATUSES)[number];

/** Statuses in the published contract. `FAILED` also if the files are gone, so that no client waits for them. */
const STATUS: Readonly<Record<ExportState, Status>> = {
  pending: 'PENDING',
  running: 'PENDING',
  completed: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'FAILED',
  expired: 'FAILED',
  deleted: 'FAILED',
};

/** Files of on-demand exports are never replaced. */
export function exportState(run: Run, now: Date): ExportState {
  const status = runStatus(run, now);
  return status === 'replaced' ? 'deleted' : status;
}

/** @throws TypeError for a run of another kind of export */
export function orderOf({ order }: Run): Order {
  if (order === null || 'roundsMax' in order || 'questionnaire' in order)
    throw new TypeError('an on-demand run has its own order');
  return order;
}

/** Name of the finished file, for example `flights.csv.zst.age`; of several, that of the zip of all. */
export function fileName(order: Order, files: number | null = 1): string {
  const name = order.dataset.toLowerCase();
  return files !== null && files > 1 ? `${name}.zip` : `${name}.${fileExtension(order)}`;
}

/** What names of a saved manifest begin with: that of the only file, or what several have in common. */
export function manifestStem(order: Order, files: number | null): string {
  return files !== null && files > 1 ? order.dataset.toLowerCase() : fileName(order);
}

/** The response that published clients poll. */
export function jobStatus(run: Run, link: Link | null, now: Date): z.infer<typeof JobStatus> {
  const state = exportState(run, now);
  const exportData = link && { downloadUrl: link.url, downloadExpiresAt: link.expiresAt.toISOString() };
  const data = exportData ? { exportData } : {};
  return {
    job: { id: encodeJobId(run), status: STATUS[state], ...data },
    ...data,
    errors: errorsOf(state, run.failure),
  };
}

function errorsOf(state: ExportState, failure: Run['failure']): z.infer<typeof JobStatus>['errors'] {
  if (state === 'expired' || state === 'deleted') {
    return [{ key: 'gone', message: `${FAILURES.gone.title}. ${FAILURES.gone.advice}` }];
  }
  return failure ? [{ key: failure.code, message: failure.message }] : [];
}

/** @param link `null` also in lists, which have no links */
export function exportView(run: Run, progress: Progress, link: Link | null, now: Date): ExportView {
  const order = orderOf(run);
  const state = exportState(run, now);
  const { rows, bytes, contentBytes, parts, files, failure } = run;
  const counted = rows !== null && bytes !== null && contentBytes !== null && parts !== null && files !== null;
  return {
    id: encodeJobId(run),
    exportId: run.runId,
    status: STATUS[state],
    state,
    dataset: order.dataset,
    format: order.format,
    compression: order.compression,
    recipients: [...order.recipients],
    window: { from: order.window.from, to: order.window.to },
    parameters: order.parameters,
    filter: order.filter ?? [],
    timeZone: order.timeZone ?? 'UTC',
    rowsPerFile: order.rowsPerFile ?? null,
    snapshotAt: run.snapshotAt,
    progress,
    manifest: counted ? { rows, bytes, contentBytes, parts, files, file: fileName(order, files) } : null,
    failure,
    requestedAt: run.requestedAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    endedAt: run.endedAt?.toISOString() ?? null,
    expiresAt: run.expiresAt?.toISOString() ?? null,
    downloadUrl: link?.url ?? null,
    downloadExpiresAt: link?.expiresAt.toISOString() ?? null,
  };
}

/** @param link of the export */
export function exportFile({ file, rows, bytes, slice, parts }: ManifestFile, link: Link | null): ExportFile {
  const [only, ...others] = parts;
  return {
    ...{ name: file, rows, bytes, sha256: only && others.length === 0 ? only.sha256 : null, slice: slice ?? null },
    downloadUrl: link?.urlOf(file) ?? null,
  };
}

export const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;

/**
 * @param text a status of the published contract, or a state
 * @returns the matching states
 * @throws WaybillError `invalid_field`
 */
export function readStates(text: string): readonly ExportState[] {
  const state = EXPORT_STATES.find((candidate) => candidate === text.toLowerCase());
  const status = STATUSES.find((candidate) => candidate === text.toUpperCase());
  // `pending`, `completed` and `failed` are both a status and a state: upper case means the status.
  if (state && (text !== text.toUpperCase() || !status)) return [state];
  if (status) return EXPORT_STATES.filter((candidate) => STATUS[candidate] === status);
  const allowed = [...STATUSES, ...EXPORT_STATES];
  throw new WaybillError('invalid_field', `status: Should be one of ${allowed.join(', ')}.`, {
    field: 'status',
    allowed,
  });
}

/**
 * @param text the name under which a dataset is offered, or its own; case-insensitive
 * @returns the dataset's own name
 * @throws WaybillError `unknown_dataset`
 */
export function readDataset(catalog: Catalog, text: string): string {
  const offered = offeredAt(catalog, 'on-demand');
  const dataset = offered.find((candidate) =>
    [candidate.name, offeredName(candidate)].some((name) => name.toLowerCase() === text.toLowerCase()),
  );
  if (dataset) return dataset.name;
  const allowed = offered.map(offeredName);
  throw new WaybillError('unknown_dataset', `dataset: Should be one of ${allowed.join(', ')}.`, {
    field: 'dataset',
    allowed,
  });
}

/** @throws WaybillError `invalid_field` */
export function readLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new WaybillError('invalid_field', `limit: Should be a whole number from 1 to ${LIMIT_MAX}.`, {
    field: 'limit',
  });
}
