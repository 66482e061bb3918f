import type { MiddlewareHandler } from 'hono';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { shown } from './requests.ts';

/** Polled every few seconds by monitoring, so logged at debug level only. */
const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/**
 * Logs each request when its response begins, and gives handlers a logger with the request id. Logs neither headers nor the
 * query, which may contain signatures and keys.
 */
export function accessLog({ logger, clock }: Pick<ApiDeps, 'logger' | 'clock'>): MiddlewareHandler<ApiEnv> {
  return async function logAccess(c, next) {
    const log = logger.child({ requestId: c.get('requestId') });
    c.set('logger', log);
    const began = clock.now().getTime();
    await next();
    log[PROBES.has(c.req.path) && c.res.ok ? 'debug' : 'info'](
      {
        method: c.req.method,
        path: shown(c.req.path),
        status: c.res.status,
        ms: clock.now().getTime() - began,
        tenant: c.get('caller')?.tenant.key,
        actor: c.get('caller')?.actor,
      },
      'request',
    );
  };
}
