import { html } from 'hono/html';
import { isTimeZone } from '../../../contracts/recurrence.ts';
import type { ApiSettings } from '../../deps.ts';
import { button, field, type Option, postForm, select } from '../components/field.ts';
import { pageHead, panelBody } from '../components/panel.ts';
import { PORTAL_PATH, type PortalApp, type PortalContext } from '../environment.ts';
import type { Cookies } from '../session/cookies.ts';
import { returnAddress } from '../session/require.ts';
import type { Shell } from './page.ts';

/** How long a browser keeps its choice: a year. Seconds. */
const KEPT_SECONDS = 31_536_000;

/** Time zones to choose from, UTC first. */
export function zoneOptions(): readonly Option[] {
  const zones = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];
  return zones.map((zone) => ({ value: zone, label: zone.replaceAll('_', ' ') }));
}

/** @returns the zone that the browser has chosen, or the deployment's */
export function zoneOf(
  c: PortalContext,
  cookies: Cookies,
  { WAYBILL_PERIODIC_TIME_ZONE: byDefault }: Pick<ApiSettings, 'WAYBILL_PERIODIC_TIME_ZONE'>,
): string {
  const chosen = cookies.read(c, 'zone');
  return chosen !== undefined && isTimeZone(chosen) ? chosen : byDefault;
}

/** Serves the page that chooses the time zone of all pages. */
export function mountTimeZone(
  app: PortalApp,
  { shell, cookies }: { readonly shell: Shell; readonly cookies: Cookies },
) {
  const zones = zoneOptions();

  app.get('/time-zone', (c) => {
    const back = returnAddress(c.req.header('referer')?.replace(/^https?:\/\/[^/]+/, ''));
    const content = html`<div class="narrow stack">${pageHead({
      title: 'Time zone',
      text: 'For the times on these pages. Files are not changed.',
    })}<section class="panel" aria-label="Time zone">${panelBody(
      postForm(
        `${PORTAL_PATH}/time-zone`,
        c.get('csrf'),
        [
          html`<input type="hidden" name="to" value="${back}">`,
          field({
            id: 'zone',
            label: 'Show times in',
            control: (props) => select(props, 'zone', zones, c.get('times').zone),
          }),
          html`<div class="row">${button({ label: 'Save time zone', look: 'primary' })}</div>`,
        ],
        { classes: 'stack' },
      ),
    )}</section></div>`;
    return shell.page(c, { title: 'Time zone', content });
  });

  app.post('/time-zone', (c) => {
    const form = c.get('form');
    const zone = form.get('zone') ?? '';
    if (isTimeZone(zone)) cookies.set(c, 'zone', zone, KEPT_SECONDS);
    return c.redirect(returnAddress(form.get('to')), 303);
  });
}
