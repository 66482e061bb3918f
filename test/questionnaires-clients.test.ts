import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { QUESTIONNAIRE } from '../contracts/questionnaires.ts';
import { readZip } from './archive.ts';
import { openBucket } from './bucket.ts';
import { temporaryFolder } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { openLedger, startOwnServices, useStack } from './context.ts';
import { createArchiveClient, FIRST, surveySettings } from './questionnaires-set-up.ts';
import { type SavReader, startSavReader } from './sav-readers.ts';
import { fetchCompleted, fetchParadata, runSurveyClient } from './survey-clients.ts';
import { openTemporal } from './temporal.ts';
import { openUploadGate } from './upload-gate.ts';
import { waitUntil } from './wait-until.ts';

const INTERVIEWS = 70;
const ATTACHMENTS = `attachments-${randomUUID()}`;
const gate = await openUploadGate(useStack().settings.WAYBILL_OBJECTS_URL);
const services = await startOwnServices(
  { ...(await surveySettings({ interviews: INTERVIEWS })), WAYBILL_ATTACHMENTS_BUCKET: ATTACHMENTS },
  { WAYBILL_OBJECTS_URL: gate.url },
);
const { url } = services;
const client = createArchiveClient(url, 'acme');
const ledger = openLedger(services.settings);
const temporal = await openTemporal(services.settings);
let folder: string;
let reader: SavReader;

beforeAll(async () => {
  folder = await temporaryFolder();
  reader = await startSavReader();
  const bucket = openBucket({ ...services.settings, WAYBILL_OBJECTS_BUCKET: ATTACHMENTS });
  await bucket.prepare();
  for (const place of [0, 1, 2])
    await bucket.put(`acme/house-${place}.jpg`, Buffer.from(`picture ${place}`), 'image/jpeg');
  await bucket.put('acme/audit.m4a', Buffer.from('audio'), 'audio/mp4');
});
afterAll(() => reader.close());

/** Types that differ in what is in the archive, as clients write them. */
const TYPES = ['Tabular', 'STATA', 'SPSS', 'Binary'] as const;
type Type = (typeof TYPES)[number];

/** Checks that a file which a client has saved is the archive of that type, whole. */
async function expectArchive(type: Type, file: string): Promise<void> {
  expect(file).toMatch(new RegExp(`/household_1_${type}_All\\.zip$`));
  const bytes = await readFile(file);
  expect(bytes).toEqual(await client.download(type));
  const entries = await readZip(bytes);
  switch (type) {
    case 'Tabular': {
      const [header, ...rows] = String(entries.get('household.tab')).trimEnd().split('\r\n');
      expect(header).toMatch(/^\uFEFFinterview__key\tinterview__id\tregion\t/);
      expect(rows.map((row) => row.slice(0, 11)).sort()).toEqual(KEYS);
      return;
    }
    case 'STATA':
    case 'SPSS': {
      const extension = type === 'SPSS' ? 'sav' : 'dta';
      const path = join(folder, `household.${extension}`);
      await writeFile(path, entries.get(`household.${extension}`) ?? '');
      const { names, labels, values } = await reader.read(path);
      const column = (name: string) => values[names.indexOf(name)] ?? [];
      expect(labels[names.indexOf('region')]).toBe('Label of region');
      expect(column('interview__key').toSorted()).toEqual(KEYS);
      const incomes = column('interview__key').map((key, at) => [key, column('income')[at]]);
      const unanswered = type === 'SPSS' ? -999_999_999 : 'a';
      const income = (place: number) => (place % 11 === 4 ? unanswered : place * 1.25);
      expect(Object.fromEntries(incomes)).toEqual(Object.fromEntries(KEYS.map((key, place) => [key, income(place)])));
      return;
    }
    case 'Binary':
      expect(entries.size).toBe(15);
      expect(entries.get('00-00-00-04/house.jpg')?.toString()).toBe('picture 1');
      expect(entries.get('00-00-00-01/AudioAudit/.._x_y.m4a')?.toString()).toBe('audio');
      expect(entries.get('export__missing.txt')?.toString()).toBe('00-00-00-05/lost.jpg\r\n');
  }
}

/** Of acme's interviews, in order. */
const KEYS = Array.from({ length: INTERVIEWS }, (_, place) => `00-00-00-${String(place).padStart(2, '0')}`);

