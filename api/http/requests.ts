import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getPath } from 'hono/utils/url';
import { createNetworks, normalAddress } from '../../config/networks.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { REQUESTS_ALIAS, REQUESTS_PATH } from '../../contracts/requests.ts';
import type { ApiEnv } from '../deps.ts';

/** Path prefix of published clients of on-demand exports. */
const ALIAS = '/tp-api';

/** Published clients of questionnaires put the name of a workspace first; the tenant is that of the credential all the same. */
const WORKSPACE = /^\/[A-Za-z0-9_-]+(?=\/api\/v[12]\/(?:export|questionnaires)(?:\/|$))/;

/** Paths of published clients of recurring exports. */
const RECURRING_ALIASES: Readonly<Record<string, string>> = {
  '/v1/b2b/analytics/export': '/export',
  '/v1/b2b/analytics/export-full-load': '/export/full-load',
};

/**
 * The path for routing: collapses repeated slashes, which a published client sends, and drops a trailing slash, the
 * alias and a workspace. Keeps `%2F` inside a segment.
 */
export function routingPath(request: Request): string {
  const path = getPath(request).replace(/\/{2,}/g, '/');
  const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  if (bare === ALIAS) return '/';
  if (Object.hasOwn(RECURRING_ALIASES, bare)) return RECURRING_ALIASES[bare] ?? bare;
  if (bare.startsWith(`${REQUESTS_ALIAS}/`)) return `${REQUESTS_PATH}${bare.slice(REQUESTS_ALIAS.length)}`;
  return bare.startsWith(`${ALIAS}/`) ? bare.slice(ALIAS.length) : bare.replace(WORKSPACE, '');
}

/** Reads the client's address; `local` if there is no connection. */
export type ClientAddress = (c: Context<ApiEnv>) => string;

/**
 * The address of the peer or, if that is a trusted proxy, the client in `X-Forwarded-For`. Each proxy appends the address
 * of its peer, so the last address that is not a trusted proxy is the client; it may have forged all earlier ones.
 *
 * @param trustedProxies addresses and networks, as accepted by `isNetwork`
 */
export function clientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = createNetworks(trustedProxies);
  return function addressOf(c) {
    const peer = c.env?.incoming?.socket.remoteAddress;
    if (peer === undefined) return 'local';
    let address = normalAddress(peer) ?? peer;
    const hops = (c.req.header('x-forwarded-for') ?? '').split(',');
    while (trusted.has(address)) {
      const hop = normalAddress(withoutPort(hops.pop() ?? ''));
      if (hop === undefined) break;
      address = hop;
    }
    return address;
  };
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const text = hop.trim();
  return /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

/** age identities, complete or mistyped, in upper or lower case. */
const PRIVATE_KEY = /AGE-SECRET-KEY-[A-Z0-9-]*/gi;

/**
 * Redacts private keys in a caller's text before it is sent back, logged or stored: some callers send one as a user name,
 * in a URL or as a field name.
 */
export function withoutKeys(text: string): string {
  return text.replace(PRIVATE_KEY, 'AGE-SECRET-KEY-…');
}

/** Longest text of a caller that a message or a log line repeats, in characters. */
const SHOWN_LENGTH_MAX = 200;

/** A caller's text as a message or the log may repeat it: shortened, without keys and without control characters. */
export function shown(text: string): string {
  const plain = withoutKeys(text.toWellFormed().replace(/\p{Cc}/gu, '\uFFFD'));
  return plain.length > SHOWN_LENGTH_MAX ? `${plain.slice(0, SHOWN_LENGTH_MAX)}…` : plain;
}

/**
 * Reads the body, up to `bytesMax` bytes.
 * @throws WaybillError `body_too_large`
 */
export async function readBody(c: Context<ApiEnv>, bytesMax: number): Promise<Uint8Array> {
  const onError = () => {
    throw new WaybillError('body_too_large', `The body is larger than ${bytesMax} bytes. Send less.`);
  };
  await bodyLimit({ maxSize: bytesMax, onError })(c, async () => {});
  return new Uint8Array(await c.req.arrayBuffer());
}

/** @returns the media type of the body in lower case, without parameters; `''` if there is none */
export function mediaTypeOf(c: Context<ApiEnv>): string {
  return (c.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Whether the body is one of a simple HTML form. */
export function isForm(c: Context<ApiEnv>): boolean {
  return mediaTypeOf(c) === 'application/x-www-form-urlencoded';
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
 * Creates middleware for an optional JSON object: replaces an empty body by `{}`.
 * @throws WaybillError `body_too_large`, `unsupported_media_type`, `malformed_body`
 */
export function optionalJson(bytesMax: number): MiddlewareHandler<ApiEnv> {
  return async function readOptionalJson(c, next) {
    const body = await readBody(c, bytesMax);
    if (body.byteLength > 0) assertJson(c);
    const value = body.byteLength > 0 ? parseJson(body) : {};
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new WaybillError('malformed_body', 'The body should be one JSON object, or empty.');
    }
    const headers = new Headers(c.req.raw.headers);
    headers.set('Content-Type', 'application/json');
    c.req.raw = new Request(c.req.raw, { headers, body: body.byteLength > 0 ? body : '{}' });
    c.req.bodyCache = {};
    await next();
  };
}

/** @throws WaybillError `unsupported_media_type` */
export function assertJson(c: Context<ApiEnv>): void {
  const type = mediaTypeOf(c);
  if (type !== 'application/json' && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw new WaybillError('unsupported_media_type');
  }
  if ((c.req.header('content-encoding') ?? 'identity').trim().toLowerCase() !== 'identity') {
    throw new WaybillError('unsupported_media_type', 'The body is compressed. Send it without Content-Encoding.');
  }
}

/** @throws WaybillError `malformed_body`, also for invalid UTF-8 */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new WaybillError('malformed_body', undefined, { cause: error });
  }
}
