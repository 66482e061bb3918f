import { OpenAPIHono, type RouteConfig, type RouteHandler, z } from '@hono/zod-openapi';
import type { Context, Handler, MiddlewareHandler, Next } from 'hono';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { assertValid, type FieldError, fieldErrorsOf } from './http/field-errors.ts';
import { routingPath, shown } from './http/requests.ts';

export type ApiApp = OpenAPIHono<ApiEnv>;

/** Handler of a validated route: `c.req.valid(…)` has the types of its schemas. */
export type RouteAnswer<Route extends RouteConfig> = (
  c: Parameters<RouteHandler<Route, ApiEnv>>[0],
  next: Next,
) => Response | Promise<Response>;

/** Creates an app whose documented routes validate requests before their handlers run. */
export function createApiApp(): ApiApp {
  return new OpenAPIHono<ApiEnv>({ getPath: routingPath, defaultHook: refuseInvalid });
}

/**
 * Serves a documented route. After the middleware, the request is validated against the route's schemas: query, path,
 * headers, then body. The response lists all errors of the first of these that is invalid.
 */
export function mount<Route extends RouteConfig>(
  app: ApiApp,
  route: Route,
  middleware: readonly MiddlewareHandler<ApiEnv>[],
  handler: RouteAnswer<Route>,
): void {
  // The library also checks response types, which requires a status and a schema for each `c.json`; files and HEAD have neither.
  app.openapi(
    { ...route, middleware: [...middleware, knownQuery(route)] },
    handler as unknown as RouteHandler<RouteConfig, ApiEnv>,
  );
}

/** Serves a documented route whose handler parses the request itself. Each call gives its reason in a comment. */
export function mountUnvalidated(app: ApiApp, route: RouteConfig, ...handlers: readonly Handler<ApiEnv>[]): void {
  app.openAPIRegistry.registerPath(route);
  app.on([route.method.toUpperCase()], [route.path.replaceAll(/{(\w+)}/g, ':$1')], ...handlers);
}

/**
 * Creates middleware that refuses query parameters that are misspelled or come more than once: if `?deletesettings=true` were
 * ignored, a caller would believe that files were deleted. A route that documents no refusal, such as a health check,
 * ignores its query.
 *
 * @throws InvalidFields
 */
export function knownQuery({ request, responses }: RouteConfig): MiddlewareHandler<ApiEnv> {
  const documented = request?.query;
  const known = new Set(documented instanceof z.ZodObject ? Object.keys(documented.shape) : []);
  return async function refuseUnknownQuery(c, next) {
    const query = new URL(c.req.url).searchParams;
    if ('400' in responses) assertValid([...new Set(query.keys())].flatMap((name) => problemOf(name, query, known)));
    await next();
  };
}

function problemOf(name: string, query: URLSearchParams, known: ReadonlySet<string>): readonly FieldError[] {
  const field = shown(name);
  if (!known.has(name)) {
    return [{ field, code: 'unknown_field', message: `There is no query parameter ${field}. Remove it.` }];
  }
  if (query.getAll(name).length === 1) return [];
  return [{ field, code: 'invalid_field', message: `${field}: Came more than once. Send it once.` }];
}

/** The validation hook of all routes. @throws InvalidFields */
function refuseInvalid(result: { readonly success: true } | { readonly success: false; readonly error: z.ZodError }) {
  if (result.success) return;
  // The validator also passes its input, which the type of the hook omits.
  const input = 'data' in result && typeof result.data === 'object' ? { ...result.data } : {};
  assertValid(fieldErrorsOf(result.error, input));
}

/** Authentication schemes of all operations without their own `security`. */
const SECURITY = [{ bearer: [] }, { basic: [] }, { apiKey: [] }, { oauth: [] }];

/** JSON content of a request or response, for the OpenAPI document. */
export const jsonContent = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });
export const binary = z.string().openapi({ type: 'string', format: 'binary' });
/** Content of a response with a stored file, for OpenAPI: all media types that `mediaType` returns. */
export const storedFileContent = {
  'text/csv': { schema: binary },
  'application/x-ndjson': { schema: binary },
  'application/gzip': { schema: binary },
  'application/zstd': { schema: binary },
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': { schema: binary },
  'application/vnd.apache.parquet': { schema: binary },
  'application/x-spss-sav': { schema: binary },
  'application/x-stata-dta': { schema: binary },
  'application/octet-stream': { schema: binary },
};

/** Serves the OpenAPI 3.1 document of the mounted routes. */
export function serveOpenApi(app: ApiApp, { settings }: Pick<ApiDeps, 'settings'>): void {
  const { registerComponent } = app.openAPIRegistry;
  const register = registerComponent.bind(app.openAPIRegistry);
  register('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An access token from this service or a configured issuer, or an API key: the secret, or `client id:secret`.',
  });
  register('securitySchemes', 'basic', { type: 'http', scheme: 'basic', description: 'Client id and secret.' });
  register('securitySchemes', 'apiKey', { type: 'apiKey', in: 'header', name: 'api-key' });
  register('securitySchemes', 'oauth', {
    type: 'oauth2',
    flows: {
      clientCredentials: {
        tokenUrl: '/oauth/token',
        scopes: { read: 'View and download.', write: 'Request, enable, cancel and delete.', everything: 'Both.' },
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
            'Data exports on demand, and periodic exports that only the tenant can decrypt. ' +
            'Errors are `application/problem+json`; [all codes](/problems) are documented. ' +
            'Every path is also available under `/tp-api`.',
          license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
        },
        servers: [{ url: settings.WAYBILL_PUBLIC_URL }],
        security: SECURITY,
      }),
    );
    return c.body(document, 200, { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=300' });
  });
}
