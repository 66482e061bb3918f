import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DetailsAnswer, ExportJob } from '../contracts/views/questionnaires.ts';
import { temporaryFolder } from './cleanup.ts';
import { basic } from './context.ts';
import { createHttpClient } from './http-client.ts';
import { waitUntil } from './wait-until.ts';

/** Both versions of the questionnaire; the second has no roster. */
export const GUID = '74e2d30854914e24af6beae9be64130c';
export const FIRST = `${GUID}$1`;

/** Interviews of each tenant: every seventh has each of the statuses. */
export const INTERVIEWS = 700;

const STATUSES = [40, 60, 65, 100, 120, 125, 130];

/** A description of columns as rows of survey.tables. */
export const TABLES = {
  household: {
    part: 'main',
    keys: [],
    columns: [
      ...[
        ['interview__key', 'text'],
        ['interview__id', 'text'],
        ['region', 'integer'],
        ['name', 'text'],
      ],
      ...[
        ['income', 'decimal'],
        ['languages__1', 'integer'],
        ['languages__2', 'integer'],
        ['moved_in', 'date'],
      ],
      ...[
        ['started', 'timestamp'],
        ['is_urban', 'boolean'],
        ['weight', 'double'],
        ['remarks', 'text'],
      ],
      ...[
        ['sssys_irnd', 'double'],
        ['has__errors', 'integer'],
        ['interview__status', 'integer'],
        ['assignment__id', 'integer'],
      ],
    ],
  },
  members: {
    part: 'roster',
    keys: ['interview__id'],
    columns: [
      ['interview__key', 'text'],
      ['interview__id', 'text'],
      ['members__id', 'integer'],
      ['member_name', 'text'],
      ['age', 'integer'],
    ],
  },
  assignment__actions: {
    part: 'system',
    keys: ['assignment__id'],
    columns: [
      ['assignment__id', 'integer'],
      ['date', 'date'],
      ['action', 'integer'],
      ['originator', 'text'],
    ],
  },
  paradata: {
    part: 'paradata',
    keys: ['interview__id'],
    columns: [
      ...[
        ['interview__id', 'text'],
        ['order', 'integer'],
        ['event', 'text'],
        ['responsible', 'text'],
        ['role', 'integer'],
      ],
      ...[
        ['timestamp_utc', 'timestamp'],
        ['tz_offset', 'text'],
        ['parameters', 'text'],
      ],
    ],
  },
} as const;

const LABELS: Readonly<Record<string, string>> = {
  region: '{"1": "Nord", "2": "Île \\"Verte\\""}',
  is_urban: '{"0": "No", "1": "Yes"}',
};
const MISSING: Readonly<Record<string, string>> = {
  ...{
    region: '{"-999999999": "Not answered"}',
    name: '{"##N/A##": "Not answered"}',
    moved_in: '{"9999-12-31": "Not answered"}',
    started: '{"9999-12-31": "Not answered"}',
    income: '{"-999999999": "Not answered"}',
    weight: '{"-999999999": "Not answered"}',
  },
};

function tableRows(): string {
  const rows = [1, 2].flatMap((version) =>
    Object.entries(TABLES).flatMap(([table, { part, keys, columns }], place) =>
      version === 2 && part === 'roster'
        ? []
        : columns.map(([column, type], position) => {
            const quoted = (text: string | undefined) =>
              text === undefined ? 'NULL' : `'${text.replaceAll("'", "''")}'`;
            return `('${GUID}'::UUID, ${version}, '${table}', '${part}', 'SELECT * FROM survey.${table} -- all', [${keys.map((key) => `'${key}'`).join(', ')}]::VARCHAR[], ${place * 100 + position}, '${column}', '${type}', 'Label of ${column}', ${quoted(LABELS[column ?? ''])}::JSON, ${quoted(MISSING[column ?? ''])}::JSON)`;
          }),
    ),
  );
  return `CREATE TABLE survey.tables AS SELECT * FROM (VALUES ${rows.join(',\n')})
    t(questionnaire_id, version, table_name, part, source_sql, parent_keys, position, column_name, type, label, value_labels, missing)`;
}

const INTERVIEW = `tenant, printf('%02d-%02d-%02d-%02d', i // 1000000, i // 10000 % 100, i // 100 % 100, i % 100) AS interview__key, md5(tenant || i) AS interview__id,
  [${STATUSES.join(', ')}][1 + i % 7] AS interview__status, TIMESTAMP '2016-06-01' + to_hours(i) AS changed_at`;

