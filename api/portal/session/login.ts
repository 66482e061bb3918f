import { randomBytes } from 'node:crypto';
import { WaybillError } from '../../../contracts/failures.ts';
import { auditFailedLogin, type SecretCheck } from '../../auth/authenticate.ts';
import type { FailedLogins } from '../../auth/limits.ts';
import type { ApiDeps } from '../../deps.ts';
import { TryLater } from '../../http/problems.ts';
import type { ClientAddress } from '../../http/requests.ts';
import { counted } from '../components/figures.ts';
import type { Notice } from '../components/notice.ts';
import { apiContext, PORTAL_PATH, type PortalApp } from '../environment.ts';
import type { Shell } from '../shell/page.ts';
import type { Cookies } from './cookies.ts';
import { csrfToken, isCsrfToken } from './csrf.ts';
import { loginPage, type ShowLogin } from './login-page.ts';
import { mountOpenIdLogin, openIdButtons } from './openid-login.ts';
import { readForm, returnAddress } from './require.ts';
import { IDLE_MINUTES, type Sessions } from './sessions.ts';

export interface LoginDeps extends Pick<ApiDeps, 'ledger' | 'settings'> {
  readonly shell: Shell;
  readonly sessions: Sessions;
  readonly cookies: Cookies;
  readonly secrets: SecretCheck;
  readonly addressOf: ClientAddress;
  readonly logins: FailedLogins;
}

/** Why somebody has to log in again, by the state of the session. */
const WHY: Readonly<Record<string, Notice>> = {
  idle: { title: `You were logged out after ${IDLE_MINUTES} min. Nothing was lost.` },
  over: { title: 'You were logged out after 12 h. Nothing was lost.' },
  revoked: {
    kind: 'warn',
    title: 'Your credential was changed or switched off',
    text: 'Log in with the one that is valid now.',
  },
  out: { title: 'You are logged out' },
};

const MISMATCH: Notice = {
  kind: 'bad',
  title: 'That client id and secret do not match',
  text: 'Check both for spaces at the ends. A secret is shown once, when it is made; if it is lost, have a new one made.',
  isAnswer: true,
};
const STALE: Notice = { kind: 'warn', title: 'The log-in page was too old', text: 'Log in again.', isAnswer: true };

/** Serves the log-in page. */
export function mountLogin(app: PortalApp, deps: LoginDeps): void {
  const { ledger, shell, sessions, cookies, secrets, addressOf, settings } = deps;
  const providers = settings.WAYBILL_OPENID_PROVIDERS;

  const show: ShowLogin = (c, form, status = 200) => {
    let gate = cookies.read(c, 'gate');
    if (!gate) {
      gate = randomBytes(16).toString('base64url');
      cookies.set(c, 'gate', gate);
    }
    const content = loginPage({ ...form, csrf: csrfToken(gate), others: openIdButtons(providers, form.to) });
    return shell.gate(c, { title: `${form.notice?.kind === 'bad' ? 'Error: ' : ''}Log in`, content, status });
  };
  mountOpenIdLogin(app, { ...deps, show });

  app.get('/login', async (c) => {
    const to = returnAddress(c.req.query('to'));
    if ((await sessions.read(c, false))?.state === 'open') return c.redirect(to, 303);
    const why = WHY[c.req.query('why') ?? ''];
    return show(c, { to, ...(why && { notice: why }) });
  });

  app.post('/login', async (c) => {
    const form = await readForm(c, settings.WAYBILL_BODY_BYTES_MAX);
    const to = returnAddress(form.get('to'));
    const clientId = form.get('client_id') ?? '';
    const gate = cookies.read(c, 'gate');
    if (!gate || !isCsrfToken(gate, form.get('csrf'))) return show(c, { to, clientId, notice: STALE }, 403);
    const address = addressOf(apiContext(c));
    try {
      const credential = await secrets.pair(address, clientId, form.get('client_secret') ?? '');
      if (!credential) {
        await auditFailedLogin(deps, address, clientId, 'pair');
        return show(c, { to, clientId, notice: MISMATCH }, 403);
      }
      const { tenant, clientId: actor, scopes } = credential;
      await sessions.begin(c, { tenant, actor, scopes, credential });
      await ledger.audit.append({ tenant, actor, action: 'portal.logged_in', runId: null, detail: { address } });
      cookies.clear(c, 'gate');
      return c.redirect(to, 303);
    } catch (error) {
      if (!(error instanceof WaybillError) || error.code !== 'rate_limited') throw error;
      const seconds = error instanceof TryLater ? Math.max(1, Math.ceil(error.retryAfterSeconds)) : 1;
      c.header('Retry-After', String(seconds));
      const text = `Try again in ${counted(seconds, 'second')}.`;
      return show(
        c,
        { to, clientId, notice: { kind: 'bad', title: 'Too many log-ins failed', text, isAnswer: true } },
        429,
      );
    }
  });
}

/** Serves Log out. The form's token has been checked. */
export function mountLogout(app: PortalApp, { ledger, sessions }: Pick<LoginDeps, 'ledger' | 'sessions'>): void {
  app.post('/logout', async (c) => {
    const { tenant, actor } = c.get('caller');
    await sessions.end(c);
    await ledger.audit.append({ tenant: tenant.key, actor, action: 'portal.logged_out', runId: null, detail: {} });
    return c.redirect(`${PORTAL_PATH}/login?why=out`, 303);
  });
}
