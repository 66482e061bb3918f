import type { Context, Handler, Hono, MiddlewareHandler } from 'hono';
import type { ApiEnv } from '../deps.ts';
import type { Times } from './components/times.ts';

/** Where the portal is. */
export const PORTAL_PATH = '/portal';

/** Hono's environment of a page for somebody who has logged in: `caller` is set. */
export interface PortalEnv {
  Bindings: ApiEnv['Bindings'];
  Variables: ApiEnv['Variables'] & {
    /** Proves that a form comes from a page of this session. */
    csrf: string;
    times: Times;
    /** Fields of a posted form; its token has been checked. */
    form: URLSearchParams;
  };
}

export type PortalApp = Hono<PortalEnv>;
export type PortalContext = Context<PortalEnv>;
export type PortalHandler = Handler<PortalEnv>;
export type PortalMiddleware = MiddlewareHandler<PortalEnv>;

/** For functions of the API, which use nothing but the variables of its own environment. */
export function apiContext(c: PortalContext): Context<ApiEnv> {
  return c as unknown as Context<ApiEnv>;
}

/** @returns whether the caller may change something */
export function mayWrite(c: PortalContext): boolean {
  return c.get('caller').scopes.includes('write');
}
