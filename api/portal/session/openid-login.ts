import { html } from 'hono/html';
import { z } from 'zod';
import type { OpenIdProvider } from '../../../config/openid-providers.ts';
import { WaybillError } from '../../../contracts/failures.ts';
import { auditFailedLogin } from '../../auth/authenticate.ts';
import { type FailedLogins, failedLogins } from '../../auth/limits.ts';
import type { ApiDeps } from '../../deps.ts';
import type { ClientAddress } from '../../http/requests.ts';
import { linkButton } from '../components/field.ts';
import type { Notice } from '../components/notice.ts';
import { apiContext, PORTAL_PATH, type PortalApp, type PortalContext } from '../environment.ts';
import type { Content } from '../shell/markup.ts';
import type { Cookies } from './cookies.ts';
import type { ShowLogin } from './login-page.ts';
import { createOpenIdFlow, type OpenIdFlow, type OpenIdIdentity } from './openid.ts';
import { returnAddress } from './require.ts';
import type { Sessions } from './sessions.ts';

/** How long somebody may take at the provider, in seconds. */
const PENDING_SECONDS = 600;

/** Kept in a cookie that scripts cannot read, so a log-in can end on another instance than it began on. */
const pendingLogin = z.object({
  provider: z.string(),
  to: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
});
type PendingLogin = z.infer<typeof pendingLogin>;

interface OpenIdDeps extends Pick<ApiDeps, 'ledger' | 'settings' | 'loginLimit'> {
  readonly sessions: Sessions;
  readonly cookies: Cookies;
  readonly addressOf: ClientAddress;
  readonly show: ShowLogin;
}

/** Log-ins at one provider. */
interface Login {
  readonly flow: OpenIdFlow;
  readonly logins: FailedLogins;
}

/** @returns a button for each provider, for the log-in page */
export function openIdButtons(providers: readonly OpenIdProvider[], to: string): Content | undefined {
  if (providers.length === 0) return undefined;
  const query = new URLSearchParams({ to });
  return html`<div class="gate__fields">${providers.map(({ name, title }) =>
    linkButton(`${PORTAL_PATH}/login/with/${name}?${query}`, { label: `Continue with ${title}`, classes: 'btn--wide' }),
  )}</div>`;
}

/** Serves the start and the end of log-ins at OpenID Providers. */
export function mountOpenIdLogin(app: PortalApp, deps: OpenIdDeps): void {
  const { cookies, settings, show } = deps;
  const flows = new Map(
    settings.WAYBILL_OPENID_PROVIDERS.map((provider): [string, Login] => {
      const redirect = `${settings.WAYBILL_PUBLIC_URL}${PORTAL_PATH}/login/with/${provider.name}/callback`;
      // Each has a capacity of its own: one that is slow keeps nobody else from logging in. What failed is counted together.
      return [provider.name, { flow: createOpenIdFlow(provider, redirect), logins: failedLogins(deps.loginLimit) }];
    }),
  );
  const find = (name: string): Login => {
    const found = flows.get(name);
    if (!found) throw new WaybillError('not_found');
    return found;
  };

  app.get('/login/with/:provider', async (c) => {
    const { flow } = find(c.req.param('provider'));
    const to = returnAddress(c.req.query('to'));
    try {
      const { address, pending } = await flow.begin();
      const kept: PendingLogin = { ...pending, to, provider: flow.provider.name };
      cookies.set(c, 'oidc', Buffer.from(JSON.stringify(kept)).toString('base64url'), PENDING_SECONDS);
      return c.redirect(address.href, 303);
    } catch (error) {
      return away(c, flow, to, error);
    }
  });

  app.get('/login/with/:provider/callback', async (c) => {
    const login = find(c.req.param('provider'));
    const { flow } = login;
    const pending = readPending(cookies.read(c, 'oidc'));
    cookies.clear(c, 'oidc');
    if (pending?.provider !== flow.provider.name) return show(c, { to: PORTAL_PATH, notice: STALE }, 403);
    const to = returnAddress(pending.to);
    try {
      return await finish(c, deps, login, pending, to);
    } catch (error) {
      return away(c, flow, to, error);
    }
  });

  function away(c: PortalContext, { provider }: OpenIdFlow, to: string, error: unknown) {
    if (!(error instanceof WaybillError) || error.code !== 'issuer_unavailable') throw error;
    c.get('logger').warn({ err: error, provider: provider.name }, 'an OpenID Provider could not be asked');
    const notice = tell('warn', `${provider.title} does not answer`, 'Try again in a minute.');
    return show(c, { to, notice }, 503);
  }
}

async function finish(
  c: PortalContext,
  deps: OpenIdDeps,
  { flow, logins }: Login,
  pending: PendingLogin,
  to: string,
): Promise<Response> {
  const { ledger, sessions, addressOf, show } = deps;
  const { name, title } = flow.provider;
  const address = addressOf(apiContext(c));
  const onRefused = (reason: string) =>
    c.get('logger').warn({ reason, provider: name }, 'a log-in at an OpenID Provider was refused');
  let notice = tell('bad', `You were not logged in with ${title}`, 'Its answer could not be verified. Try again.');
  const identity = await logins.guard<OpenIdIdentity>({ address, clientId: null }, async () => {
    const found = await flow.finish(new URL(c.req.url).search, pending, onRefused);
    if (found === 'declined') {
      notice = tell('warn', `${title} did not log you in`, 'You cancelled, or your account may not use this portal.');
    }
    return typeof found === 'string' ? undefined : found;
  });
  if (!identity) {
    await auditFailedLogin(deps, address, null, 'openid');
    return show(c, { to, notice }, 403);
  }
  const tenant = await ledger.tenants.find(identity.tenant);
  if (!tenant || tenant.disabledAt !== null) {
    await auditFailedLogin(deps, address, null, 'openid');
    const text = 'Ask whoever runs this portal to add your organisation.';
    return show(c, { to, notice: tell('bad', 'Your account has no exports here', text) }, 403);
  }
  const { actor, scopes } = identity;
  await sessions.begin(c, { tenant: tenant.key, actor, scopes, credential: null });
  await ledger.audit.append({
    tenant: tenant.key,
    actor,
    action: 'portal.logged_in',
    runId: null,
    detail: { address, provider: name },
  });
  return c.redirect(to, 303);
}

const STALE = tell('warn', 'The log-in took too long', 'Log in again.');

function tell(kind: 'warn' | 'bad', title: string, text: string): Notice {
  return { kind, title, text, isAnswer: true };
}

function readPending(text: string | undefined): PendingLogin | undefined {
  try {
    return pendingLogin.parse(JSON.parse(Buffer.from(text ?? '', 'base64url').toString('utf8')));
  } catch {
    // Expired, or of another browser.
    return undefined;
  }
}
