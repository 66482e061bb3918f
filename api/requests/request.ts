import { randomUUID } from 'node:crypto';
import { nextBatch } from '../../config/batch-times.ts';
import { type Catalog, offeredName } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { assertDataset, type Limits, mayUseDataset } from '../../contracts/limits.ts';
import type { RequestOrder } from '../../contracts/order.ts';
import { isActive } from '../../contracts/progress.ts';
import { REQUESTS, type RequestState, requestName } from '../../contracts/requests.ts';
import { runStatus } from '../../contracts/run.ts';
import type { RequestForm } from '../../contracts/views/requests.ts';
import type { RequestedRun, Run, Tenant } from '../../stores/ledger/ports.ts';
import { requestSeries } from '../../stores/ledger/request-series.ts';
import type { ApiDeps } from '../deps.ts';
import { removeFiles } from '../runs/remove.ts';
import { offeredRealms, REQUEST_FORMATS, type RequestFormat, requestOrder } from './order.ts';

/** A data set that can be requested. */
export interface Realm {
  readonly id: string;
  readonly title: string;
  readonly fields: readonly {
    readonly name: string;
    readonly header: string;
    readonly anonymize: boolean;
    /** Empty: there is none. */
    readonly documentation: string;
  }[];
}

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

/** Who asks. */
export interface Requester {
  readonly tenant: Tenant;
  readonly actor: string;
  readonly limits: Limits;
}

/** What callers can do with requests, through whatever interface. Errors besides: those of the ledger, and of Temporal. */
export interface Requests {
  /** Those that the limits allow. */
  realms(limits: Limits): readonly Realm[];
  /** @throws InvalidFields; WaybillError `duplicate_request` */
  create(requester: Requester, form: RequestForm): Promise<Request>;
  /**
   * Newest first.
   * @param page.before only ids below this one; `null`: from the newest
   * @returns `next`: `before` of the next page; `null`: there is none
   */
  list(
    requester: Pick<Requester, 'tenant' | 'limits'>,
    page: { readonly before: number | null; readonly limit: number },
  ): Promise<{ readonly requests: readonly Request[]; readonly next: number | null }>;
  /** @throws WaybillError `not_found`, also for another tenant's; `outside_limits` */
  find(requester: Pick<Requester, 'tenant' | 'limits'>, id: number): Promise<Request>;
  /** Deletes all of them with their files, or none. @throws WaybillError `not_found` if one of them is not the tenant's */
  remove(requester: Requester, ids: readonly number[]): Promise<void>;
}

export type RequestDeps = Pick<
  ApiDeps,
  'settings' | 'catalog' | 'ledger' | 'objects' | 'temporal' | 'clock' | 'logger'
>;

