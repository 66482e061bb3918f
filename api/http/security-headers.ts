import type { MiddlewareHandler } from 'hono';
import type { ApiEnv } from '../deps.ts';

/** Pages load only what we serve ourselves. Swagger UI shows images that its style sheet holds as data. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/** Everything that is not a page runs nothing. */
const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";

/** Headers that keep a browser from guessing types, telling addresses, framing pages and loading foreign code. */
export function securityHeaders(): MiddlewareHandler<ApiEnv> {
  return async function addSecurityHeaders(c, next) {
    await next();
    const page = c.res.headers.get('content-type')?.startsWith('text/html') ?? false;
    c.header('Content-Security-Policy', page ? PAGE_POLICY : DATA_POLICY);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('X-Frame-Options', 'DENY');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Cross-Origin-Resource-Policy', 'same-origin');
  };
}
