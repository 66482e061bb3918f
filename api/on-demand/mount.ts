import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiApp, mount, mountUnvalidated } from '../openapi.ts';
import { createWatch, eventsHandler } from '../runs/events.ts';
import { createCloseLostRun } from '../runs/find.ts';
import { createLinks, linkOrCaller } from '../runs/links.ts';
import { progressReader } from '../runs/progress.ts';
import { createSubmit } from '../runs/submit.ts';
import { createHandler, resubmitHandler } from './create.ts';
import { fileHandler, manifestHandler } from './download.ts';
import { listHandler, removeHandler, revokeHandler, showHandler } from './handlers.ts';
import * as routes from './routes.ts';
import { exportView } from './view.ts';

/** Milliseconds between two polls of an export that is watched. */
const WATCH_MS = 500;

/** Exports on demand. */
export function mountExports(app: ApiApp, deps: ApiDeps, guards: Guards): void {
  const { requireCaller } = guards;
  const links = createLinks(deps);
  const progress = progressReader(deps.temporal, deps.clock);
  const closeLostRun = createCloseLostRun(deps);
  const watch = createWatch({ ...deps, progress, closeLostRun }, WATCH_MS);
  const submit = createSubmit(deps);
  const reading = { ...deps, links, progress, closeLostRun };
  const authenticate = requireCaller('read');
  const read = [authenticate];
  const write = [requireCaller('write')];

  // What is right depends on the catalog, and the answer lists all that is wrong with the body.
  mountUnvalidated(app, routes.createExport, ...write, createHandler({ ...deps, submit }));
  // Of a repeated parameter the first one counts, which a schema of texts refuses.
  mountUnvalidated(app, routes.listExports, authenticate, listHandler(reading));
  mount(app, routes.showExport, read, showHandler(reading));
  mount(app, routes.watchExport, read, eventsHandler({ ...reading, watch, view: exportView }));
  mount(app, routes.downloadManifest, read, manifestHandler(deps));
  // Its query is read before there is a caller.
  mountUnvalidated(
    app,
    routes.downloadFile,
    linkOrCaller({ ...deps, ...guards, links }, authenticate),
    fileHandler(deps),
  );
  mount(app, routes.removeExport, write, removeHandler(deps));
  mount(app, routes.resubmitExport, write, resubmitHandler({ ...deps, submit }));
  mount(app, routes.revokeLinks, write, revokeHandler(deps));
}
