import { Hono } from 'hono';
import { html } from 'hono/html';
import { WaybillError } from '../../../contracts/failures.ts';
import { isRunId } from '../../../contracts/job-id.ts';
import { isActive } from '../../../contracts/progress.ts';
import { REQUESTS } from '../../../contracts/requests.ts';
import { CANCELLED_RUN, ON_DEMAND } from '../../../contracts/run.ts';
import { releaseBatch } from '../../../stores/temporal/release-batch.ts';
import type { Guards } from '../../auth/authenticate.ts';
import type { ApiDeps } from '../../deps.ts';
import type { ApiApp } from '../../openapi.ts';
import { cancelRun } from '../../runs/remove.ts';
import type { RunServices } from '../../runs/services.ts';
import { pageHead } from '../components/panel.ts';
import { createTimes } from '../components/times.ts';
import { PORTAL_PATH, type PortalContext, type PortalEnv } from '../environment.ts';
import { changes } from '../live/stream.ts';
import { createCookies } from '../session/cookies.ts';
import { requireForm } from '../session/require.ts';
import { createAssets } from '../shell/assets.ts';
import { errorPage } from '../shell/errors.ts';
import { createShell } from '../shell/page.ts';
import { pageHeaders } from '../shell/policy.ts';
import { failuresPage } from './failures-page.ts';
import { mountOperatorLogin, mountOperatorLogout, OPERATOR_PATH, requireOperator } from './login.ts';
import { overviewPage } from './page.ts';
import { type Drawing, tenantsPanel } from './panels.ts';
import { createOperatorLogins } from './sessions.ts';
import { createSnapshot, WEEK_MS } from './snapshot.ts';
import { temporalLinks } from './temporal-links.ts';

const TABS = [
  { path: '', name: 'Overview' },
  { path: '/failures', name: 'Failures' },
  { path: '/tenants', name: 'Tenants' },
];
/** Runs that the list of failures shows. */
const FAILED_MAX = 200;

/** Mounts the operator's pages, if the deployment has a secret for them. */
export function mountOperator(
  app: ApiApp,
  deps: ApiDeps,
  guards: Pick<Guards, 'addressOf' | 'logins'>,
  runs: RunServices,
): void {
  const { operator, settings, catalog, ledger, clock, temporal } = deps;
  if (operator === null) return;
  const shell = createShell(createAssets(`${PORTAL_PATH}/assets`), TABS, {
    ...{ path: OPERATOR_PATH, nav: 'Operator', hasTimeZone: false, mayOpen: () => true },
    account: () => ({ title: 'Operator', name: '' }),
  });
  const bodyBytesMax = settings.WAYBILL_BODY_BYTES_MAX;
  const cookies = createCookies(settings, { path: OPERATOR_PATH, prefix: 'operator-' });
  const sessions = createOperatorLogins(deps, cookies, operator.secretHash);
  const readSnapshot = createSnapshot({ ...deps, operator, runs });
  const links = temporalLinks(operator.temporalUi);
  const hasBatches = settings.WAYBILL_REQUESTS_SCHEDULE !== 'immediately';
  const pages = new Hono<PortalEnv>();

  const drawing = (c: PortalContext): Drawing => ({ catalog, links, csrf: c.get('csrf'), times: c.get('times') });
  const overview = async (c: PortalContext) => {
    const snapshot = await readSnapshot();
    // As of what is shown, so that nothing is sent while nothing has changed.
    const times = createTimes(settings.WAYBILL_PERIODIC_TIME_ZONE, snapshot.at);
    return overviewPage(snapshot, { ...drawing(c), times }, { hasBatches });
  };

  pages.onError((error, c) => errorPage(c, shell, error));
  pages.use(pageHeaders());
  pages.use(async (c, next) => {
    c.set('times', createTimes(settings.WAYBILL_PERIODIC_TIME_ZONE, clock.now()));
    await next();
  });
  mountOperatorLogin(pages, { ...deps, ...guards, operator, shell, sessions, cookies });
  pages.use(requireOperator(sessions));
  pages.use(requireForm(sessions, bodyBytesMax));
  mountOperatorLogout(pages, { ledger, sessions });

  pages.get('/', async (c) => shell.page(c, await overview(c)));
  pages.get(
    '/events',
    changes({ sessions, clock, stopping: deps.stopping }, async (c) => ({
      fragments: [{ id: 'main', markup: shell.main(await overview(c)) }],
    })),
  );
  pages.get('/failures', async (c) => {
    const code = c.req.query('code') || undefined;
    const since = new Date(clock.now().getTime() - WEEK_MS);
    const [failed, snapshot] = await Promise.all([
      ledger.operations.failedSince(since, code === undefined ? {} : { code }, FAILED_MAX),
      readSnapshot(),
    ]);
    return shell.page(c, failuresPage(failed, snapshot, code, drawing(c)));
  });
  pages.get('/tenants', async (c) => {
    const content = html`${pageHead({ title: 'Tenants' })}${tenantsPanel(await readSnapshot(), drawing(c))}`;
    return shell.page(c, { title: 'Tenants', tab: '/tenants', content });
  });
  pages.post('/batch', async (c) => {
    await releaseBatch(ledger, temporal);
    return c.redirect(OPERATOR_PATH, 303);
  });
  pages.post('/runs/:id/cancel', async (c) => {
    const run = isRunId(c.req.param('id')) ? await ledger.runs.find(c.req.param('id')) : undefined;
    if (!run) throw new WaybillError('not_found');
    if (isActive(run.state)) {
      const isOwn = run.kind === ON_DEMAND || run.kind === REQUESTS;
      await cancelRun(deps, run, { waitMs: 0, message: CANCELLED_RUN[isOwn ? 'own' : 'standing'] });
      await ledger.audit.append({
        ...{ tenant: run.tenant, actor: 'operator', action: 'export.cancelled', runId: run.runId },
        detail: {},
      });
    }
    return c.redirect(OPERATOR_PATH, 303);
  });
  pages.all('*', () => {
    throw new WaybillError('not_found');
  });
  app.route(OPERATOR_PATH, pages);
}
