import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { ApiEnv } from '../deps.ts';

/**
 * Reads the body as bytes, at most so many.
 * @param bytesMax a count of bytes
 * @throws WaybillError `body_too_large`
 */
export async function readBody(c: Context<ApiEnv>, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = () => new WaybillError('body_too_large', `The body is larger than ${bytesMax} bytes. Send less.`);
  if (Number(c.req.header('content-length') ?? 0) > bytesMax) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** @returns the media type of the body in lower case, without parameters, or `''`. */
export function mediaTypeOf(c: Context<ApiEnv>): string {
  return (c.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * Reads a JSON body.
 * @throws WaybillError `unsupported_media_type`, `body_too_large`, `malformed_body`
 */
export async function readJson(c: Context<ApiEnv>, bytesMax: number): Promise<unknown> {
  assertJson(c);
  return parseJson(await readBody(c, bytesMax));
}

/**
 * The same where the body may be left out.
 * @returns `undefined` when it is empty, whatever its type
 */
export async function readOptionalJson(c: Context<ApiEnv>, bytesMax: number): Promise<unknown> {
  const body = await readBody(c, bytesMax);
  if (body.byteLength === 0) return undefined;
  assertJson(c);
  return parseJson(body);
}

function assertJson(c: Context<ApiEnv>): void {
  const type = mediaTypeOf(c);
  if (type !== 'application/json' && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw new WaybillError('unsupported_media_type');
  }
  if ((c.req.header('content-encoding') ?? 'identity').trim().toLowerCase() !== 'identity') {
    throw new WaybillError('unsupported_media_type', 'The body is compressed. Send it without Content-Encoding.');
  }
}

/** @throws WaybillError `malformed_body` also for bytes that are not UTF-8 */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new WaybillError('malformed_body', undefined, { cause: error });
  }
}