export function createRequests(deps: RequestDeps): Requests {
  const { settings, catalog, ledger, temporal, clock, logger } = deps;

  function view(run: Run): Request {
    return requestOf(catalog, run, clock.now());
  }

  /** Ends the workflow of a deleted request, and removes its file. What fails is left to the reconciler and the workflow. */
  async function cleanUp(run: Run): Promise<void> {
    try {
      if (isActive(run.state)) await temporal.cancel(run, 0);
      else if (run.state === 'completed' && run.removedAt === null) await removeFiles(deps, run, 'deleted');
    } catch (error) {
      logger.warn({ err: error, runId: run.runId }, 'a deleted request is left to the reconciler');
    }
  }

  return {
    realms: (limits) =>
      offeredRealms(catalog)
        .filter(({ name }) => mayUseDataset(limits, name))
        .map((dataset) => ({
          id: offeredName(dataset),
          title: dataset.title,
          fields: dataset.columns.map(({ name, header, label, anonymizedFrom }) => ({
            ...{ name, header, documentation: label ?? '' },
            anonymize: anonymizedFrom !== undefined,
          })),
        })),

    async create({ tenant, actor, limits }, form) {
      const now = clock.now();
      const keepDays = tenant.requestKeepDays ?? settings.WAYBILL_REQUESTS_KEEP_DAYS;
      const order = requestOrder(form, tenant.key, { catalog, keepDays, now });
      assertDataset(limits, order.dataset);
      const series = requestSeries(order);
      const same = await ledger.requests.findSame(tenant.key, series, now);
      if (same) throw duplicate(view(same));
      const startsAt = nextBatch(settings.WAYBILL_REQUESTS_SCHEDULE, settings.WAYBILL_REQUESTS_TIME_ZONE, now);
      const workflowId = `data-request|tenantKey:${tenant.key}|type:${order.dataset.toLowerCase()}|${randomUUID()}`;
      const run = { workflowId, order, series, requestedBy: actor, requestedAt: now, startsAt };
      const runId = await start(run);
      const { run: recorded, submitted } = await ledger.requests.submit({ ...run, runId }, now);
      if (!submitted) {
        await temporal.cancel({ workflowId, runId }, 0);
        throw duplicate(view(recorded));
      }
      const detail = { number: recorded.number, dataset: order.dataset, format: order.format };
      await ledger.audit.append({ tenant: tenant.key, actor, action: 'request.created', runId, detail });
      return view(recorded);
    },

    async list({ tenant, limits }, { before, limit }) {
      const rows = await ledger.requests.list(tenant.key, { before, limit: limit + 1, subjects: limits.datasets });
      const requests = rows.slice(0, limit).map(view);
      return { requests, next: rows.length > limit ? (requests.at(-1)?.id ?? null) : null };
    },

    async find({ tenant, limits }, id) {
      const run = await ledger.requests.find(tenant.key, id);
      if (!run) throw notFound([id]);
      assertDataset(limits, run.subject);
      return view(run);
    },

    async remove({ tenant, actor, limits }, ids) {
      if (limits.datasets !== null) {
        for (const id of ids) {
          const run = await ledger.requests.find(tenant.key, id);
          if (run) assertDataset(limits, run.subject);
        }
      }
      const removed = await ledger.requests.remove(tenant.key, ids, actor);
      if (!removed) throw notFound(ids);
      await Promise.all(removed.map(cleanUp));
    },
  };

  function start({ workflowId, order, series, requestedBy, requestedAt, startsAt }: Omit<RequestedRun, 'runId'>) {
    const { tenant, dataset, format } = order;
    const request = { series, requestedBy, startsAt: startsAt?.toISOString() ?? null };
    return temporal.start(
      workflowId,
      { kind: REQUESTS, order, requestedAt: requestedAt.toISOString(), request },
      {
        tenant,
        subject: dataset,
        format,
        summary: `request of ${tenant}: ${requestName(dataset, order)} as ${format}`,
      },
    );
  }
}

function notFound(ids: readonly number[]): WaybillError {
  const [id, ...others] = ids;
  const message =
    others.length === 0
      ? `There is no request ${id} of yours. Check the number.`
      : 'One of these requests is not yours, or is deleted already. None was deleted.';
  return new WaybillError('not_found', message);
}

function duplicate({ id, state, run }: Request): WaybillError {
  const message =
    state === 'Submitted'
      ? `Request ${id} for the same data is submitted already. Wait for it, or delete it first.`
      : `Request ${id} holds the same data and is available until ${dateText(run.expiresAt)}. Download it.`;
  return new WaybillError('duplicate_request', message);
}

/** Such as `2026-12-23 21:14:05 UTC`. */
export function dateText(at: Date | null): string {
  return at ? `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC` : 'an unknown date';
}

/** @throws TypeError for a run of another kind of export */
function requestOf(catalog: Catalog, run: Run, now: Date): Request {
  const { order } = run;
  if (!order || !('roundsMax' in order)) throw new TypeError('a request has its own order');
  const dataset = catalog.find(order.dataset);
  const format = Object.entries(REQUEST_FORMATS).find(([, format]) => format === order.format)?.[0];
  return {
    id: run.number,
    realm: dataset ? offeredName(dataset) : order.dataset,
    startDate: order.window.from.slice(0, 10),
    endDate: order.window.to.slice(0, 10),
    format: format === 'JSON' ? 'JSON' : 'CSV',
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
