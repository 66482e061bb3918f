import type { Context, Handler } from 'hono';
import { getPath } from 'hono/utils/url';
import { WaybillError } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import { isActive } from '../../contracts/progress.ts';
import {
  ALL_STATUSES,
  ARCHIVE_TYPE_NAMES,
  ARCHIVE_TYPES,
  archiveType,
  parseVersion,
  versionText,
} from '../../contracts/questionnaires.ts';
import type { RunState } from '../../contracts/run.ts';
import { type ExportJob, JOB_STATUSES, type JobStatus, StartJob } from '../../contracts/views/questionnaires.ts';
import type { ArchiveFilter, Run } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { assertValid, type FieldError, fieldErrorsOf } from '../http/field-errors.ts';
import { readJson } from '../http/requests.ts';
import type { RouteAnswer } from '../openapi.ts';
import { archiveOrderOf } from './archives.ts';
import { sendArchive } from './send.ts';
import { readSubject, statusOf } from './subject.ts';
import type { V1Deps } from './v1.ts';
import { type downloadJob, JOBS_MAX, type listJobs, type removeJob, type showJob } from './v2-routes.ts';

export interface V2Deps extends V1Deps, Pick<ApiDeps, 'settings'> {}

const STATES: Readonly<Record<RunState, JobStatus>> = {
  pending: 'Created',
  running: 'Running',
  completed: 'Completed',
  failed: 'Fail',
  cancelled: 'Canceled',
};

const FILTER_NAMES = { status: 'InterviewStatus', from: 'From', to: 'To' } as const;

/** Members may be in any case, so the handler reads the body. */
export function startJobHandler(deps: V2Deps): Handler<ApiEnv> {
  return async function startJob(c) {
    const { QuestionnaireId, ExportType, InterviewStatus, From, To } = readStart(
      await readJson(c, deps.settings.WAYBILL_BODY_BYTES_MAX),
    );
    const sent = { type: ExportType, id: QuestionnaireId, status: InterviewStatus, from: From, to: To };
    if (!archiveType(ExportType)) assertValid([unknown('ExportType', typeNames())]);
    const subject = await readSubject(sent, c.get('caller').tenant.key, deps.list, FILTER_NAMES);
    if (typeof subject === 'string') return c.text(subject, 404);
    const run = await deps.archives.start(c.get('caller'), subject);
    c.header('Location', linkOf(c, deps, run));
    return c.json(await jobOf(c, deps, run), 201);
  };
}

export function listJobsHandler(deps: V2Deps): RouteAnswer<typeof listJobs> {
  return async function listJobs(c) {
    const { limit = JOBS_MAX, offset = 0, ...sent } = c.req.valid('query');
    const runs = await deps.archives.list(c.get('caller').tenant.key, readFilter(sent), { limit, offset });
    c.header('Cache-Control', 'no-store');
    return c.json(await Promise.all(runs.map((run) => jobOf(c, deps, run))));
  };
}

export function showJobHandler(deps: V2Deps): RouteAnswer<typeof showJob> {
  return async function showJob(c) {
    c.header('Cache-Control', 'no-store');
    return c.json(await jobOf(c, deps, await findJob(c, deps, c.req.valid('param').id)));
  };
}

export function removeJobHandler(deps: V2Deps): RouteAnswer<typeof removeJob> {
  return async function removeJob(c) {
    const { id } = c.req.valid('param');
    const run = await findJob(c, deps, id);
    if (isActive(run.state)) await deps.archives.cancel(c.get('caller'), run);
    else await deps.archives.remove(c.get('caller'), run);
    return c.json(await jobOf(c, deps, await findJob(c, deps, id)));
  };
}

export function downloadJobHandler(deps: V2Deps): RouteAnswer<typeof downloadJob> {
  return async function downloadJob(c) {
    const run = await deps.archives.find(c.get('caller').tenant.key, numberOf(c.req.valid('param').id));
    return sendArchive(c, deps, run);
  };
}

/** @throws WaybillError `not_found`, also for another tenant's */
async function findJob(c: Context<ApiEnv>, { archives }: V2Deps, id: string): Promise<Run> {
  const run = await archives.find(c.get('caller').tenant.key, numberOf(id));
  if (run) return run;
  throw new WaybillError('not_found', 'There is no export job with this number. Check the number.');
}

