import type { Instant } from './instant.ts';

/** Kind of export: archives of questionnaires. */
export const QUESTIONNAIRE = 'questionnaire';

/** What an archive holds. */
export const ARCHIVE_TYPES = ['tabular', 'stata', 'spss', 'binary', 'paradata'] as const;
export type ArchiveType = (typeof ARCHIVE_TYPES)[number];

/** As published clients write and read them; the name of an archive has it too. */
export const ARCHIVE_TYPE_NAMES = {
  tabular: 'Tabular',
  stata: 'STATA',
  spss: 'SPSS',
  binary: 'Binary',
  paradata: 'Paradata',
} as const satisfies Readonly<Record<ArchiveType, string>>;

/** @returns the type of this name, in any case; `undefined`: there is none */
export function archiveType(name: string): ArchiveType | undefined {
  return ARCHIVE_TYPES.find((type) => type === name.toLowerCase());
}

/** Statuses of interviews that can be asked for, and their codes in the data. */
export const INTERVIEW_STATUSES = {
  SupervisorAssigned: 40,
  InterviewerAssigned: 60,
  RejectedBySupervisor: 65,
  Completed: 100,
  ApprovedBySupervisor: 120,
  RejectedByHeadquarters: 125,
  ApprovedByHeadquarters: 130,
} as const;
export type InterviewStatus = keyof typeof INTERVIEW_STATUSES;
export const INTERVIEW_STATUS_NAMES = Object.keys(INTERVIEW_STATUSES) as readonly InterviewStatus[];
/** Stands for every status. */
export const ALL_STATUSES = 'All';

/** One version of a questionnaire. */
export interface QuestionnaireVersion {
  /** GUID: 32 lower-case hex digits. */
  readonly questionnaire: string;
  /** @minimum 1 */
  readonly version: number;
}

const GUID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** Reads `<GUID>$<version>`, where the GUID may have dashes. @returns `undefined` for anything else */
export function parseVersion(text: string): QuestionnaireVersion | undefined {
  const [guid = '', version = '', ...others] = text.split('$');
  if (others.length > 0 || !GUID.test(guid) || !/^[1-9]\d{0,8}$/.test(version)) return undefined;
  return { questionnaire: guid.replaceAll('-', '').toLowerCase(), version: Number(version) };
}

/** Such as `74e2d30854914e24af6beae9be64130c$1`. */
export function versionText({ questionnaire, version }: QuestionnaireVersion): string {
  return `${questionnaire}$${version}`;
}

/** The GUID with dashes. */
export function dashedGuid(guid: string): string {
  return guid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A questionnaire version as the warehouse lists it. */
export interface QuestionnaireInfo extends QuestionnaireVersion {
  /** Name of the main file. */
  readonly variable: string;
  readonly title: string;
  /** ISO 8601, or `null`. */
  readonly importedAt: string | null;
}

/**
 * One validated request for an archive. It is stored in Temporal's history: recipients are public keys, and the tenant's password
 * is not in it.
 */
export interface ArchiveOrder extends QuestionnaireVersion {
  readonly tenant: string;
  /** Name of the bundle in the catalog. */
  readonly bundle: string;
  readonly type: ArchiveType;
  /** `null`: interviews of every status. */
  readonly status: InterviewStatus | null;
  /** Interviews that changed last at or after this time; `null`: of any time. */
  readonly from: Instant | null;
  /** At or before this time. */
  readonly to: Instant | null;
  /** age recipients (public keys) that the archive is sealed to; empty: not sealed. */
  readonly recipients: readonly string[];
  /**
   * Time of the tenant's settings of archives that the order was made with, ISO 8601; `null` or absent: there were none. The archive
   * is published only if they still apply.
   */
  readonly settingsAt?: string | null;
}

/**
 * What a password of archives may be: 12 to 99 characters of printable ASCII. Programs encode others differently, and 7-Zip takes no
 * longer one.
 */
export const ARCHIVE_PASSWORD = /^[\x20-\x7e]{12,99}$/;

/** The workflow id of an archive, and its series: two orders share one if and only if they ask for the same. */
export function archiveSeries(order: Omit<ArchiveOrder, 'recipients' | 'settingsAt' | 'bundle'>): string {
  const { tenant, type, status, from, to } = order;
  return [
    'questionnaire',
    `tenantKey:${tenant}`,
    `id:${versionText(order)}`,
    `type:${type}`,
    `status:${status ?? ALL_STATUSES}`,
    ...(from === null ? [] : [`from:${from}`]),
    ...(to === null ? [] : [`to:${to}`]),
  ].join('|');
}

/** What cannot be in the name of a file. */
const UNSAFE_NAME = /[^A-Za-z0-9_]/g;

/** Name of an archive without extension, such as `household_1_Tabular_All`. */
export function archiveName({
  variable,
  version,
  type,
  status,
  from,
  to,
}: Pick<ArchiveOrder, 'version' | 'type' | 'status' | 'from' | 'to'> & { readonly variable: string }): string {
  const day = (at: Instant | null) => at?.replace(/\.\d+Z$/, 'Z').replace(/[-:]/g, '') ?? '';
  const range = from === null && to === null ? [] : [day(from), day(to)];
  const safe = variable.replace(UNSAFE_NAME, '_') || '_';
  return [safe, version, ARCHIVE_TYPE_NAMES[type], status ?? ALL_STATUSES, ...range].join('_');
}

/** Place of a table among the datasets: `<bundle>/<GUID>$<version>/<table>`. */
export interface TableReference extends QuestionnaireVersion {
  readonly bundle: string;
  readonly table: string;
}

/** Stands for the list of attachments in a {@link TableReference}: no table is called so. */
export const ATTACHMENTS = '@attachments';

export function tableReference({ bundle, table, ...version }: TableReference): string {
  return `${bundle}/${versionText(version)}/${table}`;
}

/** @returns `undefined` for the name of a dataset */
export function parseReference(name: string): TableReference | undefined {
  const [bundle, version = '', table, ...others] = name.split('/');
  const parsed = parseVersion(version);
  if (!bundle || !parsed || !table || others.length > 0) return undefined;
  return { bundle, ...parsed, table };
}
