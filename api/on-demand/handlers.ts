import type { Context, Handler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { encodeJobId } from '../../contracts/job-id.ts';
import type { AuditAction } from '../../stores/ledger/ports.ts';
import type { WorkflowRun } from '../../stores/temporal/temporal.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { readJson } from '../http/requests.ts';
import { type CloseLostRun, findRun } from '../runs/find.ts';
import { onceFor } from '../runs/idempotency.ts';
import type { Links } from '../runs/links.ts';
import type { ProgressReader } from '../runs/progress.ts';
import type { NamedOrder, Submit } from '../runs/submit.ts';
import { nameOrder, parseOrder } from './order.ts';
import { offeredDatasets } from './parameters.ts';
import { exportView, jobStatus, LIMIT_DEFAULT, orderOf, readLimit, readStates } from './view.ts';

/** Seconds after which a client that polls should ask for the first time. */
const POLL_SECONDS = 2;

interface CreateDeps extends Pick<ApiDeps, 'settings' | 'catalog' | 'ledger'> {
  readonly submit: Submit;
}

/** Answers `POST /exports`. */
export function createHandler(deps: CreateDeps): Handler<ApiEnv> {
  const rules = { catalog: deps.catalog, keepDaysMax: deps.settings.WAYBILL_KEEP_DAYS };
  return async function createExport(c) {
    const { tenant } = c.get('caller');
    const body = await readJson(c, deps.settings.WAYBILL_BODY_BYTES_MAX);
    const named = parseOrder(body, tenant.key, rules);
    const key = c.req.header('idempotency-key');
    const submit = (attemptedAt: Date | null) => deps.submit(tenant, named, attemptedAt);
    const once = { ledger: deps.ledger, logger: c.get('logger') };
    const run = key === undefined ? await submit(null) : await onceFor(once, tenant.key, key.trim(), named, submit);
    return accept(c, deps, run, 'export.requested', named);
  };
}

/** Answers `POST /exports/{id}/resubmit`. */
export function resubmitHandler(deps: CreateDeps): Handler<ApiEnv> {
  return async function resubmitExport(c) {
    const { tenant } = c.get('caller');
    const order = orderOf(await findRun(deps.ledger, tenant.key, c.req.param('id') ?? ''));
    if (!offeredDatasets(deps.catalog).some(({ name }) => name === order.dataset)) {
      throw new WaybillError('unknown_dataset', `${order.dataset} is not offered any more.`);
    }
    const keepDaysMax = deps.settings.WAYBILL_KEEP_DAYS;
    const named = nameOrder({ ...order, keepDays: Math.min(order.keepDays, keepDaysMax) }, { keepDaysMax });
    const run = await deps.submit(tenant, named, null);
    return accept(c, deps, run, 'export.resubmitted', named);
  };
}

async function accept(
  c: Context<ApiEnv>,
  { ledger, settings }: CreateDeps,
  run: WorkflowRun,
  action: AuditAction,
  { order }: NamedOrder,
): Promise<Response> {
  const { tenant, actor } = c.get('caller');
  try {
    await ledger.audit.append({
      tenant: tenant.key,
      actor,
      action,
      runId: run.runId,
      detail: { dataset: order.dataset, format: order.format },
    });
  } catch (error) {
    // The export runs: saying that it failed would be untrue.
    c.get('logger').error({ err: error, runId: run.runId }, 'a request could not be audited');
  }
  c.header('Location', `${settings.WAYBILL_PUBLIC_URL}/exports/${run.runId}`);
  c.header('Retry-After', String(POLL_SECONDS));
  c.header('Cache-Control', 'no-store');
  return c.json({ job: { id: encodeJobId(run) } }, 202);
}

interface ReadDeps extends Pick<ApiDeps, 'settings' | 'ledger' | 'clock'> {
  readonly links: Links;
  readonly progress: ProgressReader;
  readonly closeLostRun: CloseLostRun;
}

/** Answers `GET /exports`: one job with `id`, else a page of exports. */
export function listHandler(deps: ReadDeps): Handler<ApiEnv> {
  const { ledger, links, closeLostRun, clock } = deps;
  return async function listExports(c) {
    c.header('Cache-Control', 'no-store');
    const id = c.req.query('id');
    if (id === undefined) return listPage(c, deps);
    const record = await closeLostRun(await findRun(ledger, c.get('caller').tenant.key, id));
    return c.json(jobStatus(record, links.mint(record), clock.now()));
  };
}

async function listPage(c: Context<ApiEnv>, { ledger, progress, settings, clock }: ReadDeps): Promise<Response> {
  const { status, dataset, cursor, limit } = c.req.query();
  const now = clock.now();
  const filter = {
    kind: 'on-demand' as const,
    ...(status !== undefined && { statuses: { anyOf: readStates(status), now } }),
    ...(dataset !== undefined && { subject: dataset }),
  };
  const page = await ledger.runs.list(c.get('caller').tenant.key, filter, {
    cursor: cursor ?? null,
    limit: limit === undefined ? LIMIT_DEFAULT : readLimit(limit),
  });
  if (page.next !== null) {
    const query = new URLSearchParams({
      ...(status !== undefined && { status }),
      ...(dataset !== undefined && { dataset }),
      ...(limit !== undefined && { limit }),
      cursor: page.next,
    });
    c.header('Link', `<${settings.WAYBILL_PUBLIC_URL}/exports?${query}>; rel="next"`);
  }
  const items = page.rows.map((record) => exportView(record, progress.recall(record), null, now));
  return c.json({ items, next: page.next });
}

/** Answers `GET /exports/{id}`. */
export function showHandler({ ledger, links, progress, closeLostRun, clock }: ReadDeps): Handler<ApiEnv> {
  return async function showExport(c) {
    c.header('Cache-Control', 'no-store');
    const found = await findRun(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    const record = await closeLostRun(found);
    return c.json(exportView(record, await progress.read(record), links.mint(record), clock.now()));
  };
}
