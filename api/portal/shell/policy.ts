import type { MiddlewareHandler } from 'hono';
import type { ApiEnv } from '../../deps.ts';

/** Pages load and run only files of this server; nothing inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Creates middleware that sets the headers of every page. A handler may replace `Cache-Control`. */
export function pageHeaders(): MiddlewareHandler<ApiEnv> {
  return async function setPageHeaders(c, next) {
    c.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    c.header('Cache-Control', 'no-store');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    c.header('Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()');
    // With `no-referrer`, browsers send `Origin: null` with forms, which would be refused.
    c.header('Referrer-Policy', 'same-origin');
    await next();
  };
}
