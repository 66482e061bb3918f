import type { z } from '@hono/zod-openapi';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import { encodeJobId } from '../../contracts/job-id.ts';
import { fileExtension, type Order } from '../../contracts/order.ts';
import { EXPORT_STATES, type ExportState, type Progress } from '../../contracts/progress.ts';
import { runStatus } from '../../contracts/run.ts';
import { type ExportView, type JobStatus, STATUSES } from '../../contracts/views/on-demand.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { Link } from '../runs/links.ts';

type Status = (typeof STATUSES)[number];

/** The status in the published contract. An export whose files are gone is FAILED, so that no client waits for them. */
export function statusOf(state: ExportState): Status {
  switch (state) {
    case 'pending':
    case 'running':
      return 'PENDING';
    case 'completed':
      return 'COMPLETED';
    case 'failed':
    case 'cancelled':
    case 'expired':
    case 'deleted':
      return 'FAILED';
  }
}

/** Files of a run on demand are never replaced. */
export function exportState(run: Run, now: Date): ExportState {
  const status = runStatus(run, now);
  return status === 'replaced' ? 'deleted' : status;
}

/** @throws TypeError for a run of another kind of export */
export function orderOf({ order }: Run): Order {
  if (order === null) throw new TypeError('a run on demand has an order of its own');
  return order;
}

/** Name of the finished file, for example `flights.csv.zst.age`. */
export function fileName(order: Order): string {
  return `${order.dataset.toLowerCase()}.${fileExtension(order)}`;
}

/** The answer that published clients poll. */
export function jobStatus(record: Run, link: Link | null, now: Date): z.infer<typeof JobStatus> {
  const state = exportState(record, now);
  const exportData = link && { downloadUrl: link.url, downloadExpiresAt: link.expiresAt.toISOString() };
  const data = exportData ? { exportData } : {};
  return {
    job: { id: encodeJobId(record), status: statusOf(state), ...data },
    ...data,
    errors: errorsOf(state, record.failure),
  };
}

function errorsOf(state: ExportState, failure: Run['failure']): z.infer<typeof JobStatus>['errors'] {
  if (state === 'expired' || state === 'deleted') {
    return [{ key: 'gone', message: `${FAILURES.gone.title}. ${FAILURES.gone.advice}` }];
  }
  return failure ? [{ key: failure.code, message: failure.message }] : [];
}

/** @param link `null` also where none is needed, as in lists */
export function exportView(record: Run, progress: Progress, link: Link | null, now: Date): ExportView {
  const order = orderOf(record);
  const state = exportState(record, now);
  const { rows, bytes, contentBytes, parts, failure } = record;
  const counted = rows !== null && bytes !== null && contentBytes !== null && parts !== null;
  return {
    id: encodeJobId(record),
    exportId: record.runId,
    status: statusOf(state),
    state,
    dataset: order.dataset,
    format: order.format,
    compression: order.compression,
    recipients: [...order.recipients],
    window: { from: order.window.from, to: order.window.to },
    parameters: order.parameters,
    snapshotAt: record.snapshotAt,
    progress,
    manifest: counted ? { rows, bytes, contentBytes, parts, file: fileName(order) } : null,
    failure,
    requestedAt: record.requestedAt.toISOString(),
    startedAt: record.startedAt?.toISOString() ?? null,
    endedAt: record.endedAt?.toISOString() ?? null,
    expiresAt: record.expiresAt?.toISOString() ?? null,
    downloadUrl: link?.url ?? null,
    downloadExpiresAt: link?.expiresAt.toISOString() ?? null,
  };
}

export const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;

/** @param text a status of the published contract, or a state. @returns the states that it stands for. @throws WaybillError `invalid_field` */
export function readStates(text: string): readonly ExportState[] {
  const state = EXPORT_STATES.find((candidate) => candidate === text.toLowerCase());
  const status = STATUSES.find((candidate) => candidate === text.toUpperCase());
  // `pending`, `completed` and `failed` are both: as it is written, upper case means the status.
  if (state && (text !== text.toUpperCase() || !status)) return [state];
  if (status) return EXPORT_STATES.filter((candidate) => statusOf(candidate) === status);
  const allowed = [...STATUSES, ...EXPORT_STATES];
  throw new WaybillError('invalid_field', `status: Should be one of ${allowed.join(', ')}.`, {
    field: 'status',
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
