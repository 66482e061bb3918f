import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { ManifestFile } from '../../contracts/manifest.ts';
import { mediaType } from '../../contracts/order.ts';
import type { StoredRun } from '../../stores/objects/manifests.ts';
import { readStored } from '../../stores/objects/stored-files.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { attachment, evaluatePreconditions, parseRange, rangeApplies } from '../http/download.ts';
import { entityTag, fileTag, sendContent, wholeFile } from './content.ts';

/** Answers GET and HEAD with the manifest exactly as stored. */
export function sendManifest(c: Context<ApiEnv>, { bytes, manifest }: StoredRun): Response {
  const etag = entityTag(bytes);
  c.header('ETag', etag);
  c.header('Cache-Control', 'private, no-cache');
  const modifiedAt = new Date(manifest.createdAt);
  if (evaluatePreconditions((name) => c.req.header(name), { etag, modifiedAt }) === 304) return c.body(null, 304);
  c.header('Content-Type', 'application/json');
  c.header('Content-Length', String(bytes.byteLength));
  return c.req.method === 'HEAD' ? c.body(null, 200) : c.body(new Uint8Array(bytes), 200);
}

/**
 * Sends a stored file or one range of it, subject to the preconditions.
 *
 * @param audit called before the first byte of the file is sent, but not for ranges that continue a download
 * @throws WaybillError `precondition_failed`, `range_not_satisfiable`, and like `readStored`
 */
export function sendStored(
  c: Context<ApiEnv>,
  { objects }: Pick<ApiDeps, 'objects'>,
  stored: StoredRun,
  file: ManifestFile,
  audit: (bytes: number) => Promise<void>,
): Promise<Response> | Response {
  const { manifest } = stored;
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
    open: (signal) => readStored(objects, stored, file, range, signal),
    beforeSend: async () => {
      if (range.from === 0) await audit(range.length);
    },
  });
}