interface SurveySize {
  /** Of each tenant. */
  readonly interviews: number;
  /** Of each interview. */
  readonly events: number;
  /** Kilobytes of digits that each interview's remarks have, made when they are read. @default a few words */
  readonly noiseKb?: number;
}

/** SQL of a small survey of two tenants. */
export function surveySql({ interviews, events, noiseKb = 0 }: SurveySize): string {
  const remarks =
    noiseKb === 0
      ? "'first' || chr(9) || 'second' || chr(13) || chr(10) || 'third'"
      : `concat(${Array.from({ length: noiseKb * 52 }, (_, part) => `hash(i * 1000 + ${part})`).join(', ')})`;
  const seed = `(SELECT tenant, i::INTEGER AS i FROM (VALUES ('dreambuilder'), ('acme')) tenants(tenant), range(${interviews}) r(i))`;
  return [
    'CREATE SCHEMA survey',
    `CREATE TABLE survey.questionnaires AS SELECT tenant, '${GUID}'::UUID AS questionnaire_id, version, 'household' AS variable, 'Household survey 2016' AS title, TIMESTAMP '2016-05-20 09:30:00.123456' AS imported_at
      FROM (VALUES ('dreambuilder', 1), ('dreambuilder', 2), ('acme', 1)) t(tenant, version)`,
    tableRows(),
    `CREATE ${noiseKb === 0 ? 'TABLE' : 'VIEW'} survey.household AS SELECT ${INTERVIEW}, CASE i % 5 WHEN 0 THEN -999999999 WHEN 1 THEN NULL ELSE 1 + i % 2 END AS region,
      CASE i % 4 WHEN 0 THEN '##N/A##' WHEN 1 THEN NULL ELSE 'Zoë "' || i || '"' END AS name, CASE i % 11 WHEN 4 THEN -999999999 ELSE i * 1.25 END::DECIMAL(18, 2) AS income, (i % 2)::INTEGER AS languages__1, CASE WHEN i % 3 > 0 THEN (i % 3 - 1)::INTEGER END AS languages__2,
      CASE i % 3 WHEN 0 THEN DATE '9999-12-31' WHEN 1 THEN NULL ELSE DATE '1990-01-01' + i END AS moved_in, CASE i % 13 WHEN 3 THEN TIMESTAMP '9999-12-31' ELSE TIMESTAMP '2016-06-01 08:30:15.5' + to_minutes(i) END AS started, i % 2 = 0 AS is_urban,
      CASE WHEN i % 12 = 6 THEN -999999999::DOUBLE WHEN i % 2 = 0 THEN 0.5 + i ELSE 'nan'::DOUBLE END AS weight, ${remarks} AS remarks, i / ${interviews}.0::DOUBLE AS sssys_irnd, (i % 9 = 0)::INTEGER AS has__errors, 1 + i % 10 AS assignment__id FROM ${seed}`,
    `CREATE TABLE survey.members AS SELECT tenant, interview__key, interview__id, interview__status, changed_at, m AS members__id, 'member ' || m AS member_name, m * 10 AS age FROM survey.household, range(1, 4) r(m)`,
    `CREATE TABLE survey.assignment__actions AS SELECT tenant, 1 + i % 10 AS assignment__id, DATE '2016-05-25' AS date, 1 AS action, 'hq' AS originator FROM ${seed} WHERE i < 20`,
    `CREATE TABLE survey.paradata AS SELECT tenant, interview__id, interview__status, changed_at, ${events} + 1 - e AS "order", 'AnswerSet' AS event, 'int1' AS responsible, 1 AS role, least(started, TIMESTAMP '2016-06-01') + to_seconds(${events} - e) AS timestamp_utc, '03:00:00' AS tz_offset, 'name||' || chr(10) || e || '||' AS parameters
      FROM survey.household, range(1, ${events} + 1) r(e)`,
    `CREATE TABLE survey.attachments AS SELECT tenant, '${GUID}'::UUID AS questionnaire_id, 1 AS version, interview__key, interview__status, changed_at, file_name, object_key, kind FROM (
      SELECT *, 'house.jpg' AS file_name, tenant || '/house-' || (i % 3) || '.jpg' AS object_key, 'picture' AS kind FROM (SELECT ${INTERVIEW}, i FROM ${seed}) WHERE i < 12
      UNION ALL SELECT *, '../x:y.m4a', tenant || '/audit.m4a', 'audio-audit' FROM (SELECT ${INTERVIEW}, i FROM ${seed}) WHERE i < 2
      UNION ALL SELECT *, 'lost.jpg', tenant || '/lost.jpg', 'picture' FROM (SELECT ${INTERVIEW}, i FROM ${seed}) WHERE i = 5)`,
  ].join(';\n');
}

