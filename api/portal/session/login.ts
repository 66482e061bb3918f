import { auditFailedLogin, type SecretCheck } from '../../auth/authenticate.ts';
import type { ApiDeps } from '../../deps.ts';
import type { ClientAddress } from '../../http/requests.ts';
import type { Notice } from '../components/notice.ts';
import { apiContext, PORTAL_PATH, type PortalApp } from '../environment.ts';
import type { Shell } from '../shell/page.ts';
import type { Cookies } from './cookies.ts';
import { createGate, STALE, tooMany, WHY } from './gate.ts';
import { loginPage, type ShowLogin } from './login-page.ts';
import { mountOpenIdLogin, openIdButtons } from './openid-login.ts';
import { readForm, returnAddress } from './require.ts';
import type { Sessions } from './sessions.ts';

export interface LoginDeps extends Pick<ApiDeps, 'ledger' | 'settings' | 'loginLimit'> {
  readonly shell: Shell;
  readonly sessions: Sessions;
  readonly cookies: Cookies;
  readonly secrets: SecretCheck;
  readonly addressOf: ClientAddress;
}

const MISMATCH: Notice = {
  kind: 'bad',
  title: 'That client id and secret do not match',
  text: 'Check both for spaces at the ends. A secret is shown once, when it is made; if it is lost, have a new one made.',
  isAnswer: true,
};
/** Serves the log-in page. */
export function mountLogin(app: PortalApp, deps: LoginDeps): void {
  const { ledger, shell, sessions, cookies, secrets, addressOf, settings } = deps;
  const providers = settings.WAYBILL_OPENID_PROVIDERS;
  const gate = createGate(cookies);

  const show: ShowLogin = (c, form, status = 200) => {
    const content = loginPage({ ...form, csrf: gate.token(c), others: openIdButtons(providers, form.to) });
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
    if (!gate.accepts(c, form)) return show(c, { to, clientId, notice: STALE }, 403);
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
      gate.close(c);
      return c.redirect(to, 303);
    } catch (error) {
      return show(c, { to, clientId, notice: tooMany(c, error) }, 429);
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
