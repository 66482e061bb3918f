import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Activities } from '../activities/index.ts';
import type { FailureCode } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import type { FileTask, GenerationPlan, Switched, WriteFilesInput } from '../contracts/periodic-steps.ts';
import type { Settled } from '../contracts/settled.ts';
import { partsQueue, SEARCH_ATTRIBUTES } from '../contracts/task-queues.ts';
import { getProgram } from '../stack/find.ts';
import type { periodicExport } from '../workflows/periodic-export.ts';
import { useStack } from './context.ts';
import type { RunHistory } from './temporal.ts';

/** The steps that a run takes, played; Temporal's time-skipping server lets the pauses between rounds pass at once. */
type PlayedSteps = Omit<
  Activities,
  'recordStart' | 'recordOutcome' | 'reconcile' | 'planExport' | 'writePart' | 'publishExport' | 'removeExport'
>;

const FILES = ['user', 'teacher', 'year'].map((file, place) => ({
  file,
  dataset: file,
  rows: place * 200_000,
  rowsHash: '0',
  columns: [],
}));
/** Of the files, the one that turns out to have other rows than were planned, where one does. */
const CHANGING = 'user.csv';
const OBJECT = {
  ...{ name: 'user.csv.age', rows: 10, bytes: 10, sha256: '0'.repeat(64) },
  ...{ contentBytes: 5, contentSha256: null },
};

let server: TestWorkflowEnvironment;
let code: string;
/** What the steps were asked, in order: names, with the file where it is one. */
let taken: string[];

beforeAll(async () => {
  const { environment } = useStack();
  const program = await getProgram('temporal-test-server', {
    environment,
    report: () => undefined,
    signal: new AbortController().signal,
  });
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  server = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: program.path } },
  });
  const { INDEXED_VALUE_TYPE_KEYWORD: keyword } = proto.temporal.api.enums.v1.IndexedValueType;
  await server.nativeConnection.operatorService.addSearchAttributes({
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTES.map((name) => [name, keyword])),
  });
  const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
  ({ code } = await bundleWorkflowCode({ workflowsPath, logger }));
}, 300_000);

afterAll(() => server?.teardown());

beforeEach(() => {
  taken = [];
});

function play(own: Partial<PlayedSteps>): PlayedSteps {
  return {
    async beginGeneration() {
      taken.push('begin');
      return { enabled: true, recipient: 'age1test', epoch: 1, version: 7 };
    },
    async planGeneration() {
      taken.push('plan');
      return planned();
    },
    async writeFiles({ tasks, round }) {
      for (const { file, format } of tasks) taken.push(`write ${file}.${format} ${round}`);
      return { ok: true, value: tasks.map(() => OBJECT) };
    },
    async publishGeneration() {
      taken.push('publish');
      return switched({ published: true, previous: null, rows: 30, bytes: 60 });
    },
    async endGeneration({ state, failure }) {
      taken.push(`end ${state} ${failure.code}`);
    },
    async recordGenerationRemoval() {
      taken.push('record removal');
    },
    async removeGenerationFiles() {
      taken.push('remove');
      return { objects: 0, kept: false };
    },
    async startMissedRun({ version }) {
      taken.push(`missed since ${version}`);
      return { started: false };
    },
    async syncPeriodicSchedule() {
      taken.push('sync');
    },
    async sendNotices() {
      taken.push('notify');
      return { sent: 0 };
    },
    ...own,
  };
}

function planned(): Settled<GenerationPlan> {
  return { ok: true, value: { snapshotAt: '2026-11-21T01:30:00.000000Z' as Instant, files: FILES } };
}

/** A file that is still being written when the run wants no more of it. */
async function writeUntilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 50);
  try {
    return await context.cancelled;
  } catch (error) {
    taken.push('let go');
    throw error;
  } finally {
    clearInterval(beat);
  }
}

function switched(value: Switched): Settled<Switched> {
  return { ok: true, value };
}

function failed(code: FailureCode): { readonly ok: false; readonly failure: { code: FailureCode; message: string } } {
  return { ok: false, failure: { code, message: `${code}, in words.` } };
}

/** Runs the workflow over these steps until it has ended. @param meanwhile what happens while it runs */
async function run(
  own: Partial<PlayedSteps>,
  meanwhile: (handle: WorkflowHandle<typeof periodicExport>) => Promise<void> = async () => undefined,
) {
  const taskQueue = `waybill-${crypto.randomUUID()}`;
  const shared = { connection: server.nativeConnection, activities: play(own), maxHeartbeatThrottleInterval: '100 ms' };
  const control = await Worker.create({ ...shared, taskQueue, workflowBundle: { code } });
  const parts = await Worker.create({ ...shared, taskQueue: partsQueue(taskQueue) });
  return control.runUntil(
    parts.runUntil(async () => {
      const handle = await server.client.workflow.start<typeof periodicExport>('periodicExport', {
        workflowId: `periodic-${crypto.randomUUID()}`,
        taskQueue,
        args: [{ tenant: 'acme' }],
      });
      await meanwhile(handle);
      return handle.result();
    }),
  );
}

async function codeOf(result: Promise<unknown>): Promise<string | null | undefined> {
  const error = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
  return error.cause.type;
}

/** Rows of the files that were asked for, a list for each step, in the order of asking. */
function rowsWritten({ events }: RunHistory): readonly (readonly number[])[] {
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: asked }) => {
    const [payload] = asked?.input?.payloads ?? [];
    if (asked?.activityType?.name !== 'writeFiles' || !payload) return [];
    return [defaultPayloadConverter.fromPayload<WriteFilesInput>(payload).tasks.map(({ rows }) => rows)];
  });
}

