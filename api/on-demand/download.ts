import type { Context, Handler } from 'hono';
import { type FailureCode, WaybillError } from '../../contracts/failures.ts';
import { type ManifestFile, sumsOf } from '../../contracts/manifest.ts';
import { mediaType } from '../../contracts/order.ts';
import type { ExportState } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import { readStored } from '../../stores/objects/stored-files.ts';
import type { ZipEntry } from '../../streams/zip.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { attachment } from '../http/download.ts';
import { readUnsealed, sendContent, unsealedBytes, wholeFile } from '../runs/content.ts';
import { sendEnvelope } from '../runs/envelope.ts';
import { findRun } from '../runs/find.ts';
import type { Links } from '../runs/links.ts';
import { sendManifest, sendStored } from '../runs/stored-file.ts';
import { zipAfterFirstChunk } from '../runs/zip.ts';
import { exportFile, exportState, fileName, orderOf } from './view.ts';

type DownloadDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'clock'>;

/** A completed export. */
interface Finished extends StoredRun {
  readonly run: Run;
}

/** Answers GET and HEAD of `/exports/{id}/manifest` with the manifest exactly as stored. */
export function manifestHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async (c) => sendManifest(c, await openFinished(c, deps));
}

/** Answers GET of `/exports/{id}/manifest/signature`. */
export function signatureHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async (c) => sendEnvelope(c, deps, await openFinished(c, deps));
}

/** Answers GET of `/exports/{id}/files`. */
export function filesHandler(deps: DownloadDeps & { readonly links: Links }): Handler<ApiEnv> {
  return async function listFiles(c) {
    const { run, manifest } = await openFinished(c, deps);
    const link = deps.links.mint(run);
    c.header('Cache-Control', 'no-store');
    const items = manifest.files.map((file) => exportFile(file, link));
    return c.json({ items, downloadExpiresAt: link?.expiresAt.toISOString() ?? null });
  };
}

/**
 * Answers GET and HEAD of `/exports/{id}/file`: the file, or a zip of several. Audits the start of a download, but not ranges
 * that continue one.
 */
export function fileHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async function sendFile(c) {
    const finished = await openFinished(c, deps);
    const [file, ...others] = finished.manifest.files;
    if (file === undefined) throw new WaybillError('object_damaged');
    return others.length > 0 ? sendAll(c, deps, finished) : sendOne(c, deps, finished, file);
  };
}

/** Answers GET and HEAD of `/exports/{id}/files/{name}`, as {@link fileHandler} does. */
export function namedFileHandler(deps: DownloadDeps): Handler<ApiEnv> {
  return async function sendNamedFile(c) {
    const finished = await openFinished(c, deps);
    const name = c.req.param('name');
    const file = finished.manifest.files.find((candidate) => candidate.file === name);
    if (!file) throw new WaybillError('not_found', 'The export has no such file. GET its files to list them.');
    return sendOne(c, deps, finished, file);
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
  if (stored.manifest.files.some(({ parts, bytes }) => sumsOf(parts).bytes !== bytes)) {
    throw new WaybillError('object_damaged');
  }
  return { ...stored, run };
}

async function sendOne(
  c: Context<ApiEnv>,
  deps: DownloadDeps,
  finished: Finished,
  file: ManifestFile,
): Promise<Response> {
  const privateKey = c.req.header('x-private-key');
  if (privateKey !== undefined) return sendUnsealed(c, deps, finished, file, privateKey);
  return sendStored(c, deps, finished, file, (bytes) =>
    auditCaller(c, deps, 'export.downloaded', finished.run.runId, { ...named(finished, file), bytes, unsealed: false }),
  );
}

/** @returns the file's name for the trail, if it is one of several */
function named({ manifest }: Finished, { file }: ManifestFile): { readonly file?: string } {
  return manifest.files.length > 1 ? { file } : {};
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
  file: ManifestFile,
  privateKey: string,
): Promise<Response> {
  if (finished.manifest.recipients.length === 0) throw new WaybillError('not_sealed');
  const bytes = await unsealedBytes(deps.objects, finished, file, privateKey);
  return sendContent(c, {
    headers: {
      'Content-Type': mediaType({ ...file, recipients: [] }),
      'Content-Disposition': attachment(unsealedName(file)),
      'Cache-Control': 'no-store',
      'Content-Length': String(bytes),
    },
    open: (signal) => readUnsealed(deps.objects, finished, file, { key: privateKey, check: 'chunks' }, signal),
    beforeSend: () =>
      auditCaller(c, deps, 'export.downloaded', finished.run.runId, {
        ...named(finished, file),
        bytes,
        unsealed: true,
      }),
  });
}

function unsealedName({ file }: ManifestFile): string {
  return file.replace(/\.age$/, '');
}

/**
 * Sends all files as a zip that is made on the way, so without ranges; with a private key, they are decrypted in it.
 * @throws WaybillError `not_sealed`; `wrong_key` before any byte is sent
 */
async function sendAll(c: Context<ApiEnv>, { objects, ...deps }: DownloadDeps, finished: Finished): Promise<Response> {
  const { run, manifest } = finished;
  const { files } = manifest;
  const key = c.req.header('x-private-key');
  if (key !== undefined) {
    if (manifest.recipients.length === 0) throw new WaybillError('not_sealed');
    const [first] = files;
    if (first) await unsealedBytes(objects, finished, first, key);
  }
  const modifiedAt = new Date(manifest.snapshotAt);
  const entryOf = (file: ManifestFile, signal: AbortSignal): ZipEntry =>
    key === undefined
      ? {
          ...{ name: file.file, modifiedAt, bytesMax: file.bytes },
          open: () => readStored(objects, finished, file, wholeFile(file), signal),
        }
      : {
          ...{ name: unsealedName(file), modifiedAt, bytesMax: file.bytes },
          open: () => readUnsealed(objects, finished, file, { key, check: 'parts' }, signal),
        };
  return sendContent(c, {
    headers: {
      'Content-Type': 'application/zip',
      'Content-Disposition': attachment(fileName(orderOf(run), files.length)),
      'Cache-Control': 'no-store',
      'Accept-Ranges': 'none',
    },
    open: (signal) =>
      zipAfterFirstChunk(
        files.map((file) => entryOf(file, signal)),
        signal,
      ),
    beforeSend: () =>
      auditCaller(c, deps, 'export.downloaded', run.runId, {
        file: '*',
        bytes: manifest.bytes,
        unsealed: key !== undefined,
      }),
  });
}
