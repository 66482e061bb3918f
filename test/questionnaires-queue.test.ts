import { expect, onTestFinished, test } from 'vitest';
import { runPrefix } from '../contracts/keys.ts';
import { QUESTIONNAIRE } from '../contracts/questionnaires.ts';
import { readZip } from './archive.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { closeAtEnd } from './cleanup.ts';
import { openLedger, startOwnServices, useStack } from './context.ts';
import { createArchiveClient, FIRST, surveySettings } from './questionnaires-set-up.ts';
import { openTemporal } from './temporal.ts';
import { openUploadGate } from './upload-gate.ts';
import { waitUntil } from './wait-until.ts';

const gate = await openUploadGate(useStack().settings.WAYBILL_OBJECTS_URL);
const services = await startOwnServices(await surveySettings({ interviews: 70 }), { WAYBILL_OBJECTS_URL: gate.url });
const { worker } = services;
// A frozen process does not hear that it should stop.
closeAtEnd(() => worker.kill('SIGCONT'));
const client = createArchiveClient(services.url);
const ledger = openLedger(services.settings);
const temporal = await openTemporal(services.settings);

async function runOf(number: number) {
  const run = await ledger.runs.findByNumber('dreambuilder', QUESTIONNAIRE, number);
  if (!run) throw new Error(`there is no job ${number}`);
  return run;
}

/** Makes an archive, then has it made again while no worker takes it up. @returns the job that waits, and the archive before */
async function queueAnew(query: string) {
  const made = await client.start('tabular', FIRST, query);
  await client.idle('tabular', FIRST, query);
  const before = await client.download('tabular', FIRST, query);
  // Otherwise the next one would wait for it.
  await temporal.closed(await runOf(made));
  await worker.kill('SIGSTOP');
  onTestFinished(() => worker.kill('SIGCONT'));
  return { made, before, number: await client.start('tabular', FIRST, query) };
}

/** Waits until a queued archive is made. @returns the statuses that both generations have shown, each once */
async function watch(number: number, query: string): Promise<readonly (readonly string[])[]> {
  const seen: [string[], string[]] = [['Queued'], ['Created']];
  const see = async () => {
    const [{ ExportStatus: first }, { ExportStatus: second }] = await Promise.all([
      client.details('tabular', FIRST, query),
      client.job(number),
    ]);
    for (const [place, status] of [first, second].entries())
      if (seen[place]?.at(-1) !== status) seen[place]?.push(status);
    return [first, second];
  };
  await waitUntil(see, (statuses) => statuses.every((one) => /^(Finished|Completed|Canceled)$/.test(one)), 60);
  return seen;
}

test('an archive that waits for a worker is queued, then running, then finished, and the one before is served', async () => {
  const query = '?status=Completed';
  const { made, before, number } = await queueAnew(query);
  expect(await client.details('tabular', FIRST, query)).toEqual({
    HasExportedFile: true,
    LastUpdateDate: expect.any(String),
    ExportStatus: 'Queued',
    RunningProcess: { StartDate: expect.any(String), ProgressInPercents: 0 },
  });
  const queued = await client.job(number);
  expect(queued).toMatchObject({ ExportStatus: 'Created', Progress: 0, HasExportFile: false, CompleteDate: null });
  expect(queued.StartDate).toBe(queued.CreateDate);
  expect(queued.Links).toEqual({ Cancel: expect.any(String), Download: null });
  expect((await client.jobs('?exportStatus=Created')).map(({ JobId }) => JobId)).toEqual([number]);
  expect(await client.start('tabular', FIRST, query)).toBe(number);
  expect(await client.download('tabular', FIRST, query)).toEqual(before);

  const stopped = gate.hold(/^PUT \S*\/questionnaire\/\S*\.zip/);
  const watching = watch(number, query);
  await worker.kill('SIGCONT');
  await stopped;
  expect(await client.details('tabular', FIRST, query)).toMatchObject({ ExportStatus: 'Running' });
  const running = await client.job(number);
  expect(running).toMatchObject({ ExportStatus: 'Running', HasExportFile: false });
  expect(running.StartDate > queued.StartDate).toBe(true);
  expect(await client.download('tabular', FIRST, query)).toEqual(before);
  expect(await client.bytes('GET', `/api/v2/export/${made}/file`)).toEqual(before);

  gate.release();
  expect(await watching).toEqual([
    ['Queued', 'Running', 'Finished'],
    ['Created', 'Running', 'Completed'],
  ]);
  const after = await client.download('tabular', FIRST, query);
  expect((await readZip(after)).has('household.tab')).toBe(true);
  expect(await client.bytes('GET', `/api/v2/export/${number}/file`)).toEqual(after);
  expect((await client.request('GET', `/api/v2/export/${made}/file`)).status).toBe(404);
});

test('an archive that is cancelled while it is queued never runs, and the one before is served', async () => {
  const query = '?status=RejectedBySupervisor';
  const { before, number } = await queueAnew(query);
  const run = await runOf(number);
  const cancelling = client.cancel('tabular', FIRST, query);
  await waitUntil(() => temporal.isCancelRequested(run), Boolean, 10);
  // Nobody has begun to end it.
  expect(await client.details('tabular', FIRST, query)).toMatchObject({ ExportStatus: 'Queued' });
  await worker.kill('SIGCONT');
  expect((await cancelling).length).toBe(0);
  await client.idle('tabular', FIRST, query);
  expect(await client.details('tabular', FIRST, query)).toMatchObject({
    HasExportedFile: true,
    ExportStatus: 'Finished',
  });
  expect(await client.job(number)).toMatchObject({ ExportStatus: 'Canceled', HasExportFile: false });
  expect(await client.download('tabular', FIRST, query)).toEqual(before);
  expect(await keysBelow(openBucket(services.settings), runPrefix(run))).toEqual([]);
});