function isChanging(tasks: readonly FileTask[]): boolean {
  return tasks.some(({ file, format }) => `${file}.${format}` === CHANGING);
}

const count = (what: string) => taken.filter((step) => step.startsWith(what)).length;

describe('a run of the periodic exports', () => {
  it('writes every file in every format, the largest first, small ones together, and publishes once', async () => {
    let scheduled: readonly (readonly number[])[] = [];
    const ran = run({}, async (handle) => {
      await handle.result();
      scheduled = rowsWritten(await handle.fetchHistory());
    });
    expect(await ran).toEqual({ outcome: 'published', rows: 30, bytes: 60 });
    const large = [400_000, 200_000].flatMap((rows) => [[rows], [rows], [rows]]);
    expect(scheduled).toEqual([...large, [0, 0, 0]]);
    expect(taken.slice(0, 2)).toEqual(['begin', 'plan']);
    expect(taken.filter((step) => step.startsWith('write')).toSorted()).toEqual(
      ['teacher', 'user', 'year'].flatMap((file) => [
        `write ${file}.csv 1`,
        `write ${file}.json 1`,
        `write ${file}.typed-json 1`,
      ]),
    );
    expect(taken.at(-3)).toBe('publish');
    expect(taken.slice(-2).toSorted()).toEqual(['notify', 'sync']);
  });

  it('does nothing where periodic exports are off, and has the stale schedule removed', async () => {
    const result = await run({ beginGeneration: async () => ({ enabled: false, version: 3 }) });
    expect(result.outcome).toBe('off');
    expect(taken).toEqual(['sync', 'missed since 3']);
  });

  it('gives way when the settings changed meanwhile: its objects go, nobody is told', async () => {
    const result = await run({ publishGeneration: async () => switched({ published: false }) });
    expect(result.outcome).toBe('replaced');
    expect(taken.slice(-4)).toEqual(['remove', 'end cancelled replaced', 'record removal', 'missed since 7']);
    expect(count('notify')).toBe(0);
  });

  it('starts another round from a new snapshot once everything of the last one has let go', async () => {
    let begun = 0;
    const holding: number[] = [];
    const writeFiles: Activities['writeFiles'] = async ({ tasks, round }) => {
      if (round === 2) return { ok: true, value: tasks.map(() => OBJECT) };
      if (isChanging(tasks)) return failed('source_changed');
      begun += 1;
      return writeUntilCancelled();
    };
    const planGeneration: Activities['planGeneration'] = async () => {
      holding.push(begun - count('let go'));
      return planned();
    };
    expect((await run({ writeFiles, planGeneration })).outcome).toBe('published');
    expect(holding).toEqual([0, 0]);
    expect(count('publish')).toBe(1);
  });

  it('gives up after three rounds, keeps what is published, removes its own, and tells', async () => {
    const writeFiles: Activities['writeFiles'] = async ({ tasks }) =>
      isChanging(tasks) ? failed('source_changed') : writeUntilCancelled();
    expect(await codeOf(run({ writeFiles }))).toBe('source_changed');
    expect(count('plan')).toBe(3);
    expect(count('publish')).toBe(0);
    expect(taken.filter((step) => /^(end|remove|notify)/.test(step)).toSorted()).toEqual([
      'end failed source_changed',
      'notify',
      'remove',
    ]);
  });

  it.each(['dataset_broken', 'memory_exhausted'] as const)('fails at once of %s', async (failure) => {
    expect(await codeOf(run({ planGeneration: async () => failed(failure) }))).toBe(failure);
    expect(count('write')).toBe(0);
    expect(taken).toContain(`end failed ${failure}`);
  });

  it('ends within minutes while the mail server is away', async () => {
    let tries = 0;
    const sendNotices = async () => {
      tries += 1;
      throw ApplicationFailure.retryable('no server', 'mail_unavailable');
    };
    let seconds = 0;
    const ran = run({ sendNotices }, async (handle) => {
      await handle.result();
      const { events } = await handle.fetchHistory();
      seconds = Number(events?.at(-1)?.eventTime?.seconds) - Number(events?.at(0)?.eventTime?.seconds);
    });
    expect((await ran).outcome).toBe('published');
    expect(tries).toBeGreaterThan(2);
    expect(seconds).toBeLessThan(6 * 60);
  });

  it('ends as it did when the contacts cannot be told and the schedule cannot be looked at', async () => {
    const away = async () => {
      throw ApplicationFailure.nonRetryable('no server', 'mail_unavailable');
    };
    expect((await run({ sendNotices: away, syncPeriodicSchedule: away })).outcome).toBe('published');
    const off = { beginGeneration: async () => ({ enabled: false, version: 3 }) as const, syncPeriodicSchedule: away };
    expect((await run(off)).outcome).toBe('off');
  });

  it('lets go of what it writes before a cancel counts, and removes its objects', async () => {
    const writing = Promise.withResolvers<void>();
    let begun = 0;
    const writeFiles: Activities['writeFiles'] = async () => {
      begun += 1;
      writing.resolve();
      return writeUntilCancelled();
    };
    const cancelled = run({ writeFiles }, async (handle) => {
      await writing.promise;
      await handle.cancel();
    });
    await expect(cancelled).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(count('let go')).toBe(begun);
    expect(begun).toBeGreaterThan(0);
    expect(taken.slice(-4)).toEqual(['remove', 'end cancelled cancelled', 'record removal', 'missed since 7']);
    expect(count('publish')).toBe(0);
  });
});
