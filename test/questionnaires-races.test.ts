import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attemptKeys, earlierAttempts } from '../contracts/attempts.ts';
import { manifestKey, runPrefix } from '../contracts/keys.ts';
import { QUESTIONNAIRE } from '../contracts/questionnaires.ts';
import type { ProcessHandle } from '../stack/process.ts';
import { readZip } from './archive.ts';
import { countUploads, keysBelow, openBucket } from './bucket.ts';
import { openLedger, startOwnServices, useStack } from './context.ts';
import { breakableSurvey, createArchiveClient, FIRST } from './questionnaires-set-up.ts';
import { openTemporal } from './temporal.ts';
import { openUploadGate } from './upload-gate.ts';
import { waitUntil } from './wait-until.ts';

/** Interviews have 8 KB each, so that the whole survey has about 200 MB, and half of that zipped. */
const INTERVIEWS = 25_000;
const survey = await breakableSurvey({ interviews: INTERVIEWS, events: 1, noiseKb: 8 });
const gate = await openUploadGate(useStack().settings.WAYBILL_OBJECTS_URL);
const services = await startOwnServices(survey.settings, { WAYBILL_OBJECTS_URL: gate.url });
const client = createArchiveClient(services.url);
const bucket = openBucket(services.settings);
const ledger = openLedger(services.settings);
const temporal = await openTemporal(services.settings);

async function runOf(number: number) {
  const run = await ledger.runs.findByNumber('dreambuilder', QUESTIONNAIRE, number);
  if (!run) throw new Error(`there is no job ${number}`);
  return run;
}

/** Interviews of so many hours. */
const hours = (count: number, from = 0) => {
  const at = (hour: number) => new Date(Date.UTC(2016, 5, 1) + hour * 3_600_000).toISOString();
  return `?from=${at(from)}&to=${at(from + count - 1)}`;
};

const idle = (query: string) => client.idle('tabular', FIRST, query);

/** What callers know of one archive. */
interface Model {
  /** The job whose archive is served. */
  served: number | undefined;
  /** What is being made. */
  job: number | undefined;
  last: number;
  /** Whether the settings of archives have changed since that began. */
  outdated: boolean;
  /** Whether the newest that was not cancelled failed. */
  failed: boolean;
}

async function expectModel({ served, job, failed }: Model, query: string): Promise<void> {
  const shown = await client.details('tabular', FIRST, query);
  const status = failed ? 'FinishedWithErrors' : served === undefined ? 'NotStarted' : 'Finished';
  expect(shown).toEqual({
    HasExportedFile: served !== undefined,
    LastUpdateDate: served === undefined ? null : expect.any(String),
    ExportStatus: job === undefined ? status : expect.stringMatching(/^(Queued|Running)$/),
    RunningProcess: job === undefined ? null : expect.objectContaining({ ProgressInPercents: expect.any(Number) }),
  });
  const answer = await client.request('GET', `/api/v1/export/tabular/${FIRST}${query}`);
  expect(answer.status).toBe(served === undefined ? 404 : 200);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (served === undefined) return;
  expect((await readZip(bytes)).has('export__readme.txt')).toBe(true);
  // Exactly what that job made.
  expect(await client.bytes('GET', `/api/v2/export/${served}/file`)).toEqual(bytes);
}

interface Command {
  readonly name: string;
  readonly check: (model: Readonly<Model>) => boolean;
  readonly run: (model: Model, query: string) => Promise<void>;
}
const isActive = ({ job }: Model) => job !== undefined;
const isIdle = ({ job }: Model) => job === undefined;

function command(name: string, check: Command['check'], run: Command['run']): Command {
  return { name, check, run };
}

/** Lets what is being made end. @returns the job */
async function end(model: Model, query: string) {
  gate.release();
  await idle(query);
  const job = await client.job(model.job ?? 0);
  model.job = undefined;
  return job;
}

