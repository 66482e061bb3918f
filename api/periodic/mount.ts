import type { RequireCaller } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiApp, mount } from '../openapi.ts';
import { disableHandler } from './disable.ts';
import { downloadHandler } from './download.ts';
import { downloadAllHandler } from './download-all.ts';
import { enableHandler } from './enable.ts';
import { manifestHandler } from './manifest.ts';
import { rotateHandler } from './rotate.ts';
import * as routes from './routes.ts';
import { statusHandler } from './status.ts';

/** Door 2: periodic exports that only the tenant can open. */
export function mountPeriodic(app: ApiApp, deps: ApiDeps, requireCaller: RequireCaller): void {
  const read = requireCaller('read');
  const write = requireCaller('write');

  mount(app, routes.showPeriodic, read, statusHandler(deps));
  mount(app, routes.enablePeriodic, write, enableHandler(deps));
  mount(app, routes.downloadPeriodic, read, downloadHandler(deps));
  mount(app, routes.downloadAllPeriodic, read, downloadAllHandler(deps));
  mount(app, routes.periodicManifest, read, manifestHandler(deps));
  mount(app, routes.rotatePeriodic, write, rotateHandler(deps));
  mount(app, routes.disablePeriodic, write, disableHandler(deps));
}
