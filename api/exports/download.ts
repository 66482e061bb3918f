import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { mediaType } from '../../contracts/order.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { attachment, evaluatePreconditions, parseRange, rangeApplies, streamBody } from '../http/download.ts';
import { readStoredFile } from './stored-file.ts';
import { fileTag, openManifest } from './stored-manifest.ts';

/**
 * Answers GET and HEAD of a finished export's file as it is stored: whole, one range of it, or what the conditions ask.
 * The start of a download is audited; a range that continues one is not.
 *
 * @param actor client id, or `link`
 */
export async function sendStoredFile(
  c: Context<ApiEnv>,
  { objects, ledger, clock }: Pick<ApiDeps, 'objects' | 'ledger' | 'clock'>,
  record: Run,
  actor: string,
): Promise<Response> {
  const stored = await openManifest(objects, record, clock.now());
  const { manifest, file } = stored;
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

  // Range is defined for GET alone (RFC 9110 section 14.2): HEAD tells of the whole file.
  const wanted =
    c.req.method === 'GET' && rangeApplies(header, validators)
      ? parseRange(c.req.header('range'), file.bytes)
      : undefined;
  if (wanted === 'unsatisfiable') {
    c.header('Content-Range', `bytes */${file.bytes}`);
    throw new WaybillError('range_not_satisfiable');
  }
  const range = wanted ?? { from: 0, length: file.bytes };
  const describe = () => {
    c.header('Content-Type', mediaType({ ...file, recipients: manifest.recipients }));
    c.header('Content-Disposition', attachment(file.file));
    c.header('Content-Length', String(range.length));
    if (wanted) c.header('Content-Range', `bytes ${range.from}-${range.from + range.length - 1}/${file.bytes}`);
  };
  if (c.req.method === 'HEAD') {
    describe();
    return c.body(null, 200);
  }
  const gone = new AbortController();
  const body = await streamBody(c, readStoredFile(objects, stored, range, gone.signal), gone);
  if (range.from === 0) await auditDownload(ledger, record, actor, { bytes: range.length, unsealed: false }, body);
  describe();
  return c.body(body, wanted ? 206 : 200);
}

/** Writes down that a download begins. When that fails, nothing is sent. */
export async function auditDownload(
  ledger: Pick<ApiDeps['ledger'], 'audit'>,
  { tenant, runId }: Run,
  actor: string,
  detail: { readonly bytes: number; readonly unsealed: boolean },
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  try {
    await ledger.audit.append({ tenant, actor, action: 'export.downloaded', runId, detail });
  } catch (error) {
    await body.cancel();
    throw error;
  }
}
