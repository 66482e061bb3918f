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
import { fileHandler, manifestHandler, recurringDownloads, signatureHandler } from './download.ts';
import * as downloads from './download-routes.ts';
import { recurringErrors } from './errors.ts';
import { fullLoadHandler, registerHandler, registrationChanges, showHandler } from './registration.ts';
import * as routes from './routes.ts';
import { listRunsHandler, recurringRunStarter, startRunHandler } from './runs.ts';

/** Mounts the routes of recurring exports. */
export function mountRecurring(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards): void {
  const door = createApiApp();
  door.onError(recurringErrors);
  const changes = registrationChanges(deps);
  const files = recurringDownloads(deps);
  const read = [requireCaller('read', { door: RECURRING.kind, datasets: 'all' })];
  const readEach = [requireCaller('read', { door: RECURRING.kind, datasets: 'each' })];
  const write = [
    requireCaller('write', { door: RECURRING.kind, datasets: 'all' }),
    optionalJson(deps.settings.WAYBILL_BODY_BYTES_MAX),
  ];

  mount(door, routes.register, write, registerHandler(changes));
  mount(door, routes.showRegistration, readEach, showHandler(deps));
  mount(door, routes.fullLoad, write, fullLoadHandler(changes));
  mount(door, routes.listRuns, readEach, listRunsHandler(deps));
  mount(door, routes.acknowledgeRun, write, acknowledgeHandler(deps));
  mount(door, routes.startRun, write, startRunHandler(recurringRunStarter(deps)));
  mount(door, downloads.runManifest, read, manifestHandler(files));
  mount(door, downloads.runSignature, read, signatureHandler(files));
  mount(door, downloads.runFile, readEach, fileHandler(files));
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
