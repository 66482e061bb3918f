import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { ManifestFile } from '../../contracts/manifest.ts';
import type { StoredRun } from '../../stores/objects/manifests.ts';
import type { Objects } from '../../stores/objects/objects.ts';
import { readStored, readUnchecked } from '../../stores/objects/stored-files.ts';
import { headerBytes, openHeader } from '../../streams/age/header.ts';
import { contentBytes } from '../../streams/age/layout.ts';
import { unseal } from '../../streams/age/payload.ts';
import type { ApiEnv } from '../deps.ts';
import { type ByteRange, streamBody } from '../http/download.ts';

/** Maximum size of an age header in bytes; enough for the maximum number of recipients. */
const HEADER_BYTES_MAX = 65_536;

/** Strong entity tag of a file, derived from the hashes of its parts. */
export function fileTag({ parts }: ManifestFile): string {
  return entityTag(parts.map(({ sha256 }) => sha256).join(''));
}

/** Strong entity tag of some content. */
export function entityTag(content: string | Uint8Array): string {
  return `"${createHash('sha256').update(content).digest('hex').slice(0, 40)}"`;
}

/** Range of all bytes of a stored file. */
export function wholeFile({ bytes }: ManifestFile): ByteRange {
  return { from: 0, length: bytes };
}

/**
 * Decrypts a sealed file; the content stays compressed. A yielded chunk is valid only until the next one is requested.
 *
 * @param key age identity, known to be correct; secret
 * @param check `parts`: also compare the hashes of the parts; `chunks`: rely on age's own authentication
 * @throws WaybillError like {@link readStored}
 */
export async function* readUnsealed(
  objects: Objects,
  stored: StoredRun,
  file: ManifestFile,
  { key, check }: { readonly key: string; readonly check: 'parts' | 'chunks' },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const read = check === 'parts' ? readStored : readUnchecked;
  try {
    yield* unseal(read(objects, stored, file, wholeFile(file), signal), key);
  } catch (error) {
    if (!(error instanceof WaybillError && error.code === 'wrong_key')) throw error;
    throw new WaybillError('object_damaged', undefined, { cause: error });
  }
}

/**
 * Tries a key on the header of a sealed file.
 * @returns the size of the decrypted content in bytes
 * @throws WaybillError `wrong_key`, and like {@link readStored}
 */
export async function unsealedBytes(
  objects: Objects,
  stored: StoredRun,
  file: ManifestFile,
  key: string,
): Promise<number> {
  const { signal } = new AbortController();
  const range = { from: 0, length: Math.min(file.bytes, HEADER_BYTES_MAX) };
  const chunks: Uint8Array[] = [];
  for await (const chunk of readUnchecked(objects, stored, file, range, signal)) chunks.push(Buffer.from(chunk));
  const start = Buffer.concat(chunks);
  const header = headerBytes(start);
  if (header === undefined) throw new WaybillError('object_damaged');
  await openHeader(start.subarray(0, header), key);
  return contentBytes(header, file.bytes);
}

/** A download to send. */
export interface Content {
  readonly status?: 200 | 206;
  readonly headers: Readonly<Record<string, string>>;
  /** Reads nothing before the first chunk is requested. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** Called once the first chunk has been read. If it fails, nothing is sent. */
  readonly beforeSend: () => Promise<void>;
}

/** @param end called when the source has ended, failed or been closed */
async function* endingWith(source: AsyncIterable<Uint8Array>, end: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } finally {
    end();
  }
}

/**
 * Answers GET with the content, and HEAD with its headers only. A failure before the first byte becomes a problem response;
 * a later one closes the connection.
 */
export async function sendContent(c: Context<ApiEnv>, content: Content): Promise<Response> {
  const { status = 200, headers, open, beforeSend } = content;
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  const gone = new AbortController();
  const end = c.get('downloads').begin(c.get('caller').tenant.key);
  const body = await streamBody(c, endingWith(open(gone.signal), end), gone);
  try {
    await beforeSend();
  } catch (error) {
    await body.cancel();
    throw error;
  }
  return c.body(body, status, headers);
}
