import type { Context, Handler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { type ManifestFile, onlyFile, sumsOf } from '../../contracts/manifest.ts';
import { mediaType } from '../../contracts/order.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { attachment, evaluatePreconditions, parseRange, rangeApplies } from '../http/download.ts';
import {
  entityTag,
  fileTag,
  readStored,
  readUnsealed,
  sendContent,
  unsealedBytes,
  wholeFile,
} from '../runs/content.ts';
import { findRun } from '../runs/find.ts';
import { exportState } from './view.ts';

type DownloadDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'clock'>;

/** A finished export and its only file. */
interface Finished extends StoredRun {
  readonly run: Run;
  readonly file: ManifestFile;
}

/** Answers GET and HEAD of `/exports/{id}/manifest` with the bytes as they are stored. */
export function manifestHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async function sendManifest(c) {
    const { bytes, manifest } = await openFinished(c, deps);
    const etag = entityTag(bytes);
    c.header('ETag', etag);
    c.header('Cache-Control', 'private, no-cache');
    const modifiedAt = new Date(manifest.createdAt);
    if (evaluatePreconditions((name) => c.req.header(name), { etag, modifiedAt }) === 304) return c.body(null, 304);
    c.header('Content-Type', 'application/json');
    c.header('Content-Length', String(bytes.byteLength));
    return c.req.method === 'HEAD' ? c.body(null, 200) : c.body(new Uint8Array(bytes), 200);
  };
}

/** Answers GET and HEAD of `/exports/{id}/file`. The start of a download is audited; a range that continues one is not. */
export function fileHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async function sendFile(c) {
    const finished = await openFinished(c, deps);
    const privateKey = c.req.header('x-private-key');
    return privateKey === undefined ? sendStored(c, deps, finished) : sendUnsealed(c, deps, finished, privateKey);
  };
}

/**
 * @throws WaybillError `not_found`; `not_ready`, `no_file` or `gone` by the export's state; `gone` too while its files are
 *   being removed; `object_damaged`
 */
async function openFinished(c: Context<ApiEnv>, { ledger, objects, clock }: DownloadDeps): Promise<Finished> {
  const run = await findRun(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
  assertHasFile(exportState(run, clock.now()));
  const stored = await openManifest(objects, run);
  if (stored.manifest.files.length !== 1) throw new WaybillError('object_damaged');
  const file = onlyFile(stored.manifest);
  if (sumsOf(file.parts).bytes !== file.bytes) throw new WaybillError('object_damaged');
  return { ...stored, run, file };
}

function assertHasFile(state: ExportState): void {
  switch (state) {
    case 'completed':
      return;
    case 'pending':
    case 'running':
      throw new WaybillError('not_ready');
    case 'failed':
    case 'cancelled':
      throw new WaybillError('no_file');
    case 'expired':
    case 'deleted':
      throw new WaybillError('gone');
  }
}

/** Sends the file as it is stored: whole, one range of it, or what the conditions ask. */
function sendStored(c: Context<ApiEnv>, deps: DownloadDeps, finished: Finished): Promise<Response> | Response {
  const { manifest, file } = finished;
  const modifiedAt = new Date(Math.floor(new Date(manifest.createdAt).getTime() / 1000) * 1000);
  const validators = { etag: fileTag(file), modifiedAt };
  const header = (name: string) => c.req.header(name);
  c.header('ETag', validators.etag);
  c.header('Last-Modified', modifiedAt.toUTCString());
  c.header('Accept-Ranges', 'bytes');
  c.header('Cache-Control', 'private, no-cache');

  const status = evaluatePreconditions(header, validators);
  if (status === 412) throw new WaybillError('precondition_failed');
  if (status === 304) return c.body(null, 304);

  // Range is defined for GET alone (RFC 9110 section 14.2): HEAD describes the whole file.
  const isRanged = c.req.method === 'GET' && rangeApplies(header, validators);
  const asked = isRanged ? parseRange(c.req.header('range'), file.bytes) : undefined;
  if (asked === 'unsatisfiable') {
    c.header('Content-Range', `bytes */${file.bytes}`);
    throw new WaybillError('range_not_satisfiable');
  }
  const range = asked ?? wholeFile(file);
  const last = range.from + range.length - 1;
  return sendContent(c, {
    status: asked ? 206 : 200,
    headers: {
      'Content-Type': mediaType({ ...file, recipients: manifest.recipients }),
      'Content-Disposition': attachment(file.file),
      'Content-Length': String(range.length),
      ...(asked && { 'Content-Range': `bytes ${range.from}-${last}/${file.bytes}` }),
    },
    open: (signal) => readStored(deps.objects, finished, file, range, signal),
    beforeSend: async () => {
      if (range.from === 0) await audit(c, deps, finished, { bytes: range.length, unsealed: false });
    },
  });
}

/**
 * Sends a sealed file with its content opened on the way; it stays compressed. No ranges: age is read from its start.
 *
 * @param privateKey age identity; used here and kept nowhere
 * @throws WaybillError `not_sealed`; `wrong_key` before any byte is sent
 */
async function sendUnsealed(
  c: Context<ApiEnv>,
  deps: DownloadDeps,
  finished: Finished,
  privateKey: string,
): Promise<Response> {
  const { manifest, file } = finished;
  if (manifest.recipients.length === 0) throw new WaybillError('not_sealed');
  const bytes = await unsealedBytes(deps.objects, finished, file, privateKey);
  return sendContent(c, {
    headers: {
      'Content-Type': mediaType({ ...file, recipients: [] }),
      'Content-Disposition': attachment(file.file.replace(/\.age$/, '')),
      'Cache-Control': 'no-store',
      'Content-Length': String(bytes),
    },
    open: (signal) => readUnsealed(deps.objects, finished, file, { key: privateKey, check: 'chunks' }, signal),
    beforeSend: () => audit(c, deps, finished, { bytes, unsealed: true }),
  });
}

function audit(
  c: Context<ApiEnv>,
  { ledger }: DownloadDeps,
  { run: { tenant, runId } }: Finished,
  detail: { readonly bytes: number; readonly unsealed: boolean },
): Promise<void> {
  return ledger.audit.append({ tenant, actor: c.get('caller').actor, action: 'export.downloaded', runId, detail });
}
