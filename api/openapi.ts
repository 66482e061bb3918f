import type { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context, Handler, MiddlewareHandler } from 'hono';
import type { ApiDeps, ApiEnv } from './deps.ts';

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

/** Every way to authenticate that an operation without `security` of its own takes. */
const SECURITY = [{ bearer: [] }, { basic: [] }, { apiKey: [] }, { oauth: [] }];

/** Serves the OpenAPI 3.1 document, made from the routes that are mounted. */
export function serveOpenApi(app: ApiApp, { settings }: Pick<ApiDeps, 'settings'>): void {
  const { registerComponent } = app.openAPIRegistry;
  const register = registerComponent.bind(app.openAPIRegistry);
  register('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An access token of ours or of a configured issuer, or an API key: the secret, or `client id:secret`.',
  });
  register('securitySchemes', 'basic', { type: 'http', scheme: 'basic', description: 'Client id and secret.' });
  register('securitySchemes', 'apiKey', { type: 'apiKey', in: 'header', name: 'api-key' });
  register('securitySchemes', 'oauth', {
    type: 'oauth2',
    flows: {
      clientCredentials: {
        tokenUrl: '/oauth/token',
        scopes: { read: 'See and download.', write: 'Request, enable, cancel, delete.', everything: 'Both.' },
      },
    },
  });
  let document: string | undefined;
  app.get('/openapi.json', (c: Context<ApiEnv>) => {
    document ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Waybill',
          version: '0.1.0',
          description:
            'Data exports on demand, and periodic ones that only the tenant can open. ' +
            'Errors are `application/problem+json`; [every code is explained](/problems). ' +
            'All paths also exist under `/tp-api`.',
          license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
        },
        servers: [{ url: settings.WAYBILL_PUBLIC_URL }],
        security: SECURITY,
      }),
    );
    return c.body(document, 200, { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=300' });
  });
}