export const SURVEY_CATALOG = `
datasets:
  - name: HOUSEHOLD
    title: Households
    doors: [on-demand]
    sql: SELECT * FROM survey.household
    tenant_column: tenant
    columns: [interview__key: text]
bundles:
  - name: questionnaires
    kind: questionnaire
    title: Questionnaires
    tenant_column: tenant
    members:
      sql: SELECT * FROM survey.questionnaires
    tables:
      sql: >-
        SELECT q.tenant, t.* FROM survey.tables t JOIN survey.questionnaires q USING (questionnaire_id, version)
        WHERE t.questionnaire_id = $questionnaire_id AND t.version = $version
    attachments:
      sql: >-
        SELECT *, CASE kind WHEN 'audio-audit' THEN 'AudioAudit' END AS folder FROM survey.attachments
        WHERE questionnaire_id = $questionnaire_id AND version = $version ORDER BY interview__key, file_name
    filters: { status: interview__status, time: changed_at }
`;

/** Settings of services on a survey of their own. */
export async function surveySettings({
  interviews = INTERVIEWS,
  events = 5,
  noiseKb = 0,
}: Partial<SurveySize> = {}): Promise<Readonly<Record<string, string>>> {
  const path = join(await temporaryFolder(), 'catalog.yaml');
  await writeFile(path, SURVEY_CATALOG);
  return {
    WAYBILL_CATALOG: path,
    WAYBILL_WAREHOUSE_SQL: surveySql({ interviews, events, noiseKb }),
    WAYBILL_WAREHOUSE_DIRECTORIES: '',
  };
}

/** The same with a warehouse that can be broken: no questionnaire can be described until it is mended. */
export async function breakableSurvey(size: Partial<SurveySize>) {
  const settings = await surveySettings(size);
  const folder = await temporaryFolder();
  const path = join(folder, 'state.csv');
  const write = (header: string) => writeFile(path, `${header}\n1\n`);
  await write('works');
  const view = `CREATE VIEW survey.state AS SELECT works FROM read_csv('${path}', header = true)`;
  const catalog = SURVEY_CATALOG.replace(
    'WHERE t.questionnaire_id',
    'WHERE (SELECT works FROM survey.state) = 1 AND t.questionnaire_id',
  );
  await writeFile(settings.WAYBILL_CATALOG ?? '', catalog);
  return {
    settings: {
      ...settings,
      WAYBILL_WAREHOUSE_SQL: `${settings.WAYBILL_WAREHOUSE_SQL};\n${view}`,
      WAYBILL_WAREHOUSE_DIRECTORIES: folder,
    },
    breakIt: () => write('broken'),
    mend: () => write('works'),
  };
}

/** A client of both generations with one credential. */
export function createArchiveClient(url: string, clientId = 'dreambuilder', secret = `${clientId}-demo-secret`) {
  const http = createHttpClient(url, { authorization: basic(clientId, secret) });
  const path = (type: string, id: string, action: string, query: string) =>
    `/api/v1/export/${type}/${id}${action}${query}`;
  const details = (type = 'tabular', id = FIRST, query = '') =>
    http.json<DetailsAnswer>('GET', path(type, id, '/details', query));
  return {
    ...http,
    details,
    /** @returns the number of the job */
    start: async (type = 'tabular', id = FIRST, query = '') =>
      (await http.json<{ JobId: number }>('POST', path(type, id, '/start', query))).JobId,
    cancel: (type = 'tabular', id = FIRST, query = '') => http.bytes('POST', path(type, id, '/cancel', query)),
    /** Waits until no archive is being made. */
    idle: (type = 'tabular', id = FIRST, query = '') =>
      waitUntil(
        () => details(type, id, query),
        ({ RunningProcess }) => RunningProcess === null,
        60,
      ),
    download: (type = 'tabular', id = FIRST, query = '') => http.bytes('GET', path(type, id, '', query)),
    job: (number: number) => http.json<ExportJob>('GET', `/api/v2/export/${number}`),
    jobs: (query = '') => http.json<ExportJob[]>('GET', `/api/v2/export${query}`),
  };
}
