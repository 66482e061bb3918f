import type { Context } from 'hono';
import type { Catalog } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Condition } from '../../contracts/filter.ts';
import { type ManifestFile, onlyFile, sumsOf } from '../../contracts/manifest.ts';
import { requestFileName, requestName } from '../../contracts/requests.ts';
import { openManifest } from '../../stores/objects/manifests.ts';
import { readStored } from '../../stores/objects/stored-files.ts';
import { type ApiDeps, type ApiEnv, auditCaller } from '../deps.ts';
import { attachment } from '../http/download.ts';
import { sendContent, wholeFile } from '../runs/content.ts';
import { zipAfterFirstChunk } from '../runs/zip.ts';
import { dateText, type Request } from './view.ts';

/**
 * Answers GET and HEAD with the archive of a request: the data file and README.txt. It is made while it is sent, from parts that
 * are checked against the manifest, so its length is not known before, and ranges are not served.
 *
 * @throws WaybillError `not_available` before the request is fulfilled or if it failed, `gone` once it has expired
 */
export async function sendRequest(
  c: Context<ApiEnv>,
  deps: Pick<ApiDeps, 'catalog' | 'ledger' | 'objects'>,
  request: Request,
): Promise<Response> {
  assertAvailable(request);
  const { run, order, realm } = request;
  const stored = await openManifest(deps.objects, run).catch((error: unknown) => {
    // Deleted or expired while it was looked up.
    throw error instanceof WaybillError && error.code === 'gone' ? expired(request) : error;
  });
  const file = onlyFile(stored.manifest);
  if (sumsOf(file.parts).bytes !== file.bytes) throw new WaybillError('object_damaged');
  const modifiedAt = new Date(stored.manifest.snapshotAt);
  const readme = Buffer.from(readmeText(deps.catalog, request, file), 'utf8');
  return sendContent(c, {
    headers: {
      'Content-Type': 'application/zip',
      'Content-Disposition': attachment(`${requestName(realm, order)}.zip`),
      'Cache-Control': 'no-store',
    },
    open: (signal) =>
      zipAfterFirstChunk(
        [
          {
            ...{ name: entryName(requestFileName(realm, order)), modifiedAt, bytesMax: file.bytes },
            open: () => readStored(deps.objects, stored, file, wholeFile(file), signal),
          },
          { name: 'README.txt', modifiedAt, bytesMax: readme.byteLength, open: () => once(readme) },
        ],
        signal,
      ),
    beforeSend: async () => {
      await deps.ledger.requests.recordDownload(run.runId);
      await auditCaller(c, deps, 'export.downloaded', run.runId, { bytes: file.bytes, number: request.id });
    },
  });
}

function assertAvailable(request: Request): void {
  const { id, state, run } = request;
  switch (state) {
    case 'Available':
      return;
    case 'Submitted':
      throw new WaybillError('not_available', `Request ${id} has not been fulfilled yet. A mail tells you when it is.`);
    case 'Failed':
      throw new WaybillError('not_available', `Request ${id} failed: ${run.failure?.message ?? 'Request it again.'}`);
    case 'Expired':
      throw expired(request);
  }
}

function expired({ id, run }: Request): WaybillError {
  return new WaybillError('gone', `Request ${id} expired on ${dateText(run.expiresAt)}. Request the data again.`);
}

/** A line a field, as the file has them: header, and what it means. */
function readmeText(
  catalog: Catalog,
  { order, realm, startDate, endDate }: Request,
  { columns }: ManifestFile,
): string {
  const dataset = catalog.find(order.dataset);
  const labels = new Map(dataset?.columns.map(({ name, label }) => [name, label]));
  const chosen = (order.filter ?? []).map((condition) => `Only rows with ${conditionText(condition)}`);
  const zone = order.timeZone === undefined ? [] : [`Times are those of ${order.timeZone}`];
  const lines = columns.map(({ name, header }) => {
    const label = labels.get(name);
    return label ? `${header}: ${label}` : header;
  });
  return `${[`${dataset?.title ?? realm}, ${startDate} to ${endDate}, both days included (UTC)`, ...chosen, ...zone, '', ...lines].join('\n')}\n`;
}

function conditionText(condition: Condition): string {
  const { column } = condition;
  switch (condition.op) {
    case 'eq':
      return `${column} = ${String(condition.value)}`;
    case 'in':
      return `${column} one of ${condition.values.map(String).join(', ')}`;
    case 'range':
      return `${column} from ${condition.from ?? 'the first'} to ${condition.to ?? 'the last'}, both included`;
    case 'isNull':
      return `no ${column}`;
  }
}

/** What an archive cannot hold as the name of a file. */
function entryName(name: string): string {
  return name.replace(/[/\\:\0]/g, '_');
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
