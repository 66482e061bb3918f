import type { Context, Handler } from 'hono';
import { FAILURES } from '../../contracts/failures.ts';
import { isActive } from '../../contracts/progress.ts';
import type { AuditAction } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { type CloseLostRun, findRun } from '../runs/find.ts';
import type { Links } from '../runs/links.ts';
import type { ProgressReader } from '../runs/progress.ts';
import { cancelRun, removeFiles } from '../runs/remove.ts';
import { exportView, jobStatus, LIMIT_DEFAULT, readLimit, readStates } from './view.ts';

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

type RemoveDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal'>;

const CANCELLED = `${FAILURES.cancelled.title}. ${FAILURES.cancelled.advice}`;

/** Answers `DELETE /exports/{id}`: cancels what runs, deletes the files of what has ended. Repeating it is harmless. */
export function removeHandler(deps: RemoveDeps): Handler<ApiEnv> {
  return async function removeExport(c) {
    const found = await findRun(deps.ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    const run = isActive(found.state) ? await cancelRun(deps, found, { waitMs: 0, message: CANCELLED }) : found;
    if (run === 'ending' || run === 'cancelled') {
      await audit(c, deps, 'export.cancelled', found.runId);
      return c.body(null, 202);
    }
    await removeFiles(deps, run, 'deleted');
    // One that failed or was cancelled had no files to lose.
    if (run.state === 'completed' && run.removal === null) await audit(c, deps, 'export.deleted', run.runId);
    return c.body(null, 204);
  };
}

/** Answers `DELETE /exports/{id}/links`. */
export function revokeHandler({ ledger }: Pick<RemoveDeps, 'ledger'>): Handler<ApiEnv> {
  return async function revokeLinks(c) {
    const { runId } = await findRun(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    await ledger.runs.revokeLinks(runId);
    await audit(c, { ledger }, 'export.links_revoked', runId);
    return c.body(null, 204);
  };
}

function audit(
  c: Context<ApiEnv>,
  { ledger }: Pick<RemoveDeps, 'ledger'>,
  action: AuditAction,
  runId: string,
): Promise<void> {
  const { tenant, actor } = c.get('caller');
  return ledger.audit.append({ tenant: tenant.key, actor, action, runId, detail: {} });
}
