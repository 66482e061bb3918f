import { WaybillError } from '../../../contracts/failures.ts';
import { type ManifestMember, onlyFile } from '../../../contracts/manifest.ts';
import type { Progress } from '../../../contracts/progress.ts';
import {
  ARCHIVE_TYPES,
  type ArchiveType,
  parseVersion,
  type QuestionnaireInfo,
  versionText,
} from '../../../contracts/questionnaires.ts';
import type { ArchiveRuns, Run } from '../../../stores/ledger/ports.ts';
import { openManifest } from '../../../stores/objects/manifests.ts';
import { InvalidFields } from '../../http/field-errors.ts';
import type { ArchiveSubject, Archives } from '../../questionnaires/archives.ts';
import type { QuestionnaireList } from '../../questionnaires/list.ts';
import { readFilters, type SentSubject } from '../../questionnaires/subject.ts';
import type { FieldProblem } from '../components/notice.ts';
import type { PortalContext } from '../environment.ts';
import type { PortalDeps } from '../tab.ts';

/** Which archives a page shows, as an address or a form has it. */
export interface Wanted {
  /** `<GUID>$<version>`; `''`: the first one. */
  readonly id: string;
  readonly status: string;
  /** Days in UTC, `YYYY-MM-DD`, both included; `''`: open. */
  readonly from: string;
  readonly to: string;
}

export const WANTED_FIELDS = ['id', 'status', 'from', 'to'] as const;

export function readWanted(fields: URLSearchParams): Wanted {
  const [id, status, from, to] = WANTED_FIELDS.map((name) => fields.get(name)?.trim() ?? '');
  return { id, status, from, to } as Wanted;
}

/** The archive of one type, and what becomes of it. */
export interface KnownArchive extends ArchiveRuns {
  readonly type: ArchiveType;
  /** Of the run that makes the next one. */
  readonly progress: Progress | undefined;
}

export interface KnownQuestionnaires {
  readonly all: readonly QuestionnaireInfo[];
  readonly chosen: QuestionnaireInfo | undefined;
  readonly wanted: Wanted;
  /** Of the chosen questionnaire; none if the filters are not valid. */
  readonly archives: readonly KnownArchive[];
  /** Files of the archive with tables, if there is one and it can be read now. */
  readonly members: readonly ManifestMember[];
  readonly problems: readonly FieldProblem[];
  /** What it takes to open an archive. */
  readonly protection: { readonly hasPassword: boolean; readonly recipients: number };
}

export interface QuestionnairePorts {
  readonly archives: Archives;
  readonly list: QuestionnaireList;
}

/** @throws WaybillError `not_found` for a questionnaire that the tenant does not have; errors of the warehouse */
export function knownQuestionnaires(deps: PortalDeps, { archives, list }: QuestionnairePorts) {
  /** By the request of a stream: workers read the list, so it is not read every second. */
  const lists = new WeakMap<PortalContext, readonly QuestionnaireInfo[]>();
  const contents = new WeakMap<
    PortalContext,
    { readonly runId: string; readonly members: readonly ManifestMember[] }
  >();

  return async function read(c: PortalContext, wanted: Wanted): Promise<KnownQuestionnaires> {
    const { key: tenant } = c.get('caller').tenant;
    const all = lists.get(c) ?? (await list.all(tenant));
    lists.set(c, all);
    const chosen = wanted.id === '' ? all[0] : all.find(isCalled(wanted.id));
    if (!chosen && wanted.id !== '') throw new WaybillError('not_found');
    const settings = await deps.ledger.archives.settings(tenant);
    const protection = { hasPassword: Boolean(settings?.password), recipients: settings?.recipients.length ?? 0 };
    const none = { all, chosen, wanted, archives: [], members: [], protection };
    const filters = filtersOf(wanted);
    if ('problems' in filters || !chosen) return { ...none, problems: 'problems' in filters ? filters.problems : [] };
    const known = await Promise.all(ARCHIVE_TYPES.map((type) => readArchive(tenant, { ...chosen, type, ...filters })));
    return { ...none, archives: known, members: await readMembers(c, known), problems: [] };
  };

  async function readArchive(tenant: string, subject: ArchiveSubject): Promise<KnownArchive> {
    const runs = await archives.state(tenant, subject);
    const progress = runs.active && (await deps.runs.progress.read(runs.active));
    return { type: subject.type, ...runs, progress };
  }

  async function readMembers(c: PortalContext, known: readonly KnownArchive[]): Promise<readonly ManifestMember[]> {
    const current = known.find(({ type }) => type === 'tabular')?.current;
    if (!current) return [];
    const before = contents.get(c);
    if (before?.runId === current.runId) return before.members;
    const members = await membersOf(c, current);
    contents.set(c, { runId: current.runId, members });
    return members;
  }

  async function membersOf(c: PortalContext, run: Run): Promise<readonly ManifestMember[]> {
    try {
      const { manifest } = await openManifest(deps.objects, run);
      return onlyFile(manifest).members ?? [];
    } catch (error) {
      // The page still has what the ledger knows; a download tells what is wrong.
      c.get('logger').warn(
        { err: error, runId: run.runId },
        'the manifest of an archive could not be read for its page',
      );
      return [];
    }
  }
}

function isCalled(id: string): (candidate: QuestionnaireInfo) => boolean {
  const version = parseVersion(id);
  return (candidate) => version !== undefined && versionText(candidate) === versionText(version);
}

type Filters = Pick<ArchiveSubject, 'status' | 'from' | 'to'>;

/** As callers of the API send them: days are whole ones. */
export function sentFilters({ status, from, to }: Wanted): Pick<SentSubject, 'status' | 'from' | 'to'> {
  return { status, from, to: /^\d{4}-\d{2}-\d{2}$/.test(to) ? `${to}T23:59:59.999999Z` : to };
}

export function filtersOf(wanted: Wanted): Filters | { readonly problems: readonly FieldProblem[] } {
  try {
    return readFilters(sentFilters(wanted));
  } catch (error) {
    if (!(error instanceof InvalidFields)) throw error;
    return { problems: error.errors.map(({ field, message }) => ({ id: field, message: MESSAGES[field] ?? message })) };
  }
}

const MESSAGES: Readonly<Record<string, string>> = {
  status: 'Choose a status of the list',
  from: 'Choose a day that is not after the last one',
  to: 'Choose a day of the calendar',
};
