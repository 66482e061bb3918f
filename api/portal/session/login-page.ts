import { html } from 'hono/html';
import { button, field } from '../components/field.ts';
import { brand } from '../components/icon.ts';
import { type Notice, notice } from '../components/notice.ts';
import { bars } from '../components/slip.ts';
import { PORTAL_PATH, type PortalContext } from '../environment.ts';
import { attribute, type Content, type Markup } from '../shell/markup.ts';

export interface LoginForm {
  readonly csrf: string;
  /** Address to go to afterwards. */
  readonly to: string;
  readonly clientId?: string;
  readonly notice?: Notice;
  /** Other ways to log in. */
  readonly others?: Content;
}

/** Shows the log-in page. */
export type ShowLogin = (
  c: PortalContext,
  form: Pick<LoginForm, 'to' | 'clientId' | 'notice'>,
  status?: 200 | 403 | 429 | 503,
) => Response | Promise<Response>;

export function loginPage({ csrf, to, clientId = '', notice: told, others }: LoginForm): Markup {
  return html`<div class="slip gate__slip">
<div class="gate__form">
<div class="brand">${brand(30)}</div>
<h1>Log in to your data exports</h1>
${told ? notice(told) : ''}
<form class="gate__fields" method="post" action="${PORTAL_PATH}/login"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="to" value="${to}">
${field({
  id: 'client-id',
  label: 'Client id',
  control: ({ id, described }) =>
    html`<input id="${id}" name="client_id" autocomplete="username" autocapitalize="none" spellcheck="false"${attribute('value', clientId)}${described} required>`,
})}
${field({
  id: 'secret',
  label: 'Secret',
  control: ({ id, described }) =>
    html`<input id="${id}" name="client_secret" type="password" autocomplete="current-password"${described} required>`,
})}
${button({ label: 'Log in', look: 'primary', classes: 'btn--wide', busy: 'Logging in…' })}
</form>
${others ? html`<p class="or">or</p>\n${others}` : ''}
</div>
<aside class="slip__stub" aria-label="About Waybill">
<div class="promise">
<p><strong>Your data, whole</strong>Each export has a manifest that lists every part with its rows and its hash.</p>
<p><strong>Yours to open</strong>Sealed exports open with your key only. Nobody here can read them.</p>
<p><strong>Yours to take</strong>CSV, JSON or Parquet; by hand, every night or over SFTP.</p>
</div>
${bars('WAYBILL')}
</aside>
</div>`;
}
