import { isFailureCode, WaybillError } from '../../contracts/failures.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiApp } from '../http/mount.ts';
import { landingPage, problemPage, problemsPage } from './pages.ts';
import { STYLE } from './style.ts';

/** Serves the landing page, and a page for every problem. */
export function servePages(app: ApiApp, { settings }: Pick<ApiDeps, 'settings'>): void {
  const landing = landingPage(settings.WAYBILL_PUBLIC_URL);
  app.get('/', (c) => c.html(landing));
  app.get('/problems', (c) => c.html(problemsPage()));
  app.get('/problems/:code', (c) => {
    const code = c.req.param('code');
    if (!isFailureCode(code)) throw new WaybillError('not_found', 'There is no problem with this code.');
    return c.html(problemPage(code));
  });
  app.get('/style.css', (c) =>
    c.body(STYLE, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'public, max-age=300' }),
  );
}
