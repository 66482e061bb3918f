import { WaybillError } from '../../contracts/failures.ts';
import { EXPORT_STATES, type ExportState } from '../../contracts/progress.ts';
import { STATUSES } from '../../contracts/views/on-demand.ts';
import { statusOf } from './view.ts';

export const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 200;

/** @returns the states that a status of door 1, or a state, stands for. @throws WaybillError `invalid_field` */
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