/** @returns 0, which no run has, for what is not a number */
function numberOf(text: string): number {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0;
}

/** @throws InvalidFields */
function readStart(body: unknown): StartJob {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new WaybillError('malformed_body');
  const names = new Map(Object.keys(StartJob.shape).map((name) => [name.toLowerCase(), name]));
  const input = Object.fromEntries(
    // A member that is null is as good as absent.
    Object.entries(body).flatMap(([name, value]) => {
      const known = names.get(name.toLowerCase());
      return known === undefined || value === null ? [] : [[known, value]];
    }),
  );
  const parsed = StartJob.safeParse(input);
  if (!parsed.success) assertValid(fieldErrorsOf(parsed.error, input));
  return parsed.data as StartJob;
}

type SentFilter = Readonly<
  Partial<
    Record<'exportType' | 'interviewStatus' | 'questionnaireIdentity' | 'exportStatus' | 'hasFile', string | undefined>
  >
>;

/** @throws InvalidFields */
function readFilter(sent: SentFilter): ArchiveFilter {
  const errors: FieldError[] = [];
  function read<Value>(name: keyof SentFilter, allowed: readonly string[], value: (text: string) => Value | undefined) {
    const text = sent[name];
    if (!text) return undefined;
    const found = value(text);
    if (found === undefined) errors.push(unknown(name, allowed));
    return found;
  }
  const states = Object.entries(STATES) as readonly (readonly [RunState, JobStatus])[];
  const filter = {
    type: read('exportType', typeNames(), archiveType),
    status: read('interviewStatus', [ALL_STATUSES], statusOf),
    version: read('questionnaireIdentity', [], parseVersion),
    state: read('exportStatus', JOB_STATUSES, (text) => states.find(([, name]) => same(name, text))?.[0]),
    hasFile: read('hasFile', ['true', 'false'], (text) =>
      same(text, 'true') ? true : same(text, 'false') ? false : undefined,
    ),
  };
  assertValid(errors);
  return filter;
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function typeNames(): readonly string[] {
  return ARCHIVE_TYPES.map((type) => ARCHIVE_TYPE_NAMES[type]);
}

function unknown(field: string, allowed: readonly string[]): FieldError {
  const message = allowed.length > 0 ? `Use one of ${allowed.join(', ')}.` : 'Use <GUID>$<version>.';
  return { field, code: 'invalid_field', message, ...(allowed.length > 0 && { allowed }) };
}

async function jobOf(c: Context<ApiEnv>, deps: V2Deps, run: Run): Promise<ExportJob> {
  const { type, status, from, to, ...version } = archiveOrderOf(run);
  const link = linkOf(c, deps, run);
  const active = isActive(run.state);
  return {
    JobId: run.number,
    ExportStatus: STATES[run.state],
    CreateDate: naive(run.requestedAt),
    StartDate: naive(run.startedAt ?? run.requestedAt),
    CompleteDate: run.endedAt && naive(run.endedAt),
    Progress: run.state === 'completed' ? 100 : active ? (await deps.progress.read(run)).percent : 0,
    ETA: null,
    Error: run.failure?.message ?? null,
    Links: { Cancel: active ? link : null, Download: run.current ? `${link}/file` : null },
    HasExportFile: run.current,
    ExportType: ARCHIVE_TYPE_NAMES[type],
    QuestionnaireId: versionText(version),
    InterviewStatus: status ?? ALL_STATUSES,
    ...{ From: naiveInstant(from), To: naiveInstant(to) },
    ...{ AccessToken: null, RefreshToken: null, StorageType: null, TranslationId: null, IncludeMeta: false },
  };
}

/** Absolute, under the workspace that the caller named. */
function linkOf(c: Context<ApiEnv>, { settings }: V2Deps, { number }: Run): string {
  const [, workspace = ''] = /^\/*([A-Za-z0-9_-]+)\/+api\/+v2\//.exec(getPath(c.req.raw)) ?? [];
  const base = workspace === '' ? '' : `/${workspace}`;
  return `${settings.WAYBILL_PUBLIC_URL}${base}/api/v2/export/${number}`;
}

function naive(at: Date): string {
  return at.toISOString().slice(0, -1);
}

function naiveInstant(at: Instant | null): string | null {
  return at?.slice(0, -1) ?? null;
}
