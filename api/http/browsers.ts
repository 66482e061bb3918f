import type { MiddlewareHandler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { ApiEnv } from '../deps.ts';
import { assertJson, isForm, routingPath } from './requests.ts';

/** Methods that change nothing. Source: RFC 9110 section 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Creates middleware that refuses changes requested by pages of other origins. A browser adds the Basic credentials that it
 * knows to every request, also to one that a foreign page makes it send. Other clients send neither header.
 *
 * Sources: RFC 6454 section 7.3 (`Origin`), W3C Fetch Metadata (`Sec-Fetch-Site`).
 *
 * @param publicUrl the address under which callers know this service; the address that was requested counts as well
 * @throws WaybillError `foreign_origin`
 */
export function ownOriginOnly(publicUrl: string): MiddlewareHandler<ApiEnv> {
  const own = new URL(publicUrl).host;
  return async function refuseForeignPages(c, next) {
    if (!SAFE.has(c.req.method)) {
      const origin = c.req.header('origin');
      const isOwn = origin === undefined || [own, c.req.header('host')].includes(hostOf(origin));
      if (!isOwn || c.req.header('sec-fetch-site') === 'cross-site') throw new WaybillError('foreign_origin');
    }
    await next();
  };
}

/** @returns host and port; `''` for `null`, which sandboxed pages send */
function hostOf(origin: string): string {
  return URL.parse(origin)?.host ?? '';
}

/**
 * Creates middleware that refuses a body that is not JSON, also where it would be ignored: a foreign page can send only
 * forms and plain text without asking.
 *
 * @param formPaths paths for routing that take forms as well; {@link ownOriginOnly} keeps foreign pages from them
 * @throws WaybillError `unsupported_media_type`
 */
export function jsonBodiesOnly(formPaths: readonly string[]): MiddlewareHandler<ApiEnv> {
  return async function refuseOtherBodies(c, next) {
    const length = c.req.header('content-length');
    const hasBody = c.req.header('transfer-encoding') !== undefined || (length !== undefined && length !== '0');
    const takesForm = isForm(c) && formPaths.includes(routingPath(c.req.raw));
    if (hasBody && !takesForm) assertJson(c);
    await next();
  };
}
