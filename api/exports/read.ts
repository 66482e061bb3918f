import type { Context, Handler } from 'hono';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { evaluatePreconditions } from '../http/download.ts';
import type { ProgressReader } from '../runs/progress.ts';
import type { SettleCutRun } from './cut-runs.ts';
import type { Links } from './links.ts';
import { LIMIT_DEFAULT, readLimit, readStates } from './list-query.ts';
import { locateExport } from './locate.ts';
import { bytesTag, openManifest } from './stored-manifest.ts';
import { exportView, jobStatus } from './view.ts';

export interface ReadDeps extends Pick<ApiDeps, 'settings' | 'ledger' | 'objects' | 'clock'> {
  readonly links: Links;
  readonly progress: ProgressReader;
  readonly settleCutRun: SettleCutRun;
}

/** Answers `GET /exports`: one job with `id`, else a page of exports. */
export function listHandler(deps: ReadDeps): Handler<ApiEnv> {
  const { ledger, links, settleCutRun, clock } = deps;
  return async function listExports(c) {
    c.header('Cache-Control', 'no-store');
    const id = c.req.query('id');
    if (id === undefined) return listPage(c, deps);
    const record = await settleCutRun(await locateExport(ledger, c.get('caller').tenant.key, id));
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
export function showHandler({ ledger, links, progress, settleCutRun, clock }: ReadDeps): Handler<ApiEnv> {
  return async function showExport(c) {
    c.header('Cache-Control', 'no-store');
    const found = await locateExport(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    const record = await settleCutRun(found);
    return c.json(exportView(record, await progress.read(record), links.mint(record), clock.now()));
  };
}

/** Answers `GET /exports/{id}/manifest` with the bytes as they are stored. */
export function manifestHandler({ ledger, objects, clock }: ReadDeps): Handler<ApiEnv> {
  return async function sendManifest(c) {
    const record = await locateExport(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    const { bytes, manifest } = await openManifest(objects, record, clock.now());
    const etag = bytesTag(bytes);
    c.header('ETag', etag);
    c.header('Cache-Control', 'private, no-cache');
    const modifiedAt = new Date(manifest.createdAt);
    if (evaluatePreconditions((name) => c.req.header(name), { etag, modifiedAt }) === 304) return c.body(null, 304);
    c.header('Content-Type', 'application/json');
    c.header('Content-Length', String(bytes.byteLength));
    return c.req.method === 'HEAD' ? c.body(null, 200) : c.body(new Uint8Array(bytes), 200);
  };
}
