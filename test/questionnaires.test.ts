import { createHash, randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { manifestKey, runPrefix } from '../contracts/keys.ts';
import { parseManifest } from '../contracts/manifest.ts';
import { pythonWith } from '../stack/python.ts';
import { generateKey } from '../streams/age/keys.ts';
import { openWithAge, readZip } from './archive.ts';
import {
  describedTables,
  type Entries,
  expectDoFiles,
  expectStatistics,
  expectTab,
  openWarehouse,
  rowsOf,
} from './archive-tables.ts';
import { openBucket } from './bucket.ts';
import { temporaryFolder } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { basic, openLedger, startOwnServices } from './context.ts';
import { startPostgres } from './postgres-server.ts';
import { createArchiveClient, FIRST, GUID, INTERVIEWS, surveySettings, TABLES } from './questionnaires-set-up.ts';
import {
  findSecrets,
  formsOf,
  type Remains,
  remainsInBucket,
  remainsInPostgres,
  remainsInTemporal,
} from './remains.ts';
import { startSavReader } from './sav-readers.ts';
import { fetchCompleted, fetchParadata } from './survey-clients.ts';
import { readEncryptedZip } from './zip-readers.ts';

const ATTACHMENTS = `attachments-${randomUUID()}`;
const survey = await surveySettings();
const services = await startOwnServices({ ...survey, WAYBILL_ATTACHMENTS_BUCKET: ATTACHMENTS });
const client = createArchiveClient(services.url);
const other = createArchiveClient(services.url, 'acme');
const ledger = openLedger(services.settings);
const warehouse = await openWarehouse(survey.WAYBILL_WAREHOUSE_SQL ?? '');
const tables = (await describedTables(warehouse, 'survey', GUID, 1)).filter(({ part }) => part !== 'paradata');

/** Prints a file's rows as JSON: times as ISO 8601 in seconds, user-missing values as null. */
const ARROW_ROWS = `
import json, sys, readstat_arrow
read = readstat_arrow.read_dta if sys.argv[1].endswith('.dta') else readstat_arrow.read_sav
table, _ = read(sys.argv[1])
def plain(v):
    if hasattr(v, 'isoformat'): return v.isoformat()[:19]
    if isinstance(v, str): return v.translate({9: ' ', 10: ' ', 13: ' '})
    return None if v is None or v != v else v
print(json.dumps({'names': table.column_names, 'rows': [[plain(v) for v in r.values()] for r in table.to_pylist()]}))
`;

/** @returns a value of a .tab file as {@link ARROW_ROWS} prints that of another file */
function cellOf(format: 'sav' | 'dta', type: string, text: string): string | number | null {
  // Stata has no user-missing texts; neither tells an empty text from a missing one.
  if (type === 'text') return text === '' || (format === 'sav' && text === '##N/A##') ? null : text;
  if (text === '' || text === '##N/A##' || text === '-999999999') return null;
  return type === 'date' || type === 'timestamp' ? text : Number(text);
}

/** @returns rows as texts, in an order of their own; an empty text is no text */
function sortedRows(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row.map((value) => (value === '' ? null : value)))).sort();
}

/** Makes an archive anew. */
async function make(type: string, query = '', id = FIRST): Promise<Entries> {
  await client.start(type, id, query);
  expect(await client.idle(type, id, query)).toMatchObject({ HasExportedFile: true, ExportStatus: 'Finished' });
  return readZip(await client.download(type, id, query));
}

