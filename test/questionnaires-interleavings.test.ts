import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runPrefix } from '../contracts/keys.ts';
import { QUESTIONNAIRE } from '../contracts/questionnaires.ts';
import { readZip } from './archive.ts';
import { countUploads, keysBelow, openBucket } from './bucket.ts';
import { closeAtEnd } from './cleanup.ts';
import { openLedger, startOwnServices, useStack } from './context.ts';
import { breakableSurvey, createArchiveClient, FIRST, GUID } from './questionnaires-set-up.ts';
import { type ArchiveWatch, watchArchives } from './questionnaires-watch.ts';
import { openTemporal } from './temporal.ts';
import { openUploadGate } from './upload-gate.ts';
import { waitUntil } from './wait-until.ts';

/** Of each archive; each has others. */
const INTERVIEWS = 4;
const ARCHIVES_MAX = 250;

const survey = await breakableSurvey({ interviews: INTERVIEWS * ARCHIVES_MAX, events: 1 });
const gate = await openUploadGate(useStack().settings.WAYBILL_OBJECTS_URL);
const services = await startOwnServices(
  { ...survey.settings, WAYBILL_WORKER_PARTS_MAX: '8', WAYBILL_TENANT_REQUESTS_MAX: '100000' },
  { WAYBILL_OBJECTS_URL: gate.url },
);
const { worker } = services;
// A frozen process does not hear that it should stop.
closeAtEnd(() => worker.kill('SIGCONT'));
const client = createArchiveClient(services.url);
const ledger = openLedger(services.settings);
const bucket = openBucket(services.settings);
const temporal = await openTemporal(services.settings);

/** What a caller asks for, without waiting for the others. */
const OPERATIONS = ['start', 'cancel', 'details'] as const;
type Operation = (typeof OPERATIONS)[number];

/**
 * What is going on when callers ask: nothing; a run waits for a worker, writes, or ends; all runs fail before they write; all fail
 * while they write, or when what they have written is to be published.
 */
const STAGES = ['idle', 'queued', 'writing', 'ending', 'failing', 'refused'] as const;
type Stage = (typeof STAGES)[number];

interface Archive {
  /** Callers that each wait for an answer before they ask again. */
  readonly callers: readonly (readonly Operation[])[];
  readonly hasOlder: boolean;
  readonly from: string;
  readonly query: string;
}

let archives = 0;

function newArchive(callers: Archive['callers'], hasOlder: boolean): Archive {
  const at = (interview: number) => new Date(Date.UTC(2016, 5, 1) + interview * 3_600_000).toISOString();
  const [from, to] = [at(archives * INTERVIEWS), at((archives + 1) * INTERVIEWS - 1)];
  archives += 1;
  if (archives > ARCHIVES_MAX) throw new RangeError('there are not interviews enough');
  // Jobs have microseconds, and no zone.
  return { callers, hasOlder, from: `${from.slice(0, -1)}000`, query: `?from=${from}&to=${to}` };
}

async function ask(operation: Operation, { query }: Archive): Promise<void> {
  switch (operation) {
    case 'start': {
      const path = `/api/v1/export/tabular/${FIRST}/start${query}`;
      // While a cancelled run cleans up for seconds, callers are asked to come again.
      const answer = await waitUntil(
        () => client.request('POST', path),
        ({ status }) => status !== 429,
        60,
      );
      const { JobId } = (await answer.json()) as { JobId: number };
      // Jobs are seen by their number at once.
      expect((await client.job(JobId)).JobId).toBe(JobId);
      return;
    }
    case 'cancel':
      expect((await client.cancel('tabular', FIRST, query)).length).toBe(0);
      return;
    case 'details':
      await client.details('tabular', FIRST, query);
  }
}

async function runOf(number: number) {
  const run = await ledger.runs.findByNumber('dreambuilder', QUESTIONNAIRE, number);
  if (!run) throw new Error(`there is no job ${number}`);
  return run;
}

/** Changes the tenant's password. No worker can read it: whatever is being made is refused at its end, and what is started later fails. */
async function breakPassword(): Promise<void> {
  await ledger.archives.setSettings('dreambuilder', { password: Buffer.from('sealed with no key') }, 'test');
}

/** @returns the jobs */
async function startAll(some: readonly Archive[]): Promise<readonly number[]> {
  return Promise.all(some.map(({ query }) => client.start('tabular', FIRST, query)));
}

/** Brings all archives to a stage. */
async function reach(stage: Stage, all: readonly Archive[], watch: ArchiveWatch): Promise<void> {
  const archive = /^PUT \S*\/questionnaire\/\S*\.zip/;
  const held = { writing: archive, refused: archive, ending: /^PUT \S*\/questionnaire\/\S*manifest\.json/ };
  const stopped = stage in held ? gate.hold(held[stage as keyof typeof held]) : undefined;
  if (stage === 'queued') await worker.kill('SIGSTOP');
  if (stage === 'failing') await survey.breakIt();
  if (stage === 'queued' || stopped) {
    await startAll(all);
    await stopped;
    const status = stage === 'queued' ? 'Queued' : 'Running';
    await waitUntil(async () => all.every(({ from }) => watch.last(from)?.ExportStatus === status), Boolean, 30);
  }
  if (stage === 'refused') await breakPassword();
}

/** @returns what is being made of the last archive that somebody cancels first; `undefined`: nobody cancels, or nothing is made */
async function toBeCancelled(all: readonly Archive[]) {
  const archive = all.findLast(({ callers }) => callers.some(([first]) => first === 'cancel'));
  const jobs = archive ? await client.jobs() : [];
  const job = jobs.find(({ From, Links }) => From === archive?.from && Links.Cancel !== null);
  return job && runOf(job.JobId);
}

