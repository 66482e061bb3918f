import { RECURRING } from '../../contracts/recurring.ts';
import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { optionalJson } from '../http/requests.ts';
import { type ApiApp, createApiApp, mount } from '../openapi.ts';
import { acknowledgeHandler } from './ack.ts';
import {
  putDestinationHandler,
  removeDestinationHandler,
  showDestinationHandler,
  testDestinationHandler,
} from './destination.ts';
import * as destinations from './destination-routes.ts';
import { fileHandler, manifestHandler, signatureHandler } from './download.ts';
import * as downloads from './download-routes.ts';
import { recurringErrors } from './errors.ts';
import { fullLoadHandler, registerHandler, showHandler } from './registration.ts';
import * as routes from './routes.ts';
import { listRunsHandler, startRunHandler } from './runs.ts';

/** Mounts the routes of recurring exports. */
export function mountRecurring(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards): void {
  const door = createApiApp();
  door.onError(recurringErrors);
  const read = [requireCaller('read', { door: RECURRING.kind, datasets: 'all' })];
  const readEach = [requireCaller('read', { door: RECURRING.kind, datasets: 'each' })];
  const write = [
    requireCaller('write', { door: RECURRING.kind, datasets: 'all' }),
    optionalJson(deps.settings.WAYBILL_BODY_BYTES_MAX),
  ];

  mount(door, routes.register, write, registerHandler(deps));
  mount(door, routes.showRegistration, readEach, showHandler(deps));
  mount(door, routes.fullLoad, write, fullLoadHandler(deps));
  mount(door, routes.listRuns, readEach, listRunsHandler(deps));
  mount(door, routes.acknowledgeRun, write, acknowledgeHandler(deps));
  mount(door, routes.startRun, write, startRunHandler(deps));
  mount(door, downloads.runManifest, read, manifestHandler(deps));
  mount(door, downloads.runSignature, read, signatureHandler(deps));
  mount(door, downloads.runFile, readEach, fileHandler(deps));
  mount(door, destinations.putDestination, write, putDestinationHandler(deps));
  mount(door, destinations.showDestination, read, showDestinationHandler(deps));
  mount(
    door,
    destinations.removeDestination,
    [requireCaller('write', { door: RECURRING.kind, datasets: 'all' })],
    removeDestinationHandler(deps),
  );
  mount(
    door,
    destinations.testDestination,
    [requireCaller('write', { door: RECURRING.kind, datasets: 'all' })],
    testDestinationHandler(deps),
  );
  app.route('/', door);
}
