import type { Context, Handler } from 'hono';
import { FAILURES } from '../../contracts/failures.ts';
import { isActive } from '../../contracts/progress.ts';
import { type ApiDeps, type ApiEnv, auditCaller, callerEntry } from '../deps.ts';
import { type CloseLostRun, findRun } from '../runs/find.ts';
import type { Links } from '../runs/links.ts';
import type { ProgressReader } from '../runs/progress.ts';
import { cancelRun, removeFiles } from '../runs/remove.ts';
import { exportView, jobStatus, LIMIT_DEFAULT, readDataset, readLimit, readStates } from './view.ts';

interface ReadDeps extends Pick<ApiDeps, 'settings' | 'catalog' | 'ledger' | 'clock'> {
  readonly links: Links;
  readonly progress: ProgressReader;
  readonly closeLostRun: CloseLostRun;
}

/** Answers `GET /exports`: one job if there is an `id`, otherwise a page of exports. */
export function listHandler(deps: ReadDeps): Handler<ApiEnv> {
  const { links, closeLostRun, clock } = deps;
  return async function listExports(c) {
    c.header('Cache-Control', 'no-store');
    const id = c.req.query('id');
    if (id === undefined) return listPage(c, deps);
    const run = await closeLostRun(await findRun(c, deps, id));
    return c.json(jobStatus(run, links.mint(run), clock.now()));
  };
}

async function listPage(
  c: Context<ApiEnv>,
  { catalog, ledger, progress, settings, clock }: ReadDeps,
): Promise<Response> {
  const { status, dataset, cursor, limit } = c.req.query();
  const now = clock.now();
  const filter = {
    kind: 'on-demand' as const,
    ...(status !== undefined && { statuses: { anyOf: readStates(status), now } }),
    ...(dataset !== undefined && { subject: readDataset(catalog, dataset) }),
  };
  const { tenant, limits } = c.get('caller');
  const page = await ledger.runs.list(
    tenant.key,
    { ...filter, subjects: limits.datasets },
    {
      cursor: cursor ?? null,
      limit: limit === undefined ? LIMIT_DEFAULT : readLimit(limit),
    },
  );
  if (page.next !== null) {
    const query = new URLSearchParams({
      ...(status !== undefined && { status }),
      ...(dataset !== undefined && { dataset }),
      ...(limit !== undefined && { limit }),
      cursor: page.next,
    });
    c.header('Link', `<${settings.WAYBILL_PUBLIC_URL}/exports?${query}>; rel="next"`);
  }
  const items = page.rows.map((run) => exportView(run, progress.recall(run), null, now));
  return c.json({ items, next: page.next });
}

/** Answers `GET /exports/{id}`. */
export function showHandler(deps: ReadDeps): Handler<ApiEnv> {
  const { links, progress, closeLostRun, clock } = deps;
  return async function showExport(c) {
    c.header('Cache-Control', 'no-store');
    const run = await closeLostRun(await findRun(c, deps));
    return c.json(exportView(run, await progress.read(run), links.mint(run), clock.now()));
  };
}

type RemoveDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal'>;

const CANCELLED = `${FAILURES.cancelled.title}. ${FAILURES.cancelled.advice}`;

/** Answers `DELETE /exports/{id}`: cancels an active export, or deletes the files of an ended one. Idempotent. */
export function removeHandler(deps: RemoveDeps): Handler<ApiEnv> {
  return async function removeExport(c) {
    const found = await findRun(c, deps);
    const run = isActive(found.state) ? await cancelRun(deps, found, { waitMs: 0, message: CANCELLED }) : found;
    if (run === 'ending' || run === 'cancelled') {
      await auditCaller(c, deps, 'export.cancelled', found.runId);
      return c.body(null, 202);
    }
    await removeFiles(deps, run, 'deleted', callerEntry(c, 'export.deleted', run.runId));
    return c.body(null, 204);
  };
}

/** Answers `DELETE /exports/{id}/links`. */
export function revokeHandler(deps: Pick<RemoveDeps, 'ledger'>): Handler<ApiEnv> {
  return async function revokeLinks(c) {
    const { runId } = await findRun(c, deps);
    await deps.ledger.runs.revokeLinks(runId);
    await auditCaller(c, deps, 'export.links_revoked', runId);
    return c.body(null, 204);
  };
}
