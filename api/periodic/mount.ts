import { PERIODIC } from '../../contracts/periodic.ts';
import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { optionalJson } from '../http/requests.ts';
import { type ApiApp, mount } from '../openapi.ts';
import { createStandingChanges } from '../runs/standing.ts';
import { downloadAllHandler, downloadHandler, manifestHandler, signatureHandler } from './download.ts';
import { offeredFiles } from './input.ts';
import * as routes from './routes.ts';
import { disableHandler, enableHandler, rotateHandler } from './settings.ts';
import { statusHandler } from './status.ts';

/** Mounts the routes of periodic exports. */
export function mountPeriodic(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards): void {
  const standing = createStandingChanges(deps, PERIODIC);
  const read = [requireCaller('read')];
  const write = [requireCaller('write')];
  const writeJson = [...write, optionalJson(deps.settings.WAYBILL_BODY_BYTES_MAX)];

  mount(app, routes.showPeriodic, read, statusHandler(deps));
  mount(app, routes.enablePeriodic, writeJson, enableHandler({ ...deps, standing }));
  mount(app, routes.downloadPeriodic(offeredFiles(deps.catalog)), read, downloadHandler(deps));
  mount(app, routes.downloadAllPeriodic, read, downloadAllHandler(deps));
  mount(app, routes.periodicManifest, read, manifestHandler(deps));
  mount(app, routes.periodicSignature, read, signatureHandler(deps));
  mount(app, routes.rotatePeriodic, writeJson, rotateHandler(standing));
  mount(app, routes.disablePeriodic, write, disableHandler(standing));
}