/** Holds what is being made in its upload, and lets it go once its cancellation has been requested. */
async function releaseWhenCancelled(number: number): Promise<void> {
  const run = await ledger.runs.findByNumber('acme', QUESTIONNAIRE, number);
  if (!run) throw new Error(`there is no job ${number}`);
  await waitUntil(() => temporal.isCancelRequested(run), Boolean, 30);
  gate.release();
}

/** Starts an archive anew whose upload is held. @returns its job */
async function startHeld(type: Type): Promise<number> {
  const stopped = gate.hold(/^PUT \S*\/questionnaire\/\S*\.zip/);
  const number = await client.start(type);
  await stopped;
  return number;
}

describe('ssaw 0.0.3, of the first generation, unmodified', () => {
  test('lists questionnaires, and fetches paradata', async () => {
    const { started, identity, title, statuses, file } = await fetchParadata(url, folder);
    expect([started, identity, title, statuses.length]).toEqual([true, FIRST, 'Household survey 2016', 7]);
    expect(file).toMatch(/household_1_Paradata_All\.zip$/);
    expect([...(await readZip(await readFile(file))).keys()]).toEqual([
      ...['paradata.tab', 'paradata.do', 'paradata-import.do'],
    ]);
  });

  test('starts, waits for and downloads each other type, and is told that there is no DDI', async () => {
    const script = `
files = {}
for type in sys.argv[4:]:
    before = hq.export.get_info(sys.argv[3], type)
    started = hq.export.start(sys.argv[3], type)
    while hq.export.get_info(sys.argv[3], type)['ExportStatus'] in ('Queued', 'Running'): time.sleep(0.1)
    after = hq.export.get_info(sys.argv[3], type)
    files[type] = {'before': before['ExportStatus'], 'started': started, 'after': after['ExportStatus'], 'file': hq.export.get(sys.argv[3], sys.argv[2], type)}
try:
    hq.export.start(sys.argv[3], 'DDI')
except Exception as error:
    files['DDI'] = error.message
print(json.dumps(files))`;
    const fetched = await runSurveyClient<Record<string, { readonly file: string }>>(
      ...(['first', url, script, folder, FIRST, ...TYPES] as const),
    );
    expect(fetched.DDI).toBe('Unknown export type not found');
    for (const type of TYPES) {
      expect(fetched[type]).toMatchObject({ before: 'NotStarted', started: true, after: 'Finished' });
      await expectArchive(type, fetched[type]?.file ?? '');
    }
  });

  test('cancels what is being made, and goes on downloading the archive before', async () => {
    const before = await client.download('spss');
    const script = `
running = hq.export.get_info(sys.argv[3], 'SPSS')
cancelled = hq.export.cancel(sys.argv[3], 'SPSS')
print(json.dumps({'running': running, 'cancelled': cancelled, 'after': hq.export.get_info(sys.argv[3], 'SPSS'), 'file': hq.export.get(sys.argv[3], sys.argv[2], 'SPSS')}))`;
    const number = await startHeld('SPSS');
    const [{ file, ...seen }] = await Promise.all([
      runSurveyClient<{ readonly file: string }>('first', url, script, folder, FIRST),
      releaseWhenCancelled(number),
    ]);
    expect(seen).toMatchObject({
      running: {
        ExportStatus: 'Running',
        HasExportedFile: true,
        RunningProcess: { ProgressInPercents: expect.any(Number) },
      },
      cancelled: true,
      after: { ExportStatus: 'Finished', HasExportedFile: true, RunningProcess: null },
    });
    expect(await readFile(file)).toEqual(before);
    expect(await client.job(number)).toMatchObject({ ExportStatus: 'Canceled', HasExportFile: false });
  });
});

