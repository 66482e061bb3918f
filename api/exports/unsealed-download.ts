import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { mediaType } from '../../contracts/order.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import { headerBytes, openHeader } from '../../streams/age/header.ts';
import { contentBytes, unseal } from '../../streams/age/payload.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { attachment, streamBody } from '../http/download.ts';
import { auditDownload } from './download.ts';
import { readParts } from './stored-file.ts';
import { openManifest, type StoredManifest } from './stored-manifest.ts';

/** Room for the headers of as many recipients as an order may have. A count of bytes. */
const HEADER_BYTES_READ = 65_536;

/**
 * Answers GET and HEAD of a sealed export with its content opened on the way; it stays compressed. No ranges: age is
 * read from its start. The key is used here and nowhere kept.
 *
 * @param privateKey age identity from the header `x-private-key`
 * @throws WaybillError `not_sealed`; `wrong_key` before any byte is sent
 */
export async function sendUnsealedFile(
  c: Context<ApiEnv>,
  { objects, ledger, clock }: Pick<ApiDeps, 'objects' | 'ledger' | 'clock'>,
  record: Run,
  actor: string,
  privateKey: string,
): Promise<Response> {
  const stored = await openManifest(objects, record, clock.now());
  const { manifest, file } = stored;
  if (manifest.recipients.length === 0) throw new WaybillError('not_sealed');
  const gone = new AbortController();
  const size = await openSealed(objects, stored, privateKey, gone.signal);
  const describe = () => {
    c.header('Content-Type', mediaType({ ...file, recipients: [] }));
    c.header('Content-Disposition', attachment(file.file.replace(/\.age$/, '')));
    c.header('Cache-Control', 'no-store');
    c.header('Content-Length', String(size));
  };
  if (c.req.method === 'HEAD') {
    describe();
    return c.body(null, 200);
  }
  const whole = { from: 0, length: file.bytes };
  const content = unseal(readParts(objects, stored, whole, gone.signal), privateKey);
  const body = await streamBody(c, content, gone);
  await auditDownload(ledger, record, actor, { bytes: size, unsealed: true }, body);
  describe();
  return c.body(body, 200);
}

/**
 * Tries the key on the file's header.
 * @returns the size of what the file holds, a count of bytes
 * @throws WaybillError `wrong_key`, `object_damaged`
 */
async function openSealed(
  objects: Objects,
  stored: StoredManifest,
  privateKey: string,
  signal: AbortSignal,
): Promise<number> {
  const { bytes } = stored.file;
  const range = { from: 0, length: Math.min(bytes, HEADER_BYTES_READ) };
  const chunks: Uint8Array[] = [];
  for await (const chunk of readParts(objects, stored, range, signal)) chunks.push(Buffer.from(chunk));
  const start = Buffer.concat(chunks);
  const header = headerBytes(start);
  if (header === undefined) throw new WaybillError('object_damaged');
  await openHeader(start.subarray(0, header), privateKey);
  return contentBytes(header, bytes);
}
