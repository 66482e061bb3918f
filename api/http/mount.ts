import type { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Handler, MiddlewareHandler } from 'hono';
import type { ApiEnv } from '../deps.ts';

export type ApiApp = OpenAPIHono<ApiEnv>;
type Route = ReturnType<typeof createRoute>;

/**
 * Serves a documented route. Requests are parsed by the handler, which knows codes for what is wrong; path, method and
 * answers have one description, here and in the OpenAPI document.
 */
export function mount(
  app: ApiApp,
  route: Route,
  ...handlers: readonly [Handler<ApiEnv>] | readonly [MiddlewareHandler<ApiEnv>, Handler<ApiEnv>]
): void {
  app.openAPIRegistry.registerPath(route);
  app.on([route.method.toUpperCase()], [route.getRoutingPath()], ...handlers);
}
