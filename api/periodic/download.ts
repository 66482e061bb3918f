import type { Context } from 'hono';
import { offeredAt, offeredName } from '../../config/dataset.ts';
import type { Manifest, ManifestFile } from '../../contracts/manifest.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { attachment, streamBody } from '../http/download.ts';
import type { RouteAnswer } from '../openapi.ts';
import { type Admission, admit, assertStands, explained, notProduced, type Opening, openingOf } from './access.ts';
import { contentLength, contentName, contentType, type Form, openContent, storedFormat } from './content.ts';
import { generationHeaders } from './generation-headers.ts';
import { assertOwn } from './query.ts';
import type { downloadPeriodic } from './routes.ts';

export type DownloadDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'catalog'>;

/** Names that callers know the periodic files by, in the order of the catalog. */
export function offeredFiles({ catalog }: Pick<DownloadDeps, 'catalog'>): readonly string[] {
  return offeredAt(catalog, 'periodic').map(offeredName);
}

/** Answers GET and HEAD of `/dataexport/download`. */
export function downloadHandler(deps: DownloadDeps): RouteAnswer<ReturnType<typeof downloadPeriodic>> {
  return async function download(c) {
    const query = c.req.valid('query');
    assertOwn(c, query.organisation);
    const opening = openingOf(query, c.req.valid('header')['x-private-key']);
    const shape = { fileType: query.fileType, typed: query.parseJsonDataTypes };
    const { file: name } = query;
    const admission = await admit(deps, c.get('caller').tenant.key, opening);
    const form = { ...shape, key: admission.key };
    const file = findFile(admission.manifest, name, form);
    if (!file) throw notProduced(`${name} is not among the files yet. The next run makes it.`);
    const headers = {
      'Content-Type': contentType(form),
      'Content-Disposition': attachment(contentName(file, form)),
      'Content-Length': String(contentLength(file, form)),
    };
    const source = (signal: AbortSignal) => openContent(deps.objects, admission, file, form, signal);
    return sendContent(c, deps, { admission, opening, form, headers, source, file: file.name });
  };
}

/** @returns the file of this name in the form's format */
export function findFile({ files }: Manifest, name: string | undefined, form: Form): ManifestFile | undefined {
  const format = storedFormat(form);
  return files.find((file) => file.name === name && file.format === format);
}

/** An answer that is ready to be sent. */
export interface Content {
  readonly admission: Admission;
  readonly opening: Opening;
  readonly form: Form;
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the file, or `*` for all of them. */
  readonly file: string;
  /** Reads nothing before the first chunk is asked for. */
  readonly source: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/**
 * Sends what a download is, or for HEAD only tells of it. What fails before the first byte is still an answer; what fails
 * later cuts the connection. The start of a download is audited.
 */
export async function sendContent(
  c: Context<ApiEnv>,
  deps: DownloadDeps,
  { admission, opening, form, headers, file, source }: Content,
): Promise<Response> {
  const { manifest, settings } = admission;
  const all = { ...headers, ...generationHeaders(manifest) };
  if (c.req.method === 'HEAD') return c.body(null, 200, all);
  const gone = new AbortController();
  const body = await explained(deps, settings, opening, () => streamBody(c, source(gone.signal), gone));
  try {
    await assertStands(deps, admission, opening);
    const { tenant, actor } = c.get('caller');
    await deps.ledger.audit.append({
      tenant: tenant.key,
      actor,
      action: 'periodic.downloaded',
      runId: manifest.runId,
      detail: { file, fileType: form.fileType, generation: manifest.runId, sealed: form.key === null },
    });
  } catch (error) {
    await body.cancel();
    throw error;
  }
  return c.body(body, 200, all);
}
