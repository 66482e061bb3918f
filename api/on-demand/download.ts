import type { Context, Handler } from 'hono';
import { type FailureCode, WaybillError } from '../../contracts/failures.ts';
import { type ManifestFile, onlyFile, sumsOf } from '../../contracts/manifest.ts';
import { mediaType } from '../../contracts/order.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { attachment } from '../http/download.ts';
import { readUnsealed, sendContent, unsealedBytes } from '../runs/content.ts';
import { sendEnvelope } from '../runs/envelope.ts';
import { findRun } from '../runs/find.ts';
import { sendManifest, sendStored } from '../runs/stored-file.ts';
import { exportState } from './view.ts';

type DownloadDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'clock'>;

/** A completed export and its only file. */
interface Finished extends StoredRun {
  readonly run: Run;
  readonly file: ManifestFile;
}

/** Answers GET and HEAD of `/exports/{id}/manifest` with the manifest exactly as stored. */
export function manifestHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async (c) => sendManifest(c, await openFinished(c, deps));
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
    if (privateKey !== undefined) return sendUnsealed(c, deps, finished, privateKey);
    return sendStored(c, deps, finished, finished.file, (bytes) =>
      auditCaller(c, deps, 'export.downloaded', finished.run.runId, { bytes, unsealed: false }),
    );
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
