import { randomUUID } from 'node:crypto';
import { nextBatch } from '../../config/batch-times.ts';
import { offeredName } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { assertDataset, type Limits, mayUseDataset } from '../../contracts/limits.ts';
import { CSV_PRESETS } from '../../contracts/order.ts';
import { isActive } from '../../contracts/progress.ts';
import { REQUESTS, type RequestFormat, type RequestState, requestName } from '../../contracts/requests.ts';
import type { RequestForm } from '../../contracts/views/requests.ts';
import type { RequestedRun, Run, Tenant } from '../../stores/ledger/ports.ts';
import { requestSeries } from '../../stores/ledger/request-series.ts';
import type { ApiDeps } from '../deps.ts';
import { removeFiles } from '../runs/remove.ts';
import { offeredFormats, offeredRealms, requestOrder } from './order.ts';
import { dateText, type Request, requestOf } from './view.ts';

/** A data set that can be requested. */
export interface Realm {
  readonly id: string;
  readonly title: string;
  readonly formats: readonly RequestFormat[];
  readonly fields: readonly {
    readonly name: string;
    readonly header: string;
    readonly anonymize: boolean;
    /** Empty: there is none. */
    readonly documentation: string;
  }[];
}

/** Who asks. */
export interface Requester {
  readonly tenant: Tenant;
  readonly actor: string;
  readonly limits: Limits;
}

/** Requests by their state. */
export interface RequestCounts {
  readonly byState: Readonly<Record<RequestState, number>>;
  readonly all: number;
  /** Whether there are more requests, older ones, than were counted. */
  readonly isCapped: boolean;
}

/** Requests that are counted at most: a page asks every second. */
const COUNTED_MAX = 10_000;

/** What callers can do with requests, through whatever interface. Errors besides: those of the ledger, and of Temporal. */
export interface Requests {
  /** Those that the limits allow. */
  realms(limits: Limits): readonly Realm[];
  /** @throws InvalidFields; DuplicateRequest; WaybillError `outside_limits` */
  create(requester: Requester, form: RequestForm): Promise<Request>;
  /** Requests the same data again. @throws as `create`; WaybillError `not_found` */
  resubmit(requester: Requester, id: number): Promise<Request>;
  /**
   * Newest first.
   * @param page.before only ids below this one; `null`: from the newest
   * @param page.state only those in this state
   * @returns `next`: `before` of the next page; `null`: there is none
   */
  list(
    requester: Pick<Requester, 'tenant' | 'limits'>,
    page: { readonly before: number | null; readonly limit: number; readonly state?: RequestState | undefined },
  ): Promise<{ readonly requests: readonly Request[]; readonly next: number | null }>;
  count(requester: Pick<Requester, 'tenant' | 'limits'>): Promise<RequestCounts>;
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

  async function create({ tenant, actor, limits }: Requester, form: RequestForm): Promise<Request> {
    const now = clock.now();
    const keepDays = tenant.requestKeepDays ?? settings.WAYBILL_REQUESTS_KEEP_DAYS;
    const order = requestOrder(form, tenant.key, { catalog, keepDays, now });
    assertDataset(limits, order.dataset);
    const series = requestSeries(order);
    const same = await ledger.requests.findSame(tenant.key, series, now);
    if (same) throw new DuplicateRequest(view(same));
    const startsAt = nextBatch(settings.WAYBILL_REQUESTS_SCHEDULE, settings.WAYBILL_REQUESTS_TIME_ZONE, now);
    const workflowId = `data-request|tenantKey:${tenant.key}|type:${order.dataset.toLowerCase()}|${randomUUID()}`;
    const run = { workflowId, order, series, requestedBy: actor, requestedAt: now, startsAt };
    const runId = await start(run);
    const { run: recorded, submitted } = await ledger.requests.submit({ ...run, runId }, now);
    if (!submitted) {
      await temporal.cancel({ workflowId, runId }, 0);
      throw new DuplicateRequest(view(recorded));
    }
    return view(recorded);
  }

  return {
    realms: (limits) =>
      offeredRealms(catalog)
        .filter(({ name }) => mayUseDataset(limits, name))
        .map((dataset) => ({
          id: offeredName(dataset),
          title: dataset.title,
          formats: offeredFormats(dataset),
          fields: dataset.columns.map(({ name, header, label, anonymizedFrom }) => ({
            ...{ name, header, documentation: label ?? '' },
            anonymize: anonymizedFrom !== undefined,
          })),
        })),

    create,

    async resubmit(requester, id) {
      const run = await ledger.requests.find(requester.tenant.key, id);
      if (!run) throw notFound([id]);
      return create(requester, formOf(view(run)));
    },

    async list({ tenant, limits }, { before, limit, state }) {
      const only = state && { state, now: clock.now() };
      const rows = await ledger.requests.list(tenant.key, {
        ...{ before, limit: limit + 1, only, subjects: limits.datasets },
      });
      const requests = rows.slice(0, limit).map(view);
      return { requests, next: rows.length > limit ? (requests.at(-1)?.id ?? null) : null };
    },

    async count({ tenant, limits }) {
      const byState = await ledger.requests.count(tenant.key, {
        ...{ now: clock.now(), limit: COUNTED_MAX, subjects: limits.datasets },
      });
      const all = Object.values(byState).reduce((sum, count) => sum + count, 0);
      return { byState, all, isCapped: all === COUNTED_MAX };
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

/** The same data is Submitted or Available already. */
export class DuplicateRequest extends WaybillError {
  readonly request: Request;

  constructor(request: Request) {
    const { id, state, run } = request;
    super(
      'duplicate_request',
      state === 'Submitted'
        ? `Request ${id} for the same data is submitted already. Wait for it, or delete it first.`
        : `Request ${id} holds the same data and is available until ${dateText(run.expiresAt)}. Download it.`,
    );
    this.request = request;
  }
}

/** @returns the form that makes the same request */
function formOf({ realm, startDate, endDate, format, order }: Request): RequestForm {
  return {
    ...{ realm, start_date: startDate, end_date: endDate, format },
    filter: [...(order.filter ?? [])].map((condition) => ({ ...condition })),
    // The only options that a request has.
    ...(order.csv.delimiter === CSV_PRESETS.excel.delimiter && { csv_preset: 'excel' as const }),
    time_zone: order.timeZone ?? 'UTC',
  };
}
