import { Hono } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { Guards, SecretCheck } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiApp } from '../openapi.ts';
import type { RunServices } from '../runs/services.ts';
import { createTimes } from './components/times.ts';
import { PORTAL_PATH, type PortalEnv } from './environment.ts';
import { onDemandTab } from './on-demand/tab.ts';
import { mountRequestPage } from './requests/routes.ts';
import { createCookies } from './session/cookies.ts';
import { mountLogin, mountLogout } from './session/login.ts';
import { requireForm, requireSession, requireWriter } from './session/require.ts';
import { createSessions } from './session/sessions.ts';
import { createAssets } from './shell/assets.ts';
import { errorPage } from './shell/errors.ts';
import { createShell } from './shell/page.ts';
import { pageHeaders } from './shell/policy.ts';
import { mountTimeZone, zoneOf } from './shell/time-zone.ts';
import type { Tab } from './tab.ts';

/** In the order of the header. */
const TABS: readonly Tab[] = [onDemandTab];

interface PortalGuards extends Pick<Guards, 'addressOf' | 'countRequest' | 'logins'> {
  readonly secrets: SecretCheck;
}

/** Mounts the portal: pages for people, who log in with a credential. */
export function mountPortal(app: ApiApp, deps: ApiDeps, guards: PortalGuards, runs: RunServices): void {
  const tabs = TABS.filter(({ isOffered }) => isOffered?.(deps) ?? true);
  const assets = createAssets(`${PORTAL_PATH}/assets`);
  const shell = createShell(assets, tabs);
  const bodyBytesMax = deps.settings.WAYBILL_BODY_BYTES_MAX;
  const cookies = createCookies(deps.settings);
  const sessions = createSessions(deps, cookies);
  const portal = new Hono<PortalEnv>();

  portal.onError((error, c) => errorPage(c, shell, error));
  portal.use(pageHeaders());
  portal.get('/assets/:hash/:name', (c) => assets.send(c));
  portal.use(async (c, next) => {
    c.set('times', createTimes(zoneOf(c, cookies, deps.settings), deps.clock.now()));
    await next();
  });
  mountLogin(portal, { ...deps, ...guards, shell, sessions, cookies });

  const keeps = new Map(tabs.map((tab) => [`${PORTAL_PATH}${tab.path}`, tab.keeps ?? []]));
  portal.use(requireSession({ ...deps, ...guards, sessions, keeps, bodyBytesMax }));
  portal.use(requireForm(sessions, bodyBytesMax));
  mountLogout(portal, { ...deps, sessions });
  mountTimeZone(portal, { shell, cookies });
  portal.use(requireWriter());
  portal.get('/', (c) => c.redirect(`${PORTAL_PATH}${tabs[0]?.path ?? '/time-zone'}`, 303));
  for (const tab of tabs) tab.mount(portal, { ...deps, runs, shell, sessions });
  mountRequestPage(portal, { ...deps, runs, shell, sessions });
  portal.all('*', () => {
    throw new WaybillError('not_found');
  });
  app.route(PORTAL_PATH, portal);
}
