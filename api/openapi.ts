import { OpenAPIHono, type RouteConfig, type RouteHandler, z } from '@hono/zod-openapi';
import type { Context, Handler, MiddlewareHandler, Next } from 'hono';
import type { FailureCode } from '../contracts/failures.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { type FieldError, InvalidFields } from './http/problems.ts';
import { routingPath } from './http/requests.ts';
import { fieldErrorsOf } from './problems/field-errors.ts';

export type ApiApp = OpenAPIHono<ApiEnv>;

/** Handles requests that match the schemas of a route: `c.req.valid(…)` has their types. */
export type RouteAnswer<Route extends RouteConfig> = (
  c: Parameters<RouteHandler<Route, ApiEnv>>[0],
  next: Next,
) => Response | Promise<Response>;

/** An app whose documented routes validate requests before their handlers run. */
export function createApiApp(): ApiApp {
  return new OpenAPIHono<ApiEnv>({ getPath: routingPath, defaultHook: refuseInvalid });
}

/**
 * Serves a documented route. After the middleware, the request is validated against its schemas: query, path, headers,
 * then body. The first of these that is wrong is answered with all its errors.
 */
export function mount<Route extends RouteConfig>(
  app: ApiApp,
  route: Route,
  middleware: readonly MiddlewareHandler<ApiEnv>[],
  handler: RouteAnswer<Route>,
): void {
  // The library also types answers, which needs a status and a schema at each `c.json`; files and HEAD have neither.
  app.openapi({ ...route, middleware: [...middleware] }, handler as unknown as RouteHandler<RouteConfig, ApiEnv>);
}

/** Serves a documented route whose handler parses the request itself; each call says why. */
export function mountUnvalidated(app: ApiApp, route: RouteConfig, ...handlers: readonly Handler<ApiEnv>[]): void {
  app.openAPIRegistry.registerPath(route);
  app.on([route.method.toUpperCase()], [route.path.replaceAll(/{(\w+)}/g, ':$1')], ...handlers);
}

/** The validation hook of all routes. @throws InvalidFields */
function refuseInvalid(result: { readonly success: true } | { readonly success: false; readonly error: z.ZodError }) {
  if (result.success) return;
  // The validator also passes what it was given, which the hook's type leaves out.
  const input = 'data' in result && typeof result.data === 'object' ? { ...result.data } : {};
  const { issues } = result.error;
  const uncoded = new z.ZodError(issues.filter((issue) => !isCoded(issue)));
  const [first, ...rest] = [...issues.filter(isCoded).map(codedError), ...fieldErrorsOf(uncoded, input)];
  if (first) throw new InvalidFields([first, ...rest]);
}

/** An issue that a schema of ours added with a failure code. */
type CodedIssue = z.core.$ZodIssueCustom & {
  readonly params: { readonly code: FailureCode; readonly allowed?: readonly string[] };
};

function isCoded(issue: z.core.$ZodIssue): issue is CodedIssue {
  return issue.code === 'custom' && issue.params !== undefined && 'code' in issue.params;
}

function codedError({ path, message, params: { code, allowed } }: CodedIssue): FieldError {
  const field = path.join('.');
  const start = code === 'invalid_field' ? `${field}: ` : code === 'missing_field' ? `${field} is missing. ` : '';
  return { field, code, message: `${start}${message}`, ...(allowed && { allowed }) };
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
