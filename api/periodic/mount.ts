import type { RequireCaller } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { optionalJson } from '../http/requests.ts';
import { type ApiApp, mount } from '../openapi.ts';
import { disableHandler } from './disable.ts';
import { downloadAllHandler, downloadHandler, manifestHandler } from './download.ts';
import { enableHandler } from './enable.ts';
import { offeredFiles } from './query.ts';
import { rotateHandler } from './rotate.ts';
import * as routes from './routes.ts';
import { statusHandler } from './status.ts';

/** Periodic exports that only the tenant can open. */
export function mountPeriodic(app: ApiApp, deps: ApiDeps, requireCaller: RequireCaller): void {
  const read = [requireCaller('read')];
  const write = [requireCaller('write')];
  const writeJson = [...write, optionalJson(deps.settings.WAYBILL_BODY_BYTES_MAX)];

  mount(app, routes.showPeriodic, read, statusHandler(deps));
  mount(app, routes.enablePeriodic, writeJson, enableHandler(deps));
  mount(app, routes.downloadPeriodic(offeredFiles(deps.catalog)), read, downloadHandler(deps));
  mount(app, routes.downloadAllPeriodic, read, downloadAllHandler(deps));
  mount(app, routes.periodicManifest, read, manifestHandler(deps));
  mount(app, routes.rotatePeriodic, writeJson, rotateHandler(deps));
  mount(app, routes.disablePeriodic, write, disableHandler(deps));
}
