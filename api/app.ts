import { methodNotAllowed } from 'hono/method-not-allowed';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { WaybillError } from '../contracts/failures.ts';
import { REQUESTS_PATH } from '../contracts/requests.ts';
import { callerRequirement, type Guards, secretCheck } from './auth/authenticate.ts';
import { downloadLimit, failedLogins, requestLimit } from './auth/limits.ts';
import { tokenHandler, tokenRoute } from './auth/oauth.ts';
import { outsideTokens, ownTokens } from './auth/tokens.ts';
import type { ApiDeps } from './deps.ts';
import { serveAssets } from './docs/assets.ts';
import { servePages } from './docs/pages.ts';
import { healthHandler, healthRoute, readyHandler, readyRoute } from './health.ts';
import { accessLog } from './http/access-log.ts';
import { jsonBodiesOnly, ownOriginOnly } from './http/browsers.ts';
import { finalResponse, problemResponse } from './http/problems.ts';
import { clientAddress } from './http/requests.ts';
import { mountExports } from './on-demand/mount.ts';
import { type ApiApp, createApiApp, mount, mountUnvalidated, serveOpenApi } from './openapi.ts';
import { mountPeriodic } from './periodic/mount.ts';
import { mountPortal } from './portal/mount.ts';
import { mountOperator } from './portal/operator/mount.ts';
import { mountQuestionnaires } from './questionnaires/mount.ts';
import { mountRecurring } from './recurring/mount.ts';
import { mountSftpKeys } from './recurring/sftp-keys.ts';
import { mountRequests } from './requests/mount.ts';
import { createRunServices, type RunServices } from './runs/services.ts';
import { keysHandler, keysRoute } from './signing-keys.ts';
import { mountWebhooks } from './webhooks/mount.ts';

/** Maximum length of a caller's `X-Request-Id`; a longer one is replaced. */
const REQUEST_ID_LENGTH_MAX = 64;

/** For all responses but pages, which load and run nothing. Pages set their own policy, which is not overwritten. */
const SECURE_HEADERS = {
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  overwrite: false,
  xFrameOptions: 'DENY',
  // Left to the proxy that terminates TLS, because it applies to the operator's whole domain.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
};

/** Take forms, as published clients send them. */
const FORM_PATHS = [`${REQUESTS_PATH}/request`];

/** Mounts the routes of one kind of export. */
export type MountKind = (app: ApiApp, deps: ApiDeps, guards: Guards, runs: RunServices) => void;

/** Creates the HTTP API. Its only state in memory is rate limits and caches. */
export function createApp(
  deps: ApiDeps,
  kinds: readonly MountKind[] = [mountExports, mountPeriodic, mountRecurring, mountQuestionnaires, mountRequests],
): ApiApp {
  const { settings, ledger, clock } = deps;
  const app = createApiApp();
  const addressOf = clientAddress(settings.WAYBILL_TRUSTED_PROXIES);
  const logins = failedLogins(deps.loginLimit);
  const secrets = secretCheck({ ledger, logins });
  const countRequest = requestLimit(deps);
  const downloads = downloadLimit(deps);
  const own = ownTokens(deps);
  const outside = outsideTokens(settings.WAYBILL_TOKEN_ISSUERS, clock);
  const requireCaller = callerRequirement({
    ledger,
    addressOf,
    logins,
    secrets,
    ownTokens: own,
    outsideTokens: outside,
    countRequest,
  });

  app.use(requestId({ limitLength: REQUEST_ID_LENGTH_MAX }));
  app.use(accessLog(deps));
  app.use((c, next) => {
    c.set('downloads', downloads);
    c.set('address', addressOf(c));
    return next();
  });
  app.use(secureHeaders(SECURE_HEADERS));
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed(c, methods) {
        c.header('Allow', methods.join(', '));
        return problemResponse(c, new WaybillError('method_not_allowed'));
      },
    }),
  );
  app.notFound((c) => problemResponse(c, new WaybillError('not_found', 'There is nothing here. Check the address.')));
  app.onError((error, c) => finalResponse(c, error) ?? problemResponse(c, error));

  const bodyBytesMax = settings.WAYBILL_BODY_BYTES_MAX;
  const token = tokenHandler({ ledger, addressOf, secrets, ownTokens: own, bodyBytesMax });
  // OAuth defines its own bodies and error responses (RFC 6749 sections 4.4 and 5.2).
  mountUnvalidated(app, tokenRoute, token);
  app.post('/v1/identity/oauth/token', token);
  app.use(ownOriginOnly(settings.WAYBILL_PUBLIC_URL));
  const runs = createRunServices(deps);
  mountPortal(app, deps, { addressOf, countRequest, secrets }, runs);
  mountOperator(app, deps, { addressOf, logins }, runs);
  app.use(jsonBodiesOnly(FORM_PATHS));
  for (const mountKind of kinds) mountKind(app, deps, { requireCaller, addressOf, logins, countRequest }, runs);
  mountSftpKeys(app, deps, { requireCaller, addressOf, logins, countRequest });
  mountWebhooks(app, deps, { requireCaller, addressOf, logins, countRequest });
  mount(app, healthRoute, [], healthHandler());
  mount(app, readyRoute, [], readyHandler(deps));
  mount(app, keysRoute, [], keysHandler(deps));
  serveOpenApi(app, deps);
  serveAssets(app);
  servePages(app, deps);
  return app;
}
