import { type Instant, parseInstant } from '../../contracts/instant.ts';
import {
  ALL_STATUSES,
  archiveType,
  INTERVIEW_STATUS_NAMES,
  type InterviewStatus,
  parseVersion,
} from '../../contracts/questionnaires.ts';
import { assertValid, type FieldError } from '../http/field-errors.ts';
import type { ArchiveSubject } from './archives.ts';
import type { QuestionnaireList } from './list.ts';

/** What a caller sent, as text; `undefined` or empty: nothing. */
export interface SentSubject {
  readonly type: string;
  readonly id: string;
  readonly status: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** Bodies of the answer 404, as the published contract has them. */
export type NotThere = 'Unknown export type' | 'Invalid questionnaire identity' | 'Questionnaire not found';

/** What a caller calls the filters; errors name them so. */
type FilterNames = Readonly<Record<'status' | 'from' | 'to', string>>;
const OWN_NAMES: FilterNames = { status: 'status', from: 'from', to: 'to' };

/**
 * Reads what an archive is of.
 *
 * @param names of the filters, unless the caller calls them as {@link SentSubject} does
 * @returns the subject, or why there is none
 * @throws InvalidFields for a filter that is not valid; as `list` does
 */
export async function readSubject(
  { type: typeName, id, ...filters }: SentSubject,
  tenant: string,
  list: QuestionnaireList,
  names = OWN_NAMES,
): Promise<ArchiveSubject | NotThere> {
  const type = archiveType(typeName);
  if (!type) return 'Unknown export type';
  const version = parseVersion(id);
  if (!version) return 'Invalid questionnaire identity';
  const found = await list.find(tenant, version);
  if (!found) return 'Questionnaire not found';
  return { ...version, type, ...readFilters(filters, names) };
}

/** @throws InvalidFields */
export function readFilters(
  { status, from, to }: Pick<SentSubject, 'status' | 'from' | 'to'>,
  names = OWN_NAMES,
): Pick<ArchiveSubject, 'status' | 'from' | 'to'> {
  const errors: FieldError[] = [];
  const code = 'invalid_field';
  const wanted = status ? statusOf(status) : null;
  if (wanted === undefined) {
    const allowed = [ALL_STATUSES, ...INTERVIEW_STATUS_NAMES];
    errors.push({ field: names.status, code, message: `Use one of ${allowed.join(', ')}.`, allowed });
  }
  const [start, end] = [time(from), time(to)];
  const message = 'Not a date. Write it in ISO 8601, for example 2016-09-19T11:46:33Z.';
  if (start === undefined) errors.push({ field: names.from, code: 'invalid_date', message });
  if (end === undefined) errors.push({ field: names.to, code: 'invalid_date', message });
  if (start && end && start > end) {
    errors.push({ field: names.from, code, message: `Should be at or before ${names.to}.` });
  }
  assertValid(errors);
  return { status: wanted ?? null, from: start ?? null, to: end ?? null };
}

/** @returns `null`: of every status; `undefined`: there is no such status */
export function statusOf(text: string): InterviewStatus | null | undefined {
  const name = text.toLowerCase();
  if (name === ALL_STATUSES.toLowerCase()) return null;
  return INTERVIEW_STATUS_NAMES.find((candidate) => candidate.toLowerCase() === name);
}

function time(text: string | undefined): Instant | null | undefined {
  return text ? parseInstant(text) : null;
}