const COMMANDS: readonly Command[] = [
  // Its upload is held, so that it goes on until another command lets it end.
  command('start', isIdle, async (model, query) => {
    const stopped = gate.hold(/^PUT \S*\/questionnaire\/\S*\.zip/);
    const job = await client.start('tabular', FIRST, query);
    expect(job).toBeGreaterThan(model.last);
    await stopped;
    Object.assign(model, { job, last: job, outdated: false });
  }),
  command('start again', isActive, async (model, query) => {
    expect(await client.start('tabular', FIRST, query)).toBe(model.job);
  }),
  command('finish', isActive, async (model, query) => {
    const { ExportStatus, Error: error, JobId } = await end(model, query);
    if (model.outdated) {
      expect([ExportStatus, error]).toEqual(['Fail', expect.stringContaining('Start the archive again')]);
      model.failed = true;
    } else {
      expect([ExportStatus, error]).toEqual(['Completed', null]);
      Object.assign(model, { served: JobId, failed: false });
    }
  }),
  command('cancel', isActive, async (model, query) => {
    const run = await runOf(model.last);
    const cancelling = client.cancel('tabular', FIRST, query);
    await waitUntil(() => temporal.isCancelRequested(run), Boolean, 10);
    gate.release();
    await cancelling;
    expect((await end(model, query)).ExportStatus).toBe('Canceled');
  }),
  command('cancel while it ends', isActive, async (model, query) => {
    gate.release();
    await client.cancel('tabular', FIRST, query);
    const { ExportStatus, JobId } = await end(model, query);
    expect(['Canceled', model.outdated ? 'Fail' : 'Completed']).toContain(ExportStatus);
    if (ExportStatus === 'Fail') model.failed = true;
    if (ExportStatus === 'Completed') Object.assign(model, { served: JobId, failed: false });
  }),
  command('cancel nothing', isIdle, async (_, query) => {
    expect((await client.cancel('tabular', FIRST, query)).length).toBe(0);
  }),
  command('fail', isIdle, async (model, query) => {
    await survey.breakIt();
    const job = await client.start('tabular', FIRST, query);
    await idle(query);
    await survey.mend();
    const { ExportStatus, Error: error } = await client.job(job);
    expect([ExportStatus, error]).toEqual(['Fail', expect.stringMatching(/^[A-Z].*\.$/)]);
    // Neither queries nor names of the warehouse.
    expect(error).not.toMatch(/select|survey\.|\.csv/i);
    Object.assign(model, { last: job, failed: true });
  }),
  command(
    'delete',
    (model) => isIdle(model) && model.served !== undefined,
    async (model) => {
      await client.json('DELETE', `/api/v2/export/${model.served}`);
      model.served = undefined;
    },
  ),
  command(
    'change the settings',
    () => true,
    async (model) => {
      await ledger.archives.setSettings('dreambuilder', { password: Buffer.from('sealed otherwise') }, 'test');
      await ledger.archives.setSettings('dreambuilder', { password: null }, 'test');
      Object.assign(model, { served: undefined, outdated: true });
    },
  ),
];

/** Every archive has interviews of its own. */
let archives = 0;

/** Takes steps with an archive that nobody has asked for yet. @param choose among those that can be taken */
async function play(steps: number, choose: (possible: readonly Command[], step: number) => Command | undefined) {
  archives += 1;
  const query = hours(20, archives * 20);
  const model: Model = { served: undefined, job: undefined, last: 0, outdated: false, failed: false };
  const taken: string[] = [];
  try {
    for (let step = 0; step < steps; step += 1) {
      const command = choose(
        COMMANDS.filter(({ check }) => check(model)),
        step,
      );
      if (!command) throw new Error(`after ${taken.join(', ')} this cannot be done`);
      taken.push(command.name);
      await command.run(model, query);
      await expectModel(model, query);
    }
  } catch (error) {
    throw new Error(`after ${taken.join(', ')}`, { cause: error });
  } finally {
    gate.release();
    await survey.mend();
    await client.cancel('tabular', FIRST, query);
    await idle(query);
  }
}

const STORIES = [
  ['cancel nothing', 'start', 'start again', 'finish', 'start', 'cancel', 'fail', 'start', 'finish', 'delete'],
  ['fail', 'start', 'cancel', 'start', 'change the settings', 'start again', 'finish', 'start', 'finish'],
  ['start', 'finish', 'change the settings', 'start', 'change the settings', 'cancel', 'start', 'cancel while it ends'],
];

test.each(STORIES.map((story) => ({ story })))('callers see what the contract says: $story', async ({ story }) => {
  await play(story.length, (possible, step) => possible.find(({ name }) => name === story[step]));
});

