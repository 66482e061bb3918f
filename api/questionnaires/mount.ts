import { QUESTIONNAIRE } from '../../contracts/questionnaires.ts';
import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiApp, mount, mountUnvalidated } from '../openapi.ts';
import type { RunServices } from '../runs/services.ts';
import { createArchives } from './archives.ts';
import { createQuestionnaireList } from './list.ts';
import { cancelHandler, detailsHandler, downloadHandler, listHandler, startHandler, statusesHandler } from './v1.ts';
import * as first from './v1-routes.ts';
import { downloadJobHandler, listJobsHandler, removeJobHandler, showJobHandler, startJobHandler } from './v2.ts';
import * as second from './v2-routes.ts';

const REACH = { door: QUESTIONNAIRE, datasets: 'all' } as const;

/** Mounts the routes of questionnaires, both generations of them, if the catalog has any. */
export function mountQuestionnaires(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards, runs: RunServices): void {
  const bundle = deps.catalog.bundles.find(({ kind }) => kind === QUESTIONNAIRE);
  if (!bundle) return;
  const list = createQuestionnaireList(deps, bundle);
  const shared = { ...deps, list, archives: createArchives(deps, runs, bundle), progress: runs.progress };
  const read = requireCaller('read', REACH);
  const write = requireCaller('write', REACH);

  mount(app, first.listStatuses, [read], statusesHandler());
  mount(app, first.listQuestionnaires, [read], listHandler(shared));
  mount(app, first.startArchive, [write], startHandler(shared));
  mount(app, first.cancelArchive, [write], cancelHandler(shared));
  mount(app, first.archiveDetails, [read], detailsHandler(shared));
  mount(app, first.downloadArchive, [read], downloadHandler(shared));
  mount(app, second.listJobs, [read], listJobsHandler(shared));
  // Members of the body may be in any case, so the handler reads it.
  mountUnvalidated(app, second.startJob, write, startJobHandler(shared));
  mount(app, second.showJob, [read], showJobHandler(shared));
  mount(app, second.removeJob, [write], removeJobHandler(shared));
  mount(app, second.downloadJob, [read], downloadJobHandler(shared));
}