/** Lets all callers of all archives ask at once, at this stage, and checks what everybody saw. */
async function play(stage: Stage, all: readonly Archive[]): Promise<void> {
  const older = await startAll(all.filter(({ hasOlder }) => hasOlder));
  for (const number of older) await temporal.closed(await runOf(number));
  const isRefused = stage === 'refused';
  const watch = watchArchives(client, all, { files: isRefused ? 'may go' : 'stay' });
  try {
    await reach(stage, all, watch);
    const cancelled = await toBeCancelled(all);
    const asked = Promise.all(
      all.flatMap((archive) =>
        archive.callers.map(async (operations) => {
          for (const operation of operations) await ask(operation, archive);
        }),
      ),
    );
    if (cancelled) {
      const isHeard = waitUntil(
        // A run that was refused before the call has nothing to cancel.
        async () => (await temporal.isCancelRequested(cancelled)) || (await temporal.isClosed(cancelled)),
        Boolean,
        30,
      );
      await Promise.race([asked, isHeard]);
    }
    gate.release();
    await worker.kill('SIGCONT');
    await asked;
    for (const { query } of all) await client.idle('tabular', FIRST, query);
    // It was asked to end before it could go on.
    if (cancelled) {
      // One that waits to write while others do may fail before it hears of it.
      const ends = isRefused ? ['Canceled', 'Fail'] : ['Canceled'];
      expect(ends).toContain((await client.job(cancelled.number)).ExportStatus);
    }
  } finally {
    gate.release();
    await worker.kill('SIGCONT');
    await survey.mend();
    if (isRefused) await ledger.archives.setSettings('dreambuilder', { password: null }, 'test');
    await watch.end();
  }
  await expectWhole(all, isRefused);
}

/** Words of the warehouse's queries and of its files. */
const INSIDE = /select|survey\.|\.csv|sealed with/i;

/** Checks what there is once nothing is being made. @param isRefused whether nothing that was made may be served, older archives included */
async function expectWhole(all: readonly Archive[], isRefused: boolean): Promise<void> {
  const jobs = await client.jobs(`?questionnaireIdentity=${GUID}%241`);
  for (const { from, query, callers } of all) {
    // Of one archive, the newest first.
    const own = jobs.filter(({ From }) => From === from);
    const served = own.find(({ HasExportFile }) => HasExportFile);
    const ended = own.find(({ ExportStatus }) => ExportStatus === 'Completed' || ExportStatus === 'Fail');
    const status = ended?.ExportStatus === 'Fail' ? 'FinishedWithErrors' : served ? 'Finished' : 'NotStarted';
    const details = await client.details('tabular', FIRST, query);
    expect([callers, details]).toMatchObject([
      callers,
      { ExportStatus: status, HasExportedFile: served !== undefined },
    ]);
    const completed = own.find(({ ExportStatus }) => ExportStatus === 'Completed');
    // The newest that was completed.
    expect(served?.JobId).toBe(isRefused ? undefined : completed?.JobId);
    if (served) {
      const bytes = await client.download('tabular', FIRST, query);
      expect(
        String((await readZip(bytes)).get('household.tab'))
          .trimEnd()
          .split('\r\n'),
      ).toHaveLength(1 + INTERVIEWS);
    }
    for (const [place, { JobId, StartDate, CompleteDate, ExportStatus, Error: error }] of own.entries()) {
      const next = own[place - 1];
      // Two runs are never made at once.
      if (next?.ExportStatus === 'Completed') expect(next.StartDate >= (CompleteDate ?? '9999')).toBe(true);
      expect(StartDate <= (CompleteDate ?? '')).toBe(true);
      if (ExportStatus === 'Completed') continue;
      expect(error).toMatch(/^[A-Z].*\.$/);
      expect(error).not.toMatch(INSIDE);
      const run = await runOf(JobId);
      // A failure is known before what was written is removed.
      if (ExportStatus === 'Fail') await temporal.closed(run);
      expect(await keysBelow(bucket, runPrefix(run))).toEqual([]);
      expect(await countUploads(services.settings, runPrefix(run))).toBe(0);
    }
  }
}

/** Three callers who ask for one thing each, whose order is nobody's. */
const TRIPLES = OPERATIONS.flatMap((one, place) =>
  OPERATIONS.slice(place).flatMap((two, next) =>
    OPERATIONS.slice(place + next).map((three): readonly Operation[] => [one, two, three]),
  ),
);

test.each(STAGES.map((stage) => ({ stage })))(
  'three callers at once, whatever they ask, when an archive is $stage',
  async ({ stage }) => {
    await play(
      stage,
      TRIPLES.map((operations, place) =>
        newArchive(
          operations.map((operation) => [operation]),
          place % 3 === 0,
        ),
      ),
    );
  },
);

test('callers who each ask several times, at any stage', async () => {
  const callers = fc.array(fc.array(fc.constantFrom(...OPERATIONS), { minLength: 1, maxLength: 4 }), {
    minLength: 2,
    maxLength: 3,
  });
  const plans = fc.array(fc.tuple(callers, fc.boolean()), { minLength: 4, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...STAGES), plans, (stage, some) =>
      play(
        stage,
        some.map(([lanes, hasOlder]) => newArchive(lanes, hasOlder)),
      ),
    ),
    { numRuns: 2, endOnFailure: true },
  );
});
