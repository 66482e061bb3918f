import { WaybillError } from '../../../contracts/failures.ts';
import { QUESTIONNAIRE } from '../../../contracts/questionnaires.ts';
import { type ArchiveSubject, createArchives } from '../../questionnaires/archives.ts';
import { createQuestionnaireList } from '../../questionnaires/list.ts';
import { sendArchive } from '../../questionnaires/send.ts';
import { readSubject } from '../../questionnaires/subject.ts';
import { apiContext, type PortalContext } from '../environment.ts';
import { changes } from '../live/stream.ts';
import type { Tab } from '../tab.ts';
import {
  filtersOf,
  type KnownQuestionnaires,
  knownQuestionnaires,
  readWanted,
  sentFilters,
  WANTED_FIELDS,
} from './known.ts';
import { addressOf, QUESTIONNAIRES_PATH, questionnaireParts, questionnairesPage } from './page.ts';

/** Archives of questionnaires: built, followed, cancelled and fetched. */
export const questionnairesTab: Tab = {
  path: QUESTIONNAIRES_PATH,
  name: 'Questionnaires',
  reach: { door: QUESTIONNAIRE, datasets: 'all' },
  keeps: WANTED_FIELDS,
  isOffered: ({ catalog }) => catalog.bundles.length > 0,
  mount(app, deps) {
    const bundle = deps.catalog.bundles.find(({ kind }) => kind === QUESTIONNAIRE);
    if (!bundle) return;
    const { shell } = deps;
    const archives = createArchives(deps, deps.runs, bundle);
    const list = createQuestionnaireList(deps, bundle);
    const read = knownQuestionnaires(deps, { archives, list });
    const wantedOf = (c: PortalContext) => readWanted(new URL(c.req.url).searchParams);

    app.get(QUESTIONNAIRES_PATH, async (c) => shell.page(c, questionnairesPage(c, await read(c, wantedOf(c)))));
    app.get(
      `${QUESTIONNAIRES_PATH}/events`,
      changes(deps, async (c) => {
        const known = await read(c, wantedOf(c));
        return { fragments: questionnaireParts(c, known), say: sayingOf(known) };
      }),
    );

    app.get(`${QUESTIONNAIRES_PATH}/file`, async (c) => {
      const { current } = await archives.state(c.get('caller').tenant.key, await subjectOf(c, query(c)));
      if (!current) throw new WaybillError('not_found');
      return sendArchive(apiContext(c), deps, current);
    });

    app.post(`${QUESTIONNAIRES_PATH}/start`, (c) =>
      carryOut(c, 'The archive is not being built', async (subject) => {
        await archives.start(c.get('caller'), subject);
      }),
    );
    app.post(`${QUESTIONNAIRES_PATH}/cancel`, (c) =>
      carryOut(c, 'The archive was not cancelled', async (subject) => {
        const { active } = await archives.state(c.get('caller').tenant.key, subject);
        if (active) await archives.cancel(c.get('caller'), active);
      }),
    );

    /** @throws WaybillError `not_found` for an archive that there cannot be */
    async function subjectOf(c: PortalContext, fields: URLSearchParams): Promise<ArchiveSubject> {
      const wanted = readWanted(fields);
      if ('problems' in filtersOf(wanted)) throw new WaybillError('not_found');
      const sent = { type: fields.get('type') ?? '', id: wanted.id, ...sentFilters(wanted) };
      const subject = await readSubject(sent, c.get('caller').tenant.key, list);
      if (typeof subject === 'string') throw new WaybillError('not_found');
      return subject;
    }

    /** Does what a form asks; what hinders it is told above the page. */
    async function carryOut(c: PortalContext, title: string, act: (subject: ArchiveSubject) => Promise<void>) {
      const fields = c.get('form');
      const wanted = readWanted(fields);
      const subject = await subjectOf(c, fields);
      try {
        await act(subject);
      } catch (error) {
        if (!(error instanceof WaybillError)) throw error;
        c.get('logger').warn({ err: error, code: error.code }, 'a form of questionnaires was not carried out');
        const told = { kind: 'bad', title, text: error.message, isAnswer: true } as const;
        return shell.page(c, questionnairesPage(c, await read(c, wanted), told));
      }
      return c.redirect(addressOf(wanted), 303);
    }
  },
};

function query(c: PortalContext): URLSearchParams {
  return new URL(c.req.url).searchParams;
}

/** Screen readers are told what runs, in quarters, not every percent. */
function sayingOf({ archives }: KnownQuestionnaires): string {
  const running = archives.filter(({ active }) => active);
  if (running.length === 0) return 'No archive is being built';
  return running
    .map(({ type, progress }) => `${type}: ${Math.floor((progress?.percent ?? 0) / 25) * 25} percent`)
    .join(', ');
}
