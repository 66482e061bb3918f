import { getPath } from 'hono/utils/url';

/** The prefix under which door 1's published clients know it. */
const ALIAS = '/tp-api';

/**
 * The path that a request is routed by: repeated slashes are one (a published client sends them), a trailing one is
 * dropped, and the alias of door 1 is taken off. `%2F` inside a segment stays as it is.
 */
export function routingPath(request: Request): string {
  const path = getPath(request).replace(/\/{2,}/g, '/');
  const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  if (bare === ALIAS) return '/';
  return bare.startsWith(`${ALIAS}/`) ? bare.slice(ALIAS.length) : bare;
}
