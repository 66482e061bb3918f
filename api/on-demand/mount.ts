import { ON_DEMAND } from '../../contracts/run.ts';
import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiApp, knownQuery, mount, mountUnvalidated } from '../openapi.ts';
import { eventsHandler } from '../runs/events.ts';
import { linkOrCaller } from '../runs/links.ts';
import type { RunServices } from '../runs/services.ts';
import { createHandler, resubmitHandler } from './create.ts';
import { fileHandler, filesHandler, manifestHandler, namedFileHandler, signatureHandler } from './download.ts';
import { listHandler, removeHandler, revokeHandler, showHandler } from './handlers.ts';
import * as routes from './routes.ts';
import { exportView } from './view.ts';

const REACH = { door: ON_DEMAND, datasets: 'each' } as const;

/** Mounts the routes of on-demand exports. */
export function mountExports(app: ApiApp, deps: ApiDeps, guards: Guards, runs: RunServices): void {
  const { requireCaller } = guards;
  const all = { ...deps, ...runs };
  const authenticate = requireCaller('read', REACH);
  const read = [authenticate];
  const write = [requireCaller('write', REACH)];

  // Validation depends on the catalog, and the response lists all errors in the body.
  mountUnvalidated(app, routes.createExport, ...write, knownQuery(routes.createExport), createHandler(all));
  // Job ids contain plus signs, which a schema would read as spaces.
  mountUnvalidated(app, routes.listExports, authenticate, knownQuery(routes.listExports), listHandler(all));
  mount(app, routes.showExport, read, showHandler(all));
  mount(app, routes.watchExport, read, eventsHandler({ ...all, view: exportView }));
  mount(app, routes.downloadManifest, read, manifestHandler(all));
  mount(app, routes.downloadSignature, read, signatureHandler(all));
  // A link in the query takes the place of credentials.
  const readOrLink = linkOrCaller({ ...all, ...guards }, authenticate);
  mountUnvalidated(app, routes.downloadFile, readOrLink, knownQuery(routes.downloadFile), fileHandler(all));
  mountUnvalidated(
    app,
    routes.downloadNamedFile,
    readOrLink,
    knownQuery(routes.downloadNamedFile),
    namedFileHandler(all),
  );
  mount(app, routes.listFiles, read, filesHandler(all));
  mount(app, routes.removeExport, write, removeHandler(all));
  mount(app, routes.resubmitExport, write, resubmitHandler(all));
  mount(app, routes.revokeLinks, write, revokeHandler(all));
}
