import type { Context, Handler } from 'hono';
import { type FailureCode, WaybillError } from '../../contracts/failures.ts';
import { type ManifestFile, onlyFile, sumsOf } from '../../contracts/manifest.ts';
import { mediaType } from '../../contracts/order.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import { readStored } from '../../stores/objects/stored-files.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { attachment, evaluatePreconditions, parseRange, rangeApplies } from '../http/download.ts';
import { entityTag, fileTag, readUnsealed, sendContent, unsealedBytes, wholeFile } from '../runs/content.ts';
import { sendEnvelope } from '../runs/envelope.ts';
import { findRun } from '../runs/find.ts';
import { exportState } from './view.ts';

type DownloadDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'clock'>;

/** A completed export and its only file. */
interface Finished extends StoredRun {
  readonly run: Run;
  readonly file: ManifestFile;
}

/** Answers GET and HEAD of `/exports/{id}/manifest` with the manifest exactly as stored. */
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

/** Answers GET of `/exports/{id}/manifest/signature`. */
export function signatureHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async (c) => sendEnvelope(c, deps, await openFinished(c, deps));
}

/** Answers GET and HEAD of `/exports/{id}/file`. Audits the start of a download, but not ranges that continue one. */
export function fileHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async function sendFile(c) {
    const finished = await openFinished(c, deps);
    const privateKey = c.req.header('x-private-key');
    return privateKey === undefined ? sendStored(c, deps, finished) : sendUnsealed(c, deps, finished, privateKey);
  };
}

const NO_FILE: Readonly<Record<Exclude<ExportState, 'completed'>, FailureCode>> = {
  pending: 'not_ready',
  running: 'not_ready',
  failed: 'no_file',
  cancelled: 'no_file',
  expired: 'gone',
  deleted: 'gone',
};

/**
 * @throws WaybillError `not_found`; `not_ready`, `no_file` or `gone` by the export's state; `gone` also while its files are
 *   being removed; `object_damaged`
 */
async function openFinished(c: Context<ApiEnv>, deps: DownloadDeps): Promise<Finished> {
  const run = await findRun(c, deps);
  const state = exportState(run, deps.clock.now());
  if (state !== 'completed') throw new WaybillError(NO_FILE[state]);
  const stored = await openManifest(deps.objects, run);
  if (stored.manifest.files.length !== 1) throw new WaybillError('object_damaged');
  const file = onlyFile(stored.manifest);
  if (sumsOf(file.parts).bytes !== file.bytes) throw new WaybillError('object_damaged');
  return { ...stored, run, file };
}

/** Sends the stored file or one range of it, subject to the preconditions. */
function sendStored(c: Context<ApiEnv>, deps: DownloadDeps, finished: Finished): Promise<Response> | Response {
  const { manifest, file } = finished;
  const { runId } = finished.run;
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

  // Range is only defined for GET (RFC 9110 section 14.2): HEAD describes the whole file.
  const isRanged = c.req.method === 'GET' && rangeApplies(header, validators);
  const requested = isRanged ? parseRange(c.req.header('range'), file.bytes) : undefined;
  if (requested === 'unsatisfiable') {
    c.header('Content-Range', `bytes */${file.bytes}`);
    throw new WaybillError('range_not_satisfiable');
  }
  const range = requested ?? wholeFile(file);
  const last = range.from + range.length - 1;
  return sendContent(c, {
    status: requested ? 206 : 200,
    headers: {
      'Content-Type': mediaType({ ...file, recipients: manifest.recipients }),
      'Content-Disposition': attachment(file.file),
      'Content-Length': String(range.length),
      ...(requested && { 'Content-Range': `bytes ${range.from}-${last}/${file.bytes}` }),
    },
    open: (signal) => readStored(deps.objects, finished, file, range, signal),
    beforeSend: async () => {
      if (range.from > 0) return;
      await auditCaller(c, deps, 'export.downloaded', runId, { bytes: range.length, unsealed: false });
    },
  });
}

/**
 * Decrypts a sealed file while sending it; the content stays compressed. Ranges are not supported, because age files can
 * only be decrypted from the start.
 *
 * @param privateKey age identity; used for this response only and not stored
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
    beforeSend: () => auditCaller(c, deps, 'export.downloaded', finished.run.runId, { bytes, unsealed: true }),
  });
}