describe('an archive', () => {
  test('is started, made, and downloaded', async () => {
    const nothing = { HasExportedFile: false, LastUpdateDate: null, ExportStatus: 'NotStarted', RunningProcess: null };
    expect(await client.details()).toEqual(nothing);
    expect((await client.request('GET', `/api/v1/export/tabular/${FIRST}`)).status).toBe(404);
    const number = await client.start();
    expect(number).toBeGreaterThan(0);
    const done = await client.idle();
    expect(done).toMatchObject({ HasExportedFile: true, ExportStatus: 'Finished' });
    expect(done.LastUpdateDate).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/);
    const entries = await readZip(await client.download());
    const scripted = ['household', 'members', 'assignment__actions'].flatMap((name) => [
      ...[`${name}.tab`, `${name}.do`, `${name}-import.do`],
    ]);
    expect([...entries.keys()]).toEqual([...scripted, 'export__readme.txt']);
    expect(entries.get('household.do')?.toString()).toContain('insheet using "household.tab", tab case names\r\n');
    expect(entries.get('household.do')?.toString()).toMatch(/label define region 1 .*Nord/);
    expect(entries.get('household-import.do')?.toString()).toContain('import delimited using "household.tab"');
    const readme = entries.get('export__readme.txt')?.toString() ?? '';
    expect(readme).toContain(
      `The data in this download were collected using the questionnaire "Household survey 2016" (${FIRST}).`,
    );
    expect(readme).toContain('All interviews.');
    const [header, ...rows] = rowsOf(entries, 'household.tab');
    expect(header?.slice(0, 4)).toEqual(['interview__key', 'interview__id', 'region', 'name']);
    expect(header).toHaveLength(16);
    expect(rows).toHaveLength(INTERVIEWS);
    for (const row of rows) expect(row).toHaveLength(16);
    const byKey = new Map(rows.map((row) => [row[0], row]));
    // Unanswered, then not asked, as the contract has them.
    expect(byKey.get('00-00-00-00')?.slice(2)).toEqual([
      ...[
        '-999999999',
        '##N/A##',
        '0.00',
        '0',
        '',
        '##N/A##',
        '2016-06-01T08:30:15',
        '1',
        '0.5',
        'first second  third',
      ],
      ...['0.0', '1', '40', '1'],
    ]);
    expect(byKey.get('00-00-00-01')?.slice(2, 11)).toEqual([
      '',
      '',
      '1.25',
      '1',
      '0',
      '',
      '2016-06-01T08:31:15',
      '0',
      '',
    ]);
    expect(byKey.get('00-00-00-02')?.slice(2, 8)).toEqual(['1', 'Zoë "2"', '2.50', '0', '1', '1990-01-03']);
    expect(byKey.get('00-00-00-03')?.[8], 'a time').toBe('##N/A##');
    expect(byKey.get('00-00-00-04')?.[4], 'a decimal').toBe('-999999999');
    expect(byKey.get('00-00-00-06')?.[10], 'a double').toBe('-999999999');
    const imported = entries.get('household-import.do')?.toString() ?? '';
    expect(imported).toContain('replace waybill_value = .a if started == "##N/A##"');
    expect(imported).toContain('mvdecode income, mv(-999999999=.a)');
    expect(imported).toContain('mvdecode weight, mv(-999999999=.a)');
  });

  test('has a manifest with its tables, and the hash of each', async () => {
    const { current } = await ledger.archives.ofSeries(
      'dreambuilder',
      `questionnaire|tenantKey:dreambuilder|id:${FIRST}|type:tabular|status:All`,
    );
    if (!current) throw new Error('there is no current archive');
    const bytes = await openBucket(services.settings).get(manifestKey(runPrefix(current)));
    const read = parseManifest(Buffer.from(bytes ?? []).toString());
    if ('problem' in read) throw new Error(read.problem);
    const [file] = read.manifest.files;
    const entries = await readZip(await client.download());
    expect(file).toMatchObject({ file: 'household_1_Tabular_All.zip', format: 'zip', rows: INTERVIEWS * 4 + 20 });
    const rows = new Map([
      ['household.tab', INTERVIEWS],
      ['members.tab', INTERVIEWS * 3],
      ['assignment__actions.tab', 20],
    ]);
    expect(file?.members).toEqual(
      [...entries].map(([name, content]) => ({
        ...{ name, rows: rows.get(name) ?? null, bytes: content.length },
        sha256: createHash('sha256').update(content).digest('hex'),
      })),
    );
  });

  test('is served in ranges, with both names', async () => {
    const path = `/api/v1/export/Tabular/${FIRST}`;
    const whole = await client.request('GET', path);
    expect(whole.headers.get('content-type')).toBe('application/zip');
    expect(whole.headers.get('content-disposition')).toBe(
      `attachment; filename="household_1_Tabular_All.zip"; filename*=UTF-8''household_1_Tabular_All.zip`,
    );
    const bytes = Buffer.from(await whole.arrayBuffer());
    const part = await client.request('GET', path, { headers: { range: 'bytes=10-19' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(10, 20));
    const head = await client.request('HEAD', path);
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  });

  test('as text is what the warehouse has, table by table', async () => {
    const entries = await readZip(await client.download());
    for (const table of tables) {
      await expectTab(warehouse, table, 'dreambuilder', entries);
      expectDoFiles(table, entries);
    }
  });

  test.each([
    ['stata', 'dta'],
    ['spss', 'sav'],
  ] as const)('for %s has the same tables, with labels and missing values', async (type, extension) => {
    const entries = await make(type);
    expect([...entries.keys()]).toEqual([...tables.map(({ name }) => `${name}.${extension}`), 'export__readme.txt']);
    const reader = await startSavReader();
    for (const table of tables) {
      await expectStatistics(extension, { pyreadstat: reader }, warehouse, table, 'dreambuilder', entries);
    }
    await reader.close();
    const readme = entries.get('export__readme.txt')?.toString();
    expect(readme).toContain(`household.${extension}: ${INTERVIEWS} rows`);
    const letters = readme?.match(/household\.dta: \.[a-z] stands for .*(?=\r\n)/g) ?? [];
    expect(letters).toEqual(
      type === 'spss' ? [] : ['household.dta: .a stands for -999999999 or 9999-12-31 (Not answered).'],
    );
  });

  test.each(['stata', 'spss'] as const)(
    'for %s holds in every table what the others do, by other readers',
    async (type) => {
      const extension = type === 'stata' ? 'dta' : 'sav';
      const entries = await make(type);
      const tabs = await readZip(await client.download());
      const folder = await temporaryFolder();
      const python = await pythonWith(['pyarrow==26.0.1', 'readstat-arrow==2026.10.20.0']);
      for (const [table, { columns }] of Object.entries(TABLES).slice(0, 3)) {
        const path = join(folder, `${table}.${extension}`);
        await writeFile(path, entries.get(`${table}.${extension}`) ?? '');
        const { stdout } = await execa(python, ['-c', ARROW_ROWS, path]);
        const types = columns.map(([, kind]) => kind ?? '');
        const [names, ...rows] = rowsOf(tabs, `${table}.tab`);
        const read = JSON.parse(stdout) as { readonly names: string[]; readonly rows: unknown[][] };
        expect(read.names).toEqual(names);
        const expected = rows.map((row) => row.map((text, at) => cellOf(extension, types[at] ?? '', text)));
        expect([table, sortedRows(read.rows)]).toEqual([table, sortedRows(expected)]);
      }
      const path = join(folder, `household.${extension}`);
      const [names = [], ...rows] = rowsOf(tabs, 'household.tab');
      const cells = (name: string, kind: string) =>
        rows.map((row) => cellOf(extension, kind, row[names.indexOf(name)] ?? 'none'));
      const incomes = cells('income', 'decimal').filter((value) => value !== null);
      const started = cells('started', 'timestamp').filter((value) => value !== null);
      const script = `
        d <- haven::read_${extension}(commandArgs(TRUE)[1])
        cat(nrow(d), ncol(d), sum(!is.na(d$income)), sum(!is.na(d$started)), format(sum(d$income, na.rm = TRUE), digits = 15))`;
      const { stdout, stderr } = await execa('Rscript', ['-e', script, path], { env: { LC_ALL: 'C.UTF-8' } });
      const sum = incomes.reduce((all: number, one) => all + Number(one), 0);
      expect([stdout.split(' ').map(Number), stderr]).toEqual([
        [rows.length, names.length, incomes.length, started.length, sum],
        '',
      ]);
      if (type === 'stata') return;
      const copy = join(folder, 'household.csv');
      const { all } = await execa('pspp-convert', [path, copy], { all: true });
      expect(all).toBe('');
      expect((await readFile(copy, 'utf8')).split(/\r?\n\d\d-\d\d-/)).toHaveLength(rows.length + 1);
    },
  );

  test('of paradata has the events of each interview in order', async () => {
    const [header, ...rows] = rowsOf(await make('paradata'), 'paradata.tab');
    expect(header).toEqual([
      'interview__id',
      'order',
      'event',
      'responsible',
      'role',
      'timestamp_utc',
      'tz_offset',
      'parameters',
    ]);
    expect(rows).toHaveLength(INTERVIEWS * 5);
    const sorted = rows.toSorted((one, two) => ((one[0] ?? '') < (two[0] ?? '') ? -1 : 1));
    expect(rows.map(([id]) => id)).toEqual(sorted.map(([id]) => id));
    expect(rows.slice(0, 5).map((row) => row[1])).toEqual(['1', '2', '3', '4', '5']);
    expect(rows[0]?.[7]).toBe('name|| 5||');
  });

  test('of attachments has the files of each interview, safely named, and says which are missing', async () => {
    const bucket = openBucket({ ...services.settings, WAYBILL_OBJECTS_BUCKET: ATTACHMENTS });
    await bucket.prepare();
    for (const place of [0, 1, 2]) {
      await bucket.put(`dreambuilder/house-${place}.jpg`, Buffer.from(`picture ${place}`), 'image/jpeg');
    }
    await bucket.put('dreambuilder/audit.m4a', Buffer.from('audio'), 'audio/mp4');
    const entries = await make('binary');
    expect(entries.size).toBe(15);
    expect(entries.get('00-00-00-04/house.jpg')?.toString()).toBe('picture 1');
    expect(entries.get('00-00-00-01/AudioAudit/.._x_y.m4a')?.toString()).toBe('audio');
    expect(entries.get('export__missing.txt')?.toString()).toBe('00-00-00-05/lost.jpg\r\n');
  });

  test.each([
    ['?status=Completed', INTERVIEWS / 7, 'household_1_Tabular_Completed.zip'],
    ['?status=all', INTERVIEWS, 'household_1_Tabular_All.zip'],
    ['?from=2016-06-02', INTERVIEWS - 24, 'household_1_Tabular_All_20160602T000000Z_.zip'],
    [
      '?from=2016-06-02T00:00:00%2B00:00&to=2016-06-02T03:00:00Z',
      4,
      'household_1_Tabular_All_20160602T000000Z_20160602T030000Z.zip',
    ],
  ])('with the filter %s has those interviews, and is an archive of its own', async (query, count, name) => {
    const entries = await make('tabular', query);
    const rows = rowsOf(entries, 'household.tab');
    expect(rows).toHaveLength(1 + count);
    expect(rowsOf(entries, 'members.tab')).toHaveLength(1 + 3 * count);
    // It belongs to no interview.
    expect(rowsOf(entries, 'assignment__actions.tab')).toHaveLength(21);
    const { headers } = await client.request('HEAD', `/api/v1/export/tabular/${FIRST}${query}`);
    expect(headers.get('content-disposition')).toContain(name);
  });

  test('of a version without rosters has none, and other tenants have their own rows', async () => {
    const tables = [...(await make('tabular', '', `${GUID}$2`)).keys()].filter((name) => name.endsWith('.tab'));
    expect(tables).toEqual(['household.tab', 'assignment__actions.tab']);
    await other.start();
    await other.idle();
    const mine = rowsOf(await readZip(await client.download()), 'household.tab').map((row) => row[1]);
    const theirs = rowsOf(await readZip(await other.download()), 'household.tab').map((row) => row[1]);
    expect(mine.filter((id) => theirs.includes(id))).toEqual(['interview__id']);
    expect((await other.request('GET', `/api/v1/export/tabular/${GUID}$2/details`)).status).toBe(404);
  });
});

describe('a request', () => {
  test.each([
    [`/api/v1//export/Tabular/${FIRST}/details`],
    [`//api/v1/export/TABULAR/${FIRST.replace('$', '%24')}/details/`],
    ['/api/v1/export/tabular/74e2d308-5491-4e24-af6b-eae9be64130c$1/details'],
    [`/api/v1/export/tabular/${FIRST.toUpperCase()}/details`],
    [`/primary/api/v1/export/tabular/${FIRST}/details`],
  ])('to %s is understood', async (path) => {
    const response = await client.request('GET', path);
    expect([response.status, await response.json()]).toEqual([200, await client.details()]);
  });

  const actions = [
    ['GET', '/details'],
    ['POST', '/start'],
    ['POST', '/cancel'],
    ['GET', ''],
  ] as const;
  test.each([
    ['ddi', FIRST, 'Unknown export type'],
    ['ddi', 'nonsense', 'Unknown export type'],
    ['tabular', 'nonsense', 'Invalid questionnaire identity'],
    ['tabular', GUID, 'Invalid questionnaire identity'],
    ['tabular', `${GUID}$0`, 'Invalid questionnaire identity'],
    ['tabular', `${GUID}$1$1`, 'Invalid questionnaire identity'],
    ['tabular', `${GUID}$9`, 'Questionnaire not found'],
    ['tabular', `${GUID.replace('7', '8')}$1`, 'Questionnaire not found'],
  ])('about %s of %s is answered 404 %s', async (type, id, body) => {
    for (const [method, action] of actions) {
      const response = await client.request(method, `/api/v1/export/${type}/${id}${action}`);
      expect([response.status, await response.text()]).toEqual([404, body]);
    }
  });

  test('without an archive is answered 404 without a body; cancelling nothing, 200 without a body', async () => {
    const query = '?status=RejectedBySupervisor';
    const missing = await client.request('GET', `/api/v1/export/tabular/${FIRST}${query}`);
    expect([missing.status, await missing.text()]).toEqual([404, '']);
    const cancelled = await client.request('POST', `/api/v1/export/tabular/${FIRST}/cancel${query}`);
    expect([cancelled.status, await cancelled.text()]).toEqual([200, '']);
  });

  test.each([
    ['?status=Unheard', 'status'],
    ['?from=yesterday', 'from'],
    ['?from=2016-06-02&to=2016-06-01', 'from'],
    ['?colour=red', 'colour'],
  ])('with %s is refused', async (query, field) => {
    const response = await client.request('POST', `/api/v1/export/tabular/${FIRST}/start${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ field }] });
  });

  test('of a read-only credential may look and not start', async () => {
    const reader = createArchiveClient(services.url, 'dreambuilder-readonly');
    expect(await reader.details()).toMatchObject({ HasExportedFile: true });
    for (const [method, path] of [
      ['POST', `/api/v1/export/tabular/${FIRST}/start`],
      ['POST', `/api/v1/export/tabular/${FIRST}/cancel`],
      ['DELETE', '/api/v2/export/1'],
    ] as const) {
      expect((await reader.request(method, path)).status).toBe(403);
    }
    const unknown = createArchiveClient(services.url, 'dreambuilder', 'wrong');
    expect((await unknown.request('GET', `/api/v1/export/tabular/${FIRST}/details`)).status).toBe(401);
  });
});

describe('the second generation', () => {
  const KEYS = [
    ...[
      'AccessToken',
      'CompleteDate',
      'CreateDate',
      'ETA',
      'Error',
      'ExportStatus',
      'ExportType',
      'From',
      'HasExportFile',
    ],
    ...['IncludeMeta', 'InterviewStatus', 'JobId', 'Links', 'Progress', 'QuestionnaireId', 'RefreshToken', 'StartDate'],
    ...['StorageType', 'To', 'TranslationId'],
  ];

  test('starts a job with a Location, shows it, lists it, serves its file and deletes it', async () => {
    const body = {
      exporttype: 'tabular',
      QUESTIONNAIREID: `${GUID}$1`,
      InterviewStatus: 'ApprovedBySupervisor',
      From: null,
      Other: 1,
    };
    const started = await client.request('POST', '/primary/api/v2/export', { body });
    const job = (await started.json()) as { JobId: number; Links: { Download: string } };
    expect([started.status, Object.keys(job).sort()]).toEqual([201, KEYS]);
    const base = `${services.url}/primary/api/v2/export`;
    expect(started.headers.get('location')).toBe(`${base}/${job.JobId}`);
    const done = await (async () => {
      for (;;) {
        const shown = await client.job(job.JobId);
        if (shown.ExportStatus !== 'Created' && shown.ExportStatus !== 'Running') return shown;
      }
    })();
    expect(done).toMatchObject({
      ...{ ExportStatus: 'Completed', Progress: 100, HasExportFile: true, Error: null, ExportType: 'Tabular' },
      ...{ QuestionnaireId: FIRST, InterviewStatus: 'ApprovedBySupervisor', From: null, To: null, IncludeMeta: false },
      Links: { Cancel: null, Download: `${services.url}/api/v2/export/${job.JobId}/file` },
    });
    for (const time of [done.CreateDate, done.StartDate, done.CompleteDate]) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
    }
    const query = `?exportType=TABULAR&interviewStatus=approvedbysupervisor&questionnaireIdentity=${GUID}%241&exportStatus=completed&hasFile=True`;
    expect((await client.jobs(query)).map(({ JobId }) => JobId)).toEqual([job.JobId]);
    expect(await client.jobs(query.replace('True', 'False'))).toEqual([]);
    const file = await client.bytes('GET', `/api/v2/export/${job.JobId}/file`);
    expect(rowsOf(await readZip(file), 'household.tab')).toHaveLength(1 + INTERVIEWS / 7);
    expect((await other.request('GET', `/api/v2/export/${job.JobId}`)).status).toBe(404);
    expect((await other.request('GET', `/api/v2/export/${job.JobId}/file`)).status).toBe(404);
    expect((await other.request('DELETE', `/api/v2/export/${job.JobId}`)).status).toBe(404);

    const removed = await client.json<{ HasExportFile: boolean }>('DELETE', `/api/v2/export/${job.JobId}`);
    expect(removed).toMatchObject({ ExportStatus: 'Completed', HasExportFile: false, Links: { Download: null } });
    expect((await client.request('GET', `/api/v2/export/${job.JobId}/file`)).status).toBe(404);
    expect(await client.details('tabular', FIRST, '?status=ApprovedBySupervisor')).toMatchObject({
      ...{ HasExportedFile: false, ExportStatus: 'NotStarted' },
    });
  });

  const start = (body: unknown) => client.request('POST', '/api/v2/export', { body });

  test.each([
    ['nonsense', 'Invalid questionnaire identity'],
    [GUID, 'Invalid questionnaire identity'],
    [`${GUID}$0`, 'Invalid questionnaire identity'],
    [`${FIRST}$1`, 'Invalid questionnaire identity'],
    ['', 'Invalid questionnaire identity'],
    [`${GUID}$9`, 'Questionnaire not found'],
    [`${GUID.replace('7', '8')}$1`, 'Questionnaire not found'],
  ])('answers about %s 404 %s', async (QuestionnaireId, text) => {
    const response = await start({ QuestionnaireId, ExportType: 'Tabular' });
    expect([response.status, await response.text()]).toEqual([404, text]);
  });

  test.each([
    [{}, { field: 'QuestionnaireId', code: 'missing_field' }],
    [{ QuestionnaireId: null }, { field: 'QuestionnaireId', code: 'missing_field' }],
    [{ QuestionnaireId: 7 }, { field: 'QuestionnaireId', code: 'invalid_field' }],
    [
      { questionnaireid: FIRST, exporttype: 'DDI' },
      { field: 'ExportType', code: 'invalid_field' },
    ],
    [
      { QuestionnaireId: FIRST, ExportType: ['SPSS'] },
      { field: 'ExportType', code: 'invalid_field' },
    ],
    [
      { QuestionnaireId: FIRST, InterviewStatus: 'Unheard' },
      { field: 'InterviewStatus', code: 'invalid_field' },
    ],
    [
      { QuestionnaireId: FIRST, From: 'yesterday' },
      { field: 'From', code: 'invalid_date' },
    ],
    [
      { QuestionnaireId: FIRST, To: '2016-13-01' },
      { field: 'To', code: 'invalid_date' },
    ],
    [
      { QuestionnaireId: FIRST, From: '2016-06-02', To: '2016-06-01' },
      { field: 'From', code: 'invalid_field' },
    ],
  ])('refuses %j and names what is wrong', async (body, error) => {
    const response = await start(body);
    expect([response.status, await response.json()]).toMatchObject([400, { errors: [error] }]);
  });

  test.each([
    ['{"QuestionnaireId"', 'application/json', 400, 'malformed_body'],
    ['', 'application/json', 400, 'malformed_body'],
    ['null', 'application/json', 400, 'malformed_body'],
    ['["Tabular"]', 'application/json', 400, 'malformed_body'],
    [`QuestionnaireId=${FIRST}`, 'application/x-www-form-urlencoded', 415, 'unsupported_media_type'],
  ])('refuses the body %s of %s', async (body, type, status, code) => {
    const answer = await fetch(`${services.url}/api/v2/export`, {
      ...{ method: 'POST', body },
      headers: { authorization: basic('dreambuilder'), 'content-type': type },
    });
    expect([answer.status, await answer.json()]).toMatchObject([status, { code }]);
  });

  test('lists the newest first, and refuses filters that do not exist', async () => {
    const numbers = (await client.jobs()).map(({ JobId }) => JobId);
    expect(numbers.length).toBeGreaterThan(3);
    expect(numbers).toEqual(numbers.toSorted((one, two) => two - one));
    expect((await client.jobs('?limit=2&offset=1')).map(({ JobId }) => JobId)).toEqual(numbers.slice(1, 3));
    expect((await client.request('GET', '/api/v2/export?hasFile=maybe&exportStatus=Lost')).status).toBe(400);
    for (const path of ['/api/v2/export/0', '/api/v2/export/nonsense', '/api/v2/export/99999999']) {
      expect((await client.request('GET', path)).status).toBe(404);
    }
  });
});

test('questionnaires are listed in pages, and statuses of interviews', async () => {
  const list = await client.json<{ Questionnaires: unknown[] }>('GET', '/api/v1/questionnaires?limit=1&offset=2');
  expect(list).toEqual({
    Questionnaires: [
      {
        ...{ QuestionnaireIdentity: `${GUID}$2`, QuestionnaireId: '74e2d308-5491-4e24-af6b-eae9be64130c', Version: 2 },
        ...{ Title: 'Household survey 2016', Variable: 'household', LastEntryDate: '2016-05-20T09:30:00.123456Z' },
      },
    ],
    ...{ Order: '', Limit: 1, TotalCount: 2, Offset: 2 },
  });
  expect(await client.json('GET', '/api/v1/questionnaires/statuses')).toContain('ApprovedByHeadquarters');
});

describe('archives that are protected', () => {
  const PASSWORD = 'correct horse battery';
  const key = { WAYBILL_SECRETS_KEY: services.settings.WAYBILL_SECRETS_KEY ?? '' };
  const protect = async (...args: readonly string[]) => {
    const environment = { WAYBILL_LEDGER_URL: services.settings.WAYBILL_LEDGER_URL, ...key };
    const { code, output, errors } = await waybill(['tenant', 'archives', 'acme', ...args, '--json'], environment);
    expect([code, errors]).toEqual([0, '']);
    return JSON.parse(output) as { password: boolean; recipients: string[]; removed: number };
  };
  let folder: string;
  let identities: readonly string[];
  let recipients: readonly string[];

  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFile(join(folder, 'password'), `${PASSWORD}\n`);
    const keys = [await generateKey({ postQuantum: false }), await generateKey({ postQuantum: false })];
    [identities, recipients] = [keys.map(({ identity }) => identity), keys.map(({ recipient }) => recipient)];
    await writeFile(join(folder, 'key'), identities[0] ?? '');
  });

  /** Makes an archive of acme anew. @returns what a caller downloads, and its name */
  async function makeProtected(type: string) {
    await other.start(type);
    expect(await other.idle(type)).toMatchObject({ HasExportedFile: true, ExportStatus: 'Finished' });
    const answer = await other.request('GET', `/api/v1/export/${type}/${FIRST}`);
    const [, name = ''] = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '') ?? [];
    return { name, type: answer.headers.get('content-type'), bytes: Buffer.from(await answer.arrayBuffer()) };
  }

  /** Writes an archive and its manifest into a folder of their own. @returns that */
  async function saved(type: string, name: string, bytes: Buffer): Promise<string> {
    const series = `questionnaire|tenantKey:acme|id:${FIRST}|type:${type}|status:All`;
    const { current } = await ledger.archives.ofSeries('acme', series);
    const manifest = current && (await openBucket(services.settings).get(manifestKey(runPrefix(current))));
    const place = await temporaryFolder();
    await writeFile(join(place, 'manifest.json'), manifest ?? '');
    await writeFile(join(place, name), bytes);
    return place;
  }
  const verify = (place: string, ...args: readonly string[]) => waybill(['verify', place, ...args], {});

  test('by a password are AES-256, whatever their type, and replace what was there without', async () => {
    await other.start();
    await other.idle();
    const plain = await readZip(await other.download());
    const { removed, password } = await protect('--password-file', join(folder, 'password'));
    expect(password).toBe(true);
    expect(removed).toBeGreaterThan(0);
    expect(await other.details()).toMatchObject({ HasExportedFile: false, ExportStatus: 'NotStarted' });
    expect((await other.request('GET', `/api/v1/export/tabular/${FIRST}`)).status).toBe(404);
    expect(await other.jobs('?hasFile=true')).toEqual([]);
    const attachments = openBucket({ ...services.settings, WAYBILL_OBJECTS_BUCKET: ATTACHMENTS });
    await attachments.prepare();
    await attachments.put('acme/house-1.jpg', Buffer.from('acme 1'), 'image/jpeg');

    const tabular = await makeProtected('tabular');
    expect([tabular.name, tabular.type]).toEqual(['household_1_Tabular_All.zip', 'application/zip']);
    await expect(readZip(tabular.bytes)).rejects.toThrow('encrypted');
    await expect(readEncryptedZip(tabular.bytes, 'another password')).rejects.toThrow('Bad password');
    const read = await readEncryptedZip(tabular.bytes, PASSWORD);
    expect([...read.keys()]).toEqual([...plain.keys()]);
    for (const name of ['household.tab', 'members.tab', 'household.do'])
      expect(read.get(name)).toEqual(plain.get(name));
    for (const text of ['Label of region', 'member 1']) expect(tabular.bytes.includes(text)).toBe(false);
    const binary = await readEncryptedZip((await makeProtected('binary')).bytes, PASSWORD);
    expect(binary.get('00-00-00-01/house.jpg')?.toString()).toBe('acme 1');
    const spss = await readEncryptedZip((await makeProtected('spss')).bytes, PASSWORD);
    expect(spss.get('household.sav')?.subarray(0, 4).toString()).toBe('$FL2');

    const place = await saved('tabular', tabular.name, tabular.bytes);
    expect((await verify(place)).output).toContain('--password-file opens them');
    expect(await verify(place, '--password-file', join(folder, 'password'))).toMatchObject({
      code: 0,
      output: expect.stringContaining('its entries are those of the manifest'),
    });
    await writeFile(join(folder, 'wrong'), 'another password');
    expect(await verify(place, '--password-file', join(folder, 'wrong'))).toMatchObject({
      code: 1,
      output: expect.stringContaining('does not open with this password'),
    });
    const manifest = JSON.parse(await readFile(join(place, 'manifest.json'), 'utf8'));
    expect(manifest.files[0]).toMatchObject({
      encryption: 'aes-256',
      members: expect.arrayContaining([
        { ...{ name: 'members.tab', rows: INTERVIEWS * 3 }, bytes: expect.any(Number), sha256: null },
      ]),
    });
  });

  test('by recipients too are sealed, and opened by each of them', async () => {
    const [one = '', two = ''] = recipients;
    expect(await protect('--recipient', one, '--recipient', two)).toMatchObject({ password: true, recipients });
    expect(await other.details()).toMatchObject({ HasExportedFile: false, ExportStatus: 'NotStarted' });
    const { name, type, bytes } = await makeProtected('tabular');
    expect([name, type]).toEqual(['household_1_Tabular_All.zip.age', 'application/zip']);
    for (const identity of identities) {
      const read = await readEncryptedZip(await openWithAge(bytes, identity), PASSWORD);
      expect(read.has('household.tab')).toBe(true);
    }
    const place = await saved('tabular', name, bytes);
    const key = ['--key-file', join(folder, 'key')];
    const checked = await verify(place, ...key);
    expect([checked.code, checked.output]).toEqual([
      0,
      expect.stringContaining('check what "waybill open" makes of it'),
    ]);
    expect((await waybill(['open', join(place, name), ...key], {})).code).toBe(0);
    await rm(join(place, name));
    expect(await verify(place, '--password-file', join(folder, 'password'))).toMatchObject({
      code: 0,
      output: expect.stringContaining('its entries are those of the manifest'),
    });
  });

  test('are downloaded by published clients all the same', async () => {
    const first = await fetchParadata(services.url, folder);
    expect(first.file).toMatch(/household_1_Paradata_All\.zip\.age$/);
    const second = await fetchCompleted(services.url, folder);
    expect(second.file).toMatch(/household_1_Tabular_Completed\.zip\.age$/);
    for (const { file } of [first, second]) {
      const read = await readEncryptedZip(await openWithAge(await readFile(file), identities[0] ?? ''), PASSWORD);
      expect(read.size).toBeGreaterThan(2);
    }
  });

  test('are not made without protection after a loss of the ledger', async () => {
    const postgres = await startPostgres();
    onTestFinished(() => postgres.stop());
    const url = await postgres.createDatabase();
    const environment = { ...services.settings, WAYBILL_LEDGER_URL: url };
    const run = async (...args: readonly string[]) => {
      const { code, output } = await waybill([...args, '--json'], environment);
      expect(code).toBe(0);
      return JSON.parse(output) as unknown;
    };
    expect(await run('ledger', 'rebuild')).toMatchObject({ archives: { restored: expect.any(Number) } });
    await run('tenant', 'add', 'acme', '--title', 'Acme');
    const shown = (await run('tenant', 'archives', 'acme')) as { recipients: string[] };
    expect(shown).toMatchObject({ password: true, passwordLost: true });
    expect(shown.recipients.toSorted()).toEqual(recipients.toSorted());
    await run('tenant', 'archives', 'acme', '--password-file', join(folder, 'password'));
    expect(await run('tenant', 'archives', 'acme')).not.toHaveProperty('passwordLost');
  });

  test('are plain again without either', async () => {
    expect(await protect('--without-password')).toMatchObject({ password: false, recipients });
    expect(await protect('--without-recipients')).toEqual({
      tenant: 'acme',
      password: false,
      recipients: [],
      removed: 0,
    });
    const { name, bytes } = await makeProtected('tabular');
    expect(name).toBe('household_1_Tabular_All.zip');
    expect((await readZip(bytes)).has('household.tab')).toBe(true);
    const place = await saved('tabular', name, bytes);
    expect((await verify(place)).output).toContain('its entries are those of the manifest');
  });

  test('have a password that is in no object, history, table or line of the log', async () => {
    const remains: Remains = new Map([
      ...(await remainsInBucket(services.settings)),
      ...(await remainsInTemporal(services.settings)),
      ...(await remainsInPostgres(services.settings.WAYBILL_LEDGER_URL)),
      ['log', Buffer.from(services.lines.join('\n'))],
    ]);
    expect([...remains.keys()].some((place) => place.startsWith('history questionnaire|tenantKey:acme'))).toBe(true);
    const secrets = [PASSWORD, ...identities, key.WAYBILL_SECRETS_KEY];
    expect(
      findSecrets(
        remains,
        secrets.map((secret, place) => [String(place), formsOf(secret)]),
      ),
    ).toEqual([]);
  });
});

test('neither values nor titles of the warehouse are in the log', () => {
  const log = services.lines.join('\n');
  for (const secret of ['Household survey 2016', 'member 1', 'SELECT *', 'demo-secret'])
    expect(log).not.toContain(secret);
});
