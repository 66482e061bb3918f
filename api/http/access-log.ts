import { randomUUID } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { withoutKeys } from './without-keys.ts';

/** Asked every few seconds by whatever watches the process; a line for each would hide the others. */
const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Gives every request an id, its own or the caller's, in the answer and in every log line, and writes one line when the
 * answer begins. The line names the path without its query, which may hold signatures and keys, and no header.
 */
export function accessLog({ logger, clock }: Pick<ApiDeps, 'logger' | 'clock'>): MiddlewareHandler<ApiEnv> {
  return async function logAccess(c, next) {
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomUUID();
    const log = logger.child({ requestId });
    c.set('requestId', requestId);
    c.set('logger', log);
    const began = clock.now().getTime();
    await next();
    c.header('X-Request-Id', requestId);
    log[PROBES.has(c.req.path) && c.res.ok ? 'debug' : 'info'](
      {
        method: c.req.method,
        path: withoutKeys(c.req.path),
        status: c.res.status,
        ms: clock.now().getTime() - began,
        tenant: c.get('caller')?.tenant.key,
        actor: c.get('caller')?.actor,
      },
      'request',
    );
  };
}
