import type { Context } from 'hono';
import {
  dashedGuid,
  INTERVIEW_STATUS_NAMES,
  type QuestionnaireInfo,
  versionText,
} from '../../contracts/questionnaires.ts';
import type { DetailsAnswer, DetailsStatus, QuestionnairesAnswer } from '../../contracts/views/questionnaires.ts';
import type { ArchiveRuns } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import type { ProgressReader } from '../runs/progress.ts';
import type { ArchiveSubject, Archives } from './archives.ts';
import type { QuestionnaireList } from './list.ts';
import { sendArchive } from './send.ts';
import { readSubject } from './subject.ts';
import { type listQuestionnaires, PAGE_SIZE } from './v1-routes.ts';

export interface V1Deps extends Pick<ApiDeps, 'ledger' | 'objects'> {
  readonly archives: Archives;
  readonly list: QuestionnaireList;
  readonly progress: ProgressReader;
}

/** Answers a request that is about an archive; its parameters are valid. */
type SubjectAnswer = (c: Context<ApiEnv>) => Promise<Response>;

/** Calls `answer` with what the request is about; otherwise answers 404 as the published contract has it. */
function about(
  deps: V1Deps,
  answer: (c: Context<ApiEnv>, subject: ArchiveSubject) => Promise<Response>,
): SubjectAnswer {
  return async function answerAbout(c) {
    const { type = '', id = '' } = c.req.param();
    const { status, from, to } = c.req.query();
    const subject = await readSubject({ type, id, status, from, to }, c.get('caller').tenant.key, deps.list);
    return typeof subject === 'string' ? c.text(subject, 404) : answer(c, subject);
  };
}

export function startHandler(deps: V1Deps): SubjectAnswer {
  return about(deps, async (c, subject) => {
    const { number } = await deps.archives.start(c.get('caller'), subject);
    return c.json({ JobId: number });
  });
}

export function cancelHandler(deps: V1Deps): SubjectAnswer {
  return about(deps, async (c, subject) => {
    const { active } = await deps.archives.state(c.get('caller').tenant.key, subject);
    if (active) await deps.archives.cancel(c.get('caller'), active);
    return c.body(null, 200);
  });
}

export function detailsHandler(deps: V1Deps): SubjectAnswer {
  return about(deps, async (c, subject) => {
    const runs = await deps.archives.state(c.get('caller').tenant.key, subject);
    c.header('Cache-Control', 'no-store');
    return c.json(await detailsOf(runs, deps.progress));
  });
}

export function downloadHandler(deps: V1Deps): SubjectAnswer {
  return about(deps, async (c, subject) => {
    const { current } = await deps.archives.state(c.get('caller').tenant.key, subject);
    return sendArchive(c, deps, current);
  });
}

async function detailsOf(runs: ArchiveRuns, progress: ProgressReader): Promise<DetailsAnswer> {
  const { active, current } = runs;
  return {
    HasExportedFile: current !== undefined,
    LastUpdateDate: current?.endedAt ? current.endedAt.toISOString().replace('Z', '+00:00') : null,
    ExportStatus: statusOf(runs),
    RunningProcess: active
      ? {
          StartDate: (active.startedAt ?? active.requestedAt).toISOString(),
          ProgressInPercents: (await progress.read(active)).percent,
        }
      : null,
  };
}

/** A cancelled run changes nothing, and an archive that was deleted is as if it had never been asked for. */
function statusOf({ active, current, ended }: ArchiveRuns): DetailsStatus {
  if (active) return active.state === 'pending' ? 'Queued' : 'Running';
  if (ended?.state === 'failed') return 'FinishedWithErrors';
  return current ? 'Finished' : 'NotStarted';
}

export function listHandler({ list }: Pick<V1Deps, 'list'>): RouteAnswer<typeof listQuestionnaires> {
  return async function showQuestionnaires(c) {
    const { limit = PAGE_SIZE, offset = 1 } = c.req.valid('query');
    const all = await list.all(c.get('caller').tenant.key);
    const answer: QuestionnairesAnswer = {
      Questionnaires: all.slice((offset - 1) * limit, offset * limit).map(rowOf),
      ...{ Order: '', Limit: limit, TotalCount: all.length, Offset: offset },
    };
    return c.json(answer);
  };
}

function rowOf(info: QuestionnaireInfo): QuestionnairesAnswer['Questionnaires'][number] {
  const { questionnaire, version, title, variable, importedAt } = info;
  return {
    ...{ QuestionnaireIdentity: versionText(info), QuestionnaireId: dashedGuid(questionnaire), Version: version },
    ...{ Title: title, Variable: variable, LastEntryDate: importedAt },
  };
}

export function statusesHandler() {
  return function showStatuses(c: Context<ApiEnv>): Response {
    return c.json(INTERVIEW_STATUS_NAMES);
  };
}
