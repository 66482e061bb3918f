import type { Context, Handler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { encodeJobId } from '../../contracts/job-id.ts';
import { assertDataset } from '../../contracts/limits.ts';
import type { AuditAction, Run } from '../../stores/ledger/ports.ts';
import type { WorkflowRun } from '../../stores/temporal/temporal.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { assertValid } from '../http/field-errors.ts';
import { readJson } from '../http/requests.ts';
import { readFilter } from '../runs/filter.ts';
import { findRun } from '../runs/find.ts';
import { onceFor } from '../runs/idempotency.ts';
import type { NamedOrder, Submit } from '../runs/submit.ts';
import { addCallback, checkCallback } from './callback.ts';
import { nameOrder, parseOrder } from './order.ts';
import { offeredDatasets } from './parameters.ts';
import { orderOf } from './view.ts';

/** Seconds until a polling client should send its first request. */
const POLL_SECONDS = 2;

interface CreateDeps extends Pick<ApiDeps, 'settings' | 'catalog' | 'ledger' | 'webhooks' | 'temporal' | 'logger'> {
  readonly submit: Submit;
}

/** Answers `POST /exports`. */
export function createHandler(deps: CreateDeps): Handler<ApiEnv> {
  return async function createExport(c) {
    const { tenant, limits } = c.get('caller');
    const rules = { catalog: deps.catalog, keepDaysMax: deps.settings.WAYBILL_KEEP_DAYS, limits };
    const body = await readJson(c, deps.settings.WAYBILL_BODY_BYTES_MAX);
    const { callbackUrl, ...named } = parseOrder(body, tenant.key, rules);
    if (callbackUrl !== undefined) await checkCallback(deps, tenant.key, callbackUrl);
    const key = c.req.header('idempotency-key');
    const submit = (attemptedAt: Date | null) => deps.submit(tenant, named, attemptedAt);
    const once = { ledger: deps.ledger, logger: c.get('logger') };
    const run = key === undefined ? await submit(null) : await onceFor(once, tenant.key, key.trim(), named, submit);
    if (callbackUrl !== undefined) await addCallback(deps, tenant.key, run, callbackUrl);
    await auditOrder(c, deps, run, 'export.requested', named);
    return accept(c, deps, run);
  };
}

/** Answers `POST /exports/{id}/resubmit`. */
export function resubmitHandler(deps: CreateDeps): Handler<ApiEnv> {
  return async function resubmitExport(c) {
    return accept(c, deps, await resubmit(c, deps, await findRun(c, deps)));
  };
}

/** Orders the same once more. @throws WaybillError `unknown_dataset`; InvalidFields if the catalog no longer allows the filter; and like {@link Submit} */
export async function resubmit(c: Context<ApiEnv>, deps: CreateDeps, run: Run): Promise<WorkflowRun> {
  const order = orderOf(run);
  assertDataset(c.get('caller').limits, order.dataset);
  const dataset = offeredDatasets(deps.catalog).find(({ name }) => name === order.dataset);
  if (!dataset) throw new WaybillError('unknown_dataset', `${order.dataset} is no longer offered.`);
  assertValid(readFilter([...(order.filter ?? [])], dataset).errors);
  const keepDaysMax = deps.settings.WAYBILL_KEEP_DAYS;
  const named = nameOrder({ ...order, keepDays: Math.min(order.keepDays, keepDaysMax) }, { keepDaysMax });
  const again = await deps.submit(c.get('caller').tenant, named, null);
  await auditOrder(c, deps, again, 'export.resubmitted', named);
  return again;
}

/** Audits who has ordered an export. Only logs if that fails: the export has started. */
export async function auditOrder(
  c: Context<ApiEnv>,
  deps: Pick<CreateDeps, 'ledger'>,
  { runId }: WorkflowRun,
  action: AuditAction,
  { order }: NamedOrder,
): Promise<void> {
  try {
    await auditCaller(c, deps, action, runId, { dataset: order.dataset, format: order.format });
  } catch (error) {
    c.get('logger').error({ err: error, runId }, 'a request could not be audited');
  }
}

function accept(c: Context<ApiEnv>, { settings }: CreateDeps, run: WorkflowRun): Response {
  c.header('Location', `${settings.WAYBILL_PUBLIC_URL}/exports/${run.runId}`);
  c.header('Retry-After', String(POLL_SECONDS));
  c.header('Cache-Control', 'no-store');
  return c.json({ job: { id: encodeJobId(run) } }, 202);
}
