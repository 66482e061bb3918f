import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { Manifest, ManifestFile } from '../../contracts/manifest.ts';
import { type FileType, PERIODIC, periodicFormat } from '../../contracts/periodic.ts';
import { GENERATION_HEADER, SNAPSHOT_HEADER } from '../../contracts/views/periodic.ts';
import { readStored } from '../../stores/objects/stored-files.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { attachment } from '../http/download.ts';
import type { RouteAnswer } from '../openapi.ts';
import { readUnsealed, sendContent, wholeFile } from '../runs/content.ts';
import { type Decryption, type DownloadGrant, notProduced, withCurrentRun } from '../runs/current.ts';
import { sendEnvelope } from '../runs/envelope.ts';
import { zipAfterFirstChunk } from '../runs/zip.ts';
import { assertFile, assertOwn, type DownloadQuery, type KeyHeader, offeredFiles } from './input.ts';
import type { downloadAllPeriodic, downloadPeriodic, periodicManifest, periodicSignature } from './routes.ts';

type DownloadDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'catalog'>;
type KeyRule = Pick<ApiDeps['settings'], 'WAYBILL_PRIVATE_KEY_IN_QUERY'>;

/** How files are asked for. */
export interface DownloadRequest {
  readonly fileType: FileType;
  /** Whether JSON values have the types of the data model. No effect on CSV. */
  readonly typed: boolean;
  readonly decryption: Decryption;
}

/** Answers GET and HEAD with the caller's current generation. Errors: as `withCurrentRun` has them. */
export interface PeriodicDownloads {
  /** @param name of a file that is offered */
  file(c: Context<ApiEnv>, name: string, request: DownloadRequest): Promise<Response>;
  /** A zip of all files, without folders. */
  all(c: Context<ApiEnv>, request: DownloadRequest): Promise<Response>;
  /** The manifest, exactly as stored. */
  manifest(c: Context<ApiEnv>): Promise<Response>;
  signature(c: Context<ApiEnv>): Promise<Response>;
}

export function periodicDownloads(deps: DownloadDeps): PeriodicDownloads {
  return {
    file(c, name, request) {
      assertFile(deps.catalog, c.get('caller').limits, name);
      return withCurrentRun(deps, ownOrder(c), request.decryption, async (grant) => {
        const file = findFile(grant.manifest, name, request);
        if (!file) throw notProduced(`${name} has not been produced yet. The next run will produce it.`);
        const { name: fileName, type, bytes, open } = entryOf(deps, grant, file, request);
        const headers = {
          'Content-Type': type,
          'Content-Disposition': attachment(fileName),
          'Content-Length': String(bytes),
        };
        return send(c, deps, grant, request, { file: file.name, headers, open });
      });
    },

    all(c, request) {
      const { tenant, limits } = c.get('caller');
      const names = offeredFiles(deps.catalog, limits);
      return withCurrentRun(deps, ownOrder(c), request.decryption, async (grant) => {
        const { snapshotAt } = grant.manifest;
        const files = names.flatMap((name) => findFile(grant.manifest, name, request) ?? []);
        if (files.length === 0) throw notProduced();
        const headers = {
          'Content-Type': 'application/zip',
          'Content-Disposition': attachment(`${tenant.key}-${request.fileType}-${snapshotAt.slice(0, 10)}.zip`),
        };
        const modifiedAt = new Date(snapshotAt);
        const open = (signal: AbortSignal) => {
          const entries = files.map((file) => {
            const { name, bytes: bytesMax, open } = entryOf(deps, grant, file, request);
            return { name, modifiedAt, bytesMax, open: () => open(signal) };
          });
          return zipAfterFirstChunk(entries, signal);
        };
        return send(c, deps, grant, request, { file: '*', headers, open });
      });
    },

    manifest: (c) =>
      withCurrentRun(deps, ownOrder(c), { sealed: true }, async (grant) => {
        await grant.assertCurrent();
        const { bytes, manifest } = grant;
        const headers = {
          ...generationHeaders(manifest),
          'Content-Type': 'application/json',
          'Content-Length': String(bytes.byteLength),
        };
        return c.req.method === 'HEAD' ? c.body(null, 200, headers) : c.body(new Uint8Array(bytes), 200, headers);
      }),

    signature: (c) =>
      withCurrentRun(deps, ownOrder(c), { sealed: true }, async (grant) => {
        await grant.assertCurrent();
        for (const [name, value] of Object.entries(generationHeaders(grant.manifest))) c.header(name, value);
        return sendEnvelope(c, deps, grant);
      }),
  };
}

