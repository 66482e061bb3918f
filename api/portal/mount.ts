import { Hono } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { isLimited, mayUseDoor, type Reach } from '../../contracts/limits.ts';
import type { Guards, SecretCheck } from '../auth/authenticate.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import type { ApiApp } from '../openapi.ts';
import type { RunServices } from '../runs/services.ts';
import { auditTab } from './audit/tab.ts';
import { createTimes } from './components/times.ts';
import { credentialsTab } from './credentials/tab.ts';
import { PORTAL_PATH, type PortalEnv } from './environment.ts';
import { onDemandTab } from './on-demand/tab.ts';
import { openFileTab } from './open-file/tab.ts';
import { periodicTab } from './periodic/tab.ts';
import { questionnairesTab } from './questionnaires/tab.ts';
import { recurringTab } from './recurring/tab.ts';
import { mountRequestPage } from './requests/routes.ts';
import { requestsTab } from './requests/tab.ts';
import { createCookies } from './session/cookies.ts';
import { mountLogin, mountLogout } from './session/login.ts';
import { requireForm, requireReach, requireSession, requireWriter } from './session/require.ts';
import { createSessions } from './session/sessions.ts';
import { createAssets } from './shell/assets.ts';
import { createBundles } from './shell/bundles.ts';
import { errorPage } from './shell/errors.ts';
import { type Area, createShell } from './shell/page.ts';
import { pageHeaders } from './shell/policy.ts';
import { mountTimeZone, zoneOf } from './shell/time-zone.ts';
import type { Tab } from './tab.ts';

/** In the order of the header. */
const TABS: readonly Tab[] = [
  requestsTab,
  onDemandTab,
  periodicTab,
  recurringTab,
  questionnairesTab,
  credentialsTab,
  auditTab,
  openFileTab,
];

const REACHES = new Map(TABS.map(({ path, reach }) => [path, reach]));

function mayOpen({ limits }: Caller, reach: Reach | null | undefined): boolean {
  if (reach === null || reach === undefined) return true;
  if (reach === 'tenant') return !isLimited(limits);
  return mayUseDoor(limits, reach.door) && (reach.datasets === 'each' || limits.datasets === null);
}

const AREA: Area = {
  path: PORTAL_PATH,
  nav: 'Main',
  mayOpen: (c, path) => mayOpen(c.get('caller'), REACHES.get(path)),
  hasTimeZone: true,
  account(c) {
    const { tenant, actor } = c.get('caller');
    return { title: tenant.title, name: actor.replace(/^token:/, '') };
  },
};

interface PortalGuards extends Pick<Guards, 'addressOf' | 'countRequest'> {
  readonly secrets: SecretCheck;
}

/** Mounts the portal: pages for people, who log in with a credential. */
export function mountPortal(app: ApiApp, deps: ApiDeps, guards: PortalGuards, runs: RunServices): void {
  const tabs = TABS.filter(({ isOffered }) => isOffered?.(deps) ?? true);
  const assets = createAssets(`${PORTAL_PATH}/assets`);
  const bundles = createBundles(`${PORTAL_PATH}/bundles`);
  const shell = createShell(assets, tabs, AREA);
  const bodyBytesMax = deps.settings.WAYBILL_BODY_BYTES_MAX;
  const cookies = createCookies(deps.settings, { path: PORTAL_PATH, prefix: '' });
  const sessions = createSessions(deps, cookies);
  const portal = new Hono<PortalEnv>();

  portal.onError((error, c) => errorPage(c, shell, error));
  portal.use(pageHeaders());
  portal.get('/assets/:hash/:name', (c) => assets.send(c));
  portal.get('/bundles/:hash/:name', async (c) => (await bundles.send(c)) ?? c.notFound());
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
  portal.get('/', (c) => {
    const first = tabs.find(({ reach }) => mayOpen(c.get('caller'), reach));
    return c.redirect(`${PORTAL_PATH}${first?.path ?? '/time-zone'}`, 303);
  });
  for (const tab of tabs) {
    for (const path of [tab.path, `${tab.path}/*`]) portal.use(path, requireReach(deps, tab.reach));
    tab.mount(portal, { ...deps, runs, shell, sessions, bundles });
  }
  mountRequestPage(portal, { ...deps, runs, shell, sessions, bundles });
  portal.all('*', () => {
    throw new WaybillError('not_found');
  });
  app.route(PORTAL_PATH, portal);
}
