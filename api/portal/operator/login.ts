import { html } from 'hono/html';
import { createSecretHash } from '../../../stores/ledger/secret-hash.ts';
import { auditFailedLogin } from '../../auth/authenticate.ts';
import type { FailedLogins } from '../../auth/limits.ts';
import type { ApiDeps, OperatorAccess } from '../../deps.ts';
import type { ClientAddress } from '../../http/requests.ts';
import { button, field } from '../components/field.ts';
import { brand } from '../components/icon.ts';
import { type Notice, notice } from '../components/notice.ts';
import { bars } from '../components/slip.ts';
import { apiContext, type PortalApp, type PortalContext, type PortalMiddleware } from '../environment.ts';
import type { Cookies } from '../session/cookies.ts';
import { csrfToken } from '../session/csrf.ts';
import { createGate, STALE, tooMany, WHY } from '../session/gate.ts';
import { readForm, returnAddress } from '../session/require.ts';
import type { Markup } from '../shell/markup.ts';
import type { Shell } from '../shell/page.ts';
import type { OperatorLogins } from './sessions.ts';

export const OPERATOR_PATH = '/operator';
/** How the addresses of streams of changes end. */
const EVENTS = '/events';

interface OperatorLoginDeps extends Pick<ApiDeps, 'ledger' | 'settings'> {
  readonly operator: OperatorAccess;
  readonly logins: FailedLogins;
  readonly addressOf: ClientAddress;
  readonly shell: Shell;
  readonly sessions: OperatorLogins;
  readonly cookies: Cookies;
}

const MISMATCH: Notice = {
  kind: 'bad',
  title: 'That is not the secret',
  text: 'Check it for spaces at the ends. “npx waybill operator-secret” makes another one.',
  isAnswer: true,
};

/** Serves the log-in page of the operator. */
export function mountOperatorLogin(app: PortalApp, deps: OperatorLoginDeps): void {
  const { ledger, settings, operator, logins, addressOf, shell, sessions, cookies } = deps;
  const gate = createGate(cookies);
  const secretHash = createSecretHash();

  function show(
    c: PortalContext,
    form: { readonly to: string; readonly notice?: Notice },
    status: 200 | 403 | 429 = 200,
  ) {
    const title = `${form.notice?.kind === 'bad' ? 'Error: ' : ''}Operator log-in`;
    return shell.gate(c, { title, content: loginContent({ ...form, csrf: gate.token(c) }), status });
  }

  app.get('/login', async (c) => {
    const to = returnAddress(c.req.query('to'), OPERATOR_PATH);
    if ((await sessions.read(c, false))?.state === 'open') return c.redirect(to, 303);
    const why = WHY[c.req.query('why') ?? ''];
    return show(c, { to, ...(why && { notice: why }) });
  });

  app.post('/login', async (c) => {
    const form = await readForm(c, settings.WAYBILL_BODY_BYTES_MAX);
    const to = returnAddress(form.get('to'), OPERATOR_PATH);
    if (!gate.accepts(c, form)) return show(c, { to, notice: STALE }, 403);
    const address = addressOf(apiContext(c));
    try {
      const isRight = await logins.guard({ address, clientId: null }, async () =>
        (await secretHash.verify(form.get('secret') ?? '', operator.secretHash)) ? true : undefined,
      );
      if (!isRight) {
        await auditFailedLogin(deps, address, null, 'operator');
        return show(c, { to, notice: MISMATCH }, 403);
      }
      await sessions.begin(c);
      await ledger.audit.append({
        ...{ tenant: null, actor: 'operator', action: 'operator.logged_in', runId: null },
        detail: { address },
      });
      gate.close(c);
      return c.redirect(to, 303);
    } catch (error) {
      return show(c, { to, notice: tooMany(c, error) }, 429);
    }
  });
}

/** Serves Log out. The form's token has been checked. */
export function mountOperatorLogout(
  app: PortalApp,
  { ledger, sessions }: Pick<OperatorLoginDeps, 'ledger' | 'sessions'>,
): void {
  app.post('/logout', async (c) => {
    await sessions.end(c);
    await ledger.audit.append({
      ...{ tenant: null, actor: 'operator', action: 'operator.logged_out', runId: null },
      detail: { address: c.get('address') },
    });
    return c.redirect(`${OPERATOR_PATH}/login?why=out`, 303);
  });
}

/** Creates middleware that lets only requests of an operator's session pass. */
export function requireOperator(sessions: OperatorLogins): PortalMiddleware {
  return async function openSession(c, next) {
    const isStream = c.req.path.endsWith(EVENTS);
    const found = await sessions.read(c, !isStream);
    if (found?.state !== 'open') {
      if (isStream) return c.body('event: logged-out\ndata:\n\n', 200, { 'Content-Type': 'text/event-stream' });
      const { pathname, search } = new URL(c.req.url);
      const to = c.req.method === 'GET' ? `${pathname}${search}` : OPERATOR_PATH;
      const why = found === undefined || found.state === 'unknown' ? {} : { why: found.state };
      return c.redirect(`${OPERATOR_PATH}/login?${new URLSearchParams({ to, ...why })}`, 303);
    }
    c.set('csrf', csrfToken(found.token));
    return next();
  };
}

function loginContent(form: { readonly csrf: string; readonly to: string; readonly notice?: Notice }): Markup {
  return html`<div class="slip gate__slip">
<div class="gate__form">
<div class="brand">${brand(30)}</div>
<h1>Log in as the operator</h1>
${form.notice ? notice(form.notice) : ''}
<form class="gate__fields" method="post" action="${OPERATOR_PATH}/login"><input type="hidden" name="csrf" value="${form.csrf}"><input type="hidden" name="to" value="${form.to}">
${field({
  id: 'secret',
  label: 'Operator’s secret',
  control: ({ id, described }) =>
    html`<input id="${id}" name="secret" type="password" autocomplete="current-password"${described} required>`,
})}
${button({ label: 'Log in', look: 'primary', classes: 'btn--wide', busy: 'Logging in…' })}
</form>
</div>
<aside class="slip__stub" aria-label="About this page">
<div class="promise">
<p><strong>All tenants at a glance</strong>What runs, what failed and why, what is late, and what is stored.</p>
<p><strong>No rows, no keys</strong>Nothing here opens anybody’s files.</p>
<p><strong>Not what you looked for?</strong>Tenants log in <a href="/portal">to their data exports</a>.</p>
</div>
${bars('WAYBILL')}
</aside>
</div>`;
}