/** Answers GET and HEAD of `/dataexport/download`. */
export function downloadHandler(
  downloads: PeriodicDownloads,
  settings: KeyRule,
): RouteAnswer<ReturnType<typeof downloadPeriodic>> {
  return async function download(c) {
    const query = c.req.valid('query');
    return downloads.file(c, query.file, downloadRequest(c, query, c.req.valid('header'), settings));
  };
}

/** Answers GET and HEAD of `/dataexport/downloadAll`. */
export function downloadAllHandler(
  downloads: PeriodicDownloads,
  settings: KeyRule,
): RouteAnswer<typeof downloadAllPeriodic> {
  return async function downloadAll(c) {
    return downloads.all(c, downloadRequest(c, c.req.valid('query'), c.req.valid('header'), settings));
  };
}

/** Answers GET and HEAD of `/dataexport/manifest`. */
export function manifestHandler(downloads: PeriodicDownloads): RouteAnswer<typeof periodicManifest> {
  return async function sendManifest(c) {
    assertOwn(c, c.req.valid('query').organisation);
    return downloads.manifest(c);
  };
}

/** Answers GET of `/dataexport/manifest/signature`. */
export function signatureHandler(downloads: PeriodicDownloads): RouteAnswer<typeof periodicSignature> {
  return async function sendSignature(c) {
    assertOwn(c, c.req.valid('query').organisation);
    return downloads.signature(c);
  };
}

/** Reference to the caller's standing order. */
function ownOrder(c: Context<ApiEnv>) {
  return { tenant: c.get('caller').tenant.key, kind: PERIODIC.kind };
}

/**
 * @param header its private key takes precedence over that of the query
 * @throws WaybillError `key_in_address` if the deployment takes no key in the query
 */
function downloadRequest(
  c: Context<ApiEnv>,
  { organisation, fileType, parseJsonDataTypes: typed, sealed, privateKey }: z.infer<typeof DownloadQuery>,
  header: z.infer<typeof KeyHeader>,
  { WAYBILL_PRIVATE_KEY_IN_QUERY: mayBeInQuery }: KeyRule,
): DownloadRequest {
  assertOwn(c, organisation);
  if (privateKey !== undefined && !mayBeInQuery) throw new WaybillError('key_in_address');
  const decryption = sealed ? { sealed } : { sealed, privateKey: header['x-private-key'] || privateKey };
  return { fileType, typed, decryption };
}

/** @returns the file of this name in the requested format */
function findFile({ files }: Manifest, name: string, { fileType, typed }: DownloadRequest): ManifestFile | undefined {
  const format = periodicFormat(fileType, typed);
  return files.find((file) => file.name === name && file.format === format);
}

/** A file to send. The name of a sealed file also distinguishes the two JSON formats. */
function entryOf({ objects }: DownloadDeps, grant: DownloadGrant, file: ManifestFile, { fileType }: DownloadRequest) {
  const { key } = grant;
  if (key === null) {
    const open = (signal: AbortSignal) => readStored(objects, grant, file, wholeFile(file), signal);
    return { name: file.file, type: 'application/octet-stream', bytes: file.bytes, open };
  }
  const type = fileType === 'csv' ? 'text/csv; charset=utf-8' : 'application/json';
  const open = (signal: AbortSignal) => readUnsealed(objects, grant, file, { key, check: 'parts' }, signal);
  return { name: `${file.name}.${fileType}`, type, bytes: file.contentBytes, open };
}

function send(
  c: Context<ApiEnv>,
  deps: DownloadDeps,
  { manifest, key, assertCurrent }: DownloadGrant,
  { fileType }: DownloadRequest,
  content: {
    /** Name of the file, or `*` for all of them. */
    readonly file: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  },
): Promise<Response> {
  const { runId } = manifest;
  const detail = { file: content.file, fileType, generation: runId, sealed: key === null };
  return sendContent(c, {
    headers: { ...content.headers, ...generationHeaders(manifest) },
    open: content.open,
    beforeSend: async () => {
      await assertCurrent();
      await auditCaller(c, deps, 'periodic.downloaded', runId, detail);
    },
  });
}

/** Headers of every response that belongs to a generation. Not cached, because the next one may belong to another. */
function generationHeaders({ runId, snapshotAt }: Manifest) {
  return { 'Cache-Control': 'no-store', [GENERATION_HEADER]: runId, [SNAPSHOT_HEADER]: snapshotAt };
}