test('callers see what the contract says in whatever order archives are started, ended, deleted and changed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 1000 }), { minLength: 5, maxLength: 8 }), (numbers) =>
      play(numbers.length, (possible, step) => possible[(numbers[step] ?? 0) % possible.length]),
    ),
    { numRuns: 4, endOnFailure: true },
  );
});

/** @returns MiB of a process's peak resident set since its start. Source: proc_pid_status(5) */
async function peakMib({ pid }: ProcessHandle): Promise<number> {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

test('an archive four times as large does not take more memory of the worker', async ({ annotate }) => {
  const peaks: number[] = [];
  const fourth = INTERVIEWS / 4;
  // Each of the first has two parts of an upload; three are in memory at once.
  for (const query of [hours(fourth), hours(fourth, fourth), hours(fourth, 2 * fourth), hours(INTERVIEWS)]) {
    await client.start('tabular', FIRST, query);
    expect(await client.idle('tabular', FIRST, query)).toMatchObject({ ExportStatus: 'Finished' });
    peaks.push(await peakMib(services.worker));
  }
  const { length } = await client.download('tabular', FIRST, hours(INTERVIEWS));
  await annotate(`peaks of ${peaks.map(Math.round).join(', ')} MiB; ${length} bytes`);
  expect(length).toBeGreaterThan(95_000_000);
  expect((peaks[3] ?? 0) - (peaks[2] ?? 0)).toBeLessThan(100);
});

/** @returns percent that both generations show of what is being made; `undefined`: nothing is */
async function percentOf(number: number, query: string): Promise<number | undefined> {
  // It may go on between two questions.
  const [first] = await waitUntil(
    async () => {
      const { RunningProcess } = await client.details('tabular', FIRST, query);
      const { Progress, Links } = await client.job(number);
      return [RunningProcess?.ProgressInPercents, Links.Cancel === null ? undefined : Progress];
    },
    ([first, second]) => first === second,
    10,
  );
  return first;
}

test('a worker that is killed while it writes leaves no partial archive, and another one makes it whole', async () => {
  const interviews = INTERVIEWS / 2;
  const query = hours(interviews, 1);
  const stopped = gate.hold(/^PUT \S*\/questionnaire\/\S*partNumber=(?!1(?:&|$))/);
  const number = await client.start('tabular', FIRST, query);
  const path = new URL(await stopped, gate.url).pathname;
  const run = await runOf(number);
  const prefix = runPrefix(run);
  const key = decodeURIComponent(path.slice(path.indexOf(prefix)));
  // The upload waits, and so does the archive before its last row.
  const written = await waitUntil(
    () => percentOf(number, query),
    (percent) => (percent ?? 0) >= 20,
    30,
  );
  expect(written).toBeLessThan(100);
  await services.worker.kill('SIGKILL');
  gate.release();
  expect(await countUploads(services.settings, key)).toBe(1);
  expect(await keysBelow(bucket, prefix)).toEqual([]);
  // Which questionnaires there are, a worker tells.
  await services.startWorker('second');
  const nothing = { HasExportedFile: false, ExportStatus: 'Running' };
  expect(await client.details('tabular', FIRST, query)).toMatchObject(nothing);
  expect((await client.request('GET', `/api/v1/export/tabular/${FIRST}${query}`)).status).toBe(404);
  const shown = [written];
  await waitUntil(
    async () => {
      const percent = await percentOf(number, query);
      if (percent !== undefined && percent !== shown.at(-1)) shown.push(percent);
      return percent;
    },
    (percent) => percent === undefined,
    60,
  );
  // The step is repeated from its beginning, which nobody sees.
  expect(shown).toEqual(shown.toSorted((one, two) => (one ?? 0) - (two ?? 0)));
  expect(await idle(query)).toMatchObject({ HasExportedFile: true, ExportStatus: 'Finished' });
  const entries = await readZip(await client.download('tabular', FIRST, query));
  expect(entries.get('household.tab')?.toString('latin1').split('\r\n')).toHaveLength(interviews + 2);
  const [object = '', ...others] = (await keysBelow(bucket, prefix)).filter((stored) => stored !== manifestKey(prefix));
  expect(others).toEqual([]);
  const lost = earlierAttempts(object.slice(prefix.length));
  const keys = lost ? attemptKeys(prefix, [lost]) : [];
  expect(keys).toContain(key);
  for (const earlier of keys) expect(await countUploads(services.settings, earlier)).toBe(0);
});
