import { PERIODIC } from '../../contracts/periodic.ts';
import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { optionalJson } from '../http/requests.ts';
import { type ApiApp, mount } from '../openapi.ts';
import { createStandingChanges } from '../runs/standing.ts';
import {
  downloadAllHandler,
  downloadHandler,
  manifestHandler,
  periodicDownloads,
  signatureHandler,
} from './download.ts';
import { offeredFiles } from './input.ts';
import * as routes from './routes.ts';
import { createPeriodicSettings, disableHandler, enableHandler, rotateHandler } from './settings.ts';
import { statusHandler } from './status.ts';

/** Mounts the routes of periodic exports. */
export function mountPeriodic(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards): void {
  const standing = createStandingChanges(deps, PERIODIC);
  const settings = createPeriodicSettings({ ...deps, standing });
  const downloads = periodicDownloads(deps);
  const read = [requireCaller('read', { door: PERIODIC.kind, datasets: 'all' })];
  const readEach = [requireCaller('read', { door: PERIODIC.kind, datasets: 'each' })];
  const write = [requireCaller('write', { door: PERIODIC.kind, datasets: 'all' })];
  const writeJson = [...write, optionalJson(deps.settings.WAYBILL_BODY_BYTES_MAX)];

  mount(app, routes.showPeriodic, readEach, statusHandler(deps));
  mount(app, routes.enablePeriodic, writeJson, enableHandler(settings));
  mount(app, routes.downloadPeriodic(offeredFiles(deps.catalog)), readEach, downloadHandler(downloads, deps.settings));
  mount(app, routes.downloadAllPeriodic, readEach, downloadAllHandler(downloads, deps.settings));
  mount(app, routes.periodicManifest, read, manifestHandler(downloads));
  mount(app, routes.periodicSignature, read, signatureHandler(downloads));
  mount(app, routes.rotatePeriodic, writeJson, rotateHandler(settings));
  mount(app, routes.disablePeriodic, write, disableHandler(standing));
}
