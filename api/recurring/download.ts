import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { assertDataset } from '../../contracts/limits.ts';
import { runStatus } from '../../contracts/run.ts';
import { openManifest, type StoredRun } from '../../stores/objects/manifests.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { shown } from '../http/requests.ts';
import type { RouteAnswer } from '../openapi.ts';
import { sendEnvelope } from '../runs/envelope.ts';
import { sendManifest, sendStored } from '../runs/stored-file.ts';
import type { runFile, runManifest, runSignature } from './download-routes.ts';
import { findDelivered } from './find.ts';

type DownloadDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'clock'>;

/** Answers GET and HEAD with what a run of the caller has delivered. @throws WaybillError `not_found`, `gone`, `object_damaged` */
export interface RecurringDownloads {
  manifest(c: Context<ApiEnv>, id: string): Promise<Response>;
  signature(c: Context<ApiEnv>, id: string): Promise<Response>;
  /** Audits like the SFTP gateway. @param name of the file in the manifest */
  file(c: Context<ApiEnv>, id: string, name: string): Promise<Response>;
}

export function recurringDownloads(deps: DownloadDeps): RecurringDownloads {
  return {
    manifest: async (c, id) => sendManifest(c, await openDelivered(c, deps, id)),
    signature: async (c, id) => sendEnvelope(c, deps, await openDelivered(c, deps, id)),
    async file(c, id, name) {
      const stored = await openDelivered(c, deps, id);
      const file = stored.manifest.files.find((candidate) => candidate.file === name);
      if (!file) throw new WaybillError('not_found', `The run has no file "${shown(name)}". Its manifest lists them.`);
      assertDataset(c.get('caller').limits, file.dataset);
      return sendStored(c, deps, stored, file, () =>
        auditCaller(c, deps, 'recurring.downloaded', stored.manifest.runId, { file: file.file, via: 'http' }),
      );
    },
  };
}

/** Answers GET and HEAD of `/export/runs/{id}/manifest`. */
export function manifestHandler(downloads: RecurringDownloads): RouteAnswer<typeof runManifest> {
  return (c) => downloads.manifest(c, c.req.valid('param').id);
}

/** Answers GET of `/export/runs/{id}/manifest/signature`. */
export function signatureHandler(downloads: RecurringDownloads): RouteAnswer<typeof runSignature> {
  return (c) => downloads.signature(c, c.req.valid('param').id);
}

/** Answers GET and HEAD of `/export/runs/{id}/files/{file}`. */
export function fileHandler(downloads: RecurringDownloads): RouteAnswer<typeof runFile> {
  return function sendFile(c) {
    const { id, file } = c.req.valid('param');
    return downloads.file(c, id, file);
  };
}

/**
 * Files of a replaced run stay readable until they are removed, so that a download of them can end.
 *
 * @throws WaybillError `not_found`, `gone`, `object_damaged`
 */
async function openDelivered(c: Context<ApiEnv>, deps: DownloadDeps, id: string): Promise<StoredRun> {
  const run = await findDelivered(c, deps, id);
  if (runStatus(run, deps.clock.now()) !== 'completed') throw new WaybillError('gone', GONE);
  return openManifest(deps.objects, run);
}

const GONE = 'The files of this run are gone: they have expired, or a later run of the day has replaced them.';
