import { type Catalog, offeredName } from '../../config/dataset.ts';
import type { RequestOrder } from '../../contracts/order.ts';
import { REQUEST_FORMATS, type RequestFormat, type RequestState } from '../../contracts/requests.ts';
import { runStatus } from '../../contracts/run.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { FILES } from './order.ts';

/** A request as callers see it. */
export interface Request {
  readonly id: number;
  /** Id of the realm. */
  readonly realm: string;
  /** `YYYY-MM-DD`, both included. */
  readonly startDate: string;
  readonly endDate: string;
  readonly format: RequestFormat;
  readonly state: RequestState;
  readonly run: Run;
  readonly order: RequestOrder;
}

/** Such as `2026-12-23 21:14:05 UTC`. */
export function dateText(at: Date | null): string {
  return at ? `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC` : 'an unknown date';
}

/** @throws TypeError for a run of another kind of export */
export function requestOf(catalog: Catalog, run: Run, now: Date): Request {
  const { order } = run;
  if (!order || !('roundsMax' in order)) throw new TypeError('a request has its own order');
  const dataset = catalog.find(order.dataset);
  return {
    id: run.number,
    realm: dataset ? offeredName(dataset) : order.dataset,
    startDate: order.window.from.slice(0, 10),
    endDate: order.window.to.slice(0, 10),
    format: REQUEST_FORMATS.find((name) => FILES[name] === order.format) ?? 'CSV',
    state: stateOf(run, now),
    ...{ run, order },
  };
}

function stateOf(run: Run, now: Date): RequestState {
  switch (runStatus(run, now)) {
    case 'pending':
    case 'running':
      return 'Submitted';
    case 'completed':
      return 'Available';
    case 'failed':
    case 'cancelled':
      return 'Failed';
    case 'expired':
    case 'deleted':
    case 'replaced':
      return 'Expired';
  }
}