describe('ssaw 0.9, of the second generation, unmodified', () => {
  test('makes, lists and fetches text of completed interviews', async () => {
    const read = await fetchCompleted(url, folder);
    expect(read).toMatchObject({ job: 'Completed', progress: 100, again: read.file });
    expect(read.file).toMatch(/household_1_Tabular_Completed\.zip$/);
    expect((await readZip(await readFile(read.file))).has('household.tab')).toBe(true);
  });

  test('starts, waits for and downloads each type, and is told that there is no DDI', async () => {
    const script = `
from concurrent.futures import ThreadPoolExecutor
api = ExportApi(client)
def fetch(type):
    job = api.start(ExportJob(questionnaire_id=sys.argv[3], export_type=type), wait=True)
    return type, {'status': job.export_status, 'number': job.job_id, 'has': job.has_export_file, 'file': api.get(sys.argv[3], export_type=type, export_path=sys.argv[2])}
with ThreadPoolExecutor() as pool: files = dict(pool.map(fetch, sys.argv[4:]))
try:
    api.start(ExportJob(questionnaire_id=sys.argv[3], export_type='DDI'))
except Exception as error:
    files['DDI'] = type(error).__name__
print(json.dumps(files))`;
    const fetched = await runSurveyClient<Record<string, { readonly file: string }>>(
      ...(['second', url, script, folder, FIRST, ...TYPES] as const),
    );
    expect(fetched.DDI).toBe('NotAcceptableError');
    for (const type of TYPES) {
      expect(fetched[type]).toMatchObject({ status: 'Completed', has: true, number: expect.any(Number) });
      await expectArchive(type, fetched[type]?.file ?? '');
    }
  });

  test('cancels a job that runs, and goes on downloading the archive before', async () => {
    const before = await client.download('stata');
    const script = `
api = ExportApi(client)
number = int(sys.argv[4])
running = api.get_info(number)
api.cancel(number)
after = api.get_info(number)
print(json.dumps({'running': running.export_status, 'after': after.export_status, 'has': after.has_export_file, 'cancelled': [job.job_id for job in api.get_list(sys.argv[3], export_status='Canceled', export_type='STATA')], 'file': api.get(sys.argv[3], export_type='STATA', export_path=sys.argv[2])}))`;
    const number = await startHeld('STATA');
    const [{ file, ...seen }] = await Promise.all([
      runSurveyClient<{ readonly file: string }>(...(['second', url, script, folder, FIRST, String(number)] as const)),
      releaseWhenCancelled(number),
    ]);
    expect(seen).toEqual({ running: 'Running', after: 'Canceled', has: false, cancelled: [number] });
    expect(await readFile(file)).toEqual(before);
  });
});

describe('the command line', () => {
  const environment = { WAYBILL_URL: url, WAYBILL_CLIENT_ID: 'acme', WAYBILL_CLIENT_SECRET: 'acme-demo-secret' };
  const questionnaires = (...args: readonly string[]) => waybill(['questionnaires', ...args], environment);

  test('lists versions, and makes and saves the archive of one', async () => {
    const listed = await questionnaires('list');
    expect(listed.output).toContain(`${FIRST}  household  Household survey 2016`);
    const own = await temporaryFolder();
    const made = await questionnaires('archive', FIRST, '--type', 'binary', '-o', own);
    expect(made).toMatchObject({ code: 0, output: `${join(own, 'household_1_Binary_All.zip')}\n` });
    await expectArchive('Binary', made.output.trim());
    const again = await questionnaires('archive', FIRST, '--type', 'binary', '-o', made.output.trim());
    expect(again).toMatchObject({ code: 2, errors: expect.stringContaining('already exists') });
    const filters = [
      '--status',
      'Completed',
      '--from',
      '2016-06-02',
      '--to',
      '2016-06-03',
      '-o',
      join(folder, 'few.zip'),
    ];
    const { code, output } = await questionnaires('archive', FIRST, ...filters, '--json');
    const { file, bytes, jobId } = JSON.parse(output) as { file: string; bytes: number; jobId: number };
    expect([code, file, (await readFile(file)).length]).toEqual([0, join(folder, 'few.zip'), bytes]);
    expect(await client.job(jobId)).toMatchObject({ InterviewStatus: 'Completed', From: '2016-06-02T00:00:00.000000' });
    expect(await readFile(file)).toEqual(await client.bytes('GET', `/api/v2/export/${jobId}/file`));
  });

  test('says what is wrong', async () => {
    for (const [args, code, text] of [
      [['nonsense'], 1, 'Invalid questionnaire identity.'],
      [[`${FIRST}9`], 1, 'Questionnaire not found.'],
      [[FIRST, '--from', 'yesterday'], 2, 'field From'],
      [[FIRST, '--type', 'ddi'], 2, 'Allowed choices'],
      [[FIRST, '-o', join(folder, 'none', 'few.zip')], 2, 'There is no directory'],
    ] as const) {
      expect(await questionnaires('archive', ...args)).toMatchObject({ code, errors: expect.stringContaining(text) });
    }
  });
});
