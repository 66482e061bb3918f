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
import { CSV_DEFAULTS, type RunOrder } from '../contracts/order.ts';
import { PERIODIC_FORMATS } from '../contracts/periodic.ts';
import type { RunInput, RunPlan, StepResult, WriteInput, WriteTask } from '../contracts/steps.ts';
import { partsQueue, SEARCH_ATTRIBUTES } from '../contracts/task-queues.ts';
import { getProgram } from '../stack/find.ts';
import type { runExport } from '../workflows/run-export.ts';
import { useStack } from './context.ts';
import type { RunHistory } from './temporal.ts';

/** The steps of a run, played; Temporal's time-skipping server lets the pauses between rounds pass at once. */
type PlayedSteps = Omit<Activities, 'reconcile'>;

const FILES = ['user', 'teacher', 'year'].map((name, place) => ({ name, rows: place * 200_000 }));
const ORDER: RunOrder = {
  ...{ tenant: 'acme', subject: 'periodic', recipients: ['age1test'], roundsMax: 3 },
  retention: { replaceAfterSeconds: 60 },
  files: FILES.map(({ name }) => ({
    ...{ name, dataset: name, window: null, parameters: {}, formats: PERIODIC_FORMATS },
    ...{ csv: CSV_DEFAULTS, columns: null, compression: 'none' },
  })),
};
const PLAN: RunPlan = {
  snapshotAt: '2026-11-21T01:30:00.000000Z' as Instant,
  files: FILES.map(({ rows }) => ({
    ...{ columns: [], rows },
    parts: [{ index: 0, slice: { from: null, to: null }, rows, rowsHash: '0' }],
  })),
};
const ON_DEMAND: RunInput = {
  kind: 'on-demand',
  requestedAt: '2026-11-21T01:29:59.000Z',
  order: {
    ...{ tenant: 'acme', dataset: 'user', parameters: {}, format: 'csv', csv: CSV_DEFAULTS, columns: null },
    ...{ compression: 'none', recipients: [], keepDays: 1 },
    window: { from: PLAN.snapshotAt, to: PLAN.snapshotAt, bounds: 'inclusive' },
  },
};
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
    async begin({ order }) {
      taken.push('begin');
      return order
        ? { order: { ...ORDER, files: ORDER.files.slice(0, 1) }, version: null }
        : { order: ORDER, version: 7 };
    },
    async plan({ order }) {
      taken.push('plan');
      return planned({ ...PLAN, files: PLAN.files.slice(0, order.files.length) });
    },
    async write({ tasks, round }) {
      for (const { name, content } of tasks) taken.push(`write ${name}.${content.format} ${round}`);
      return { ok: true, value: tasks.map(() => OBJECT) };
    },
    async publish() {
      taken.push('publish');
      return { ok: true, value: { rows: 30, bytes: 60, contentBytes: 50, manifestSha256: '0'.repeat(64) } };
    },
    async end({ end }) {
      taken.push(end.state === 'completed' ? 'commit' : `end ${end.state} ${end.failure.code}`);
      return { recorded: true };
    },
    async remove() {
      taken.push('remove');
      return { objects: 0 };
    },
    async finalize({ outcome, version }) {
      taken.push(`finalize ${outcome} ${version}`);
    },
    ...own,
  };
}

function planned(value = PLAN): StepResult<RunPlan> {
  return { ok: true, value };
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

function failed(code: FailureCode): { readonly ok: false; readonly failure: { code: FailureCode; message: string } } {
  return { ok: false, failure: { code, message: `${code}, in words.` } };
}

/** Runs the workflow over these steps until it has ended. @param meanwhile what happens while it runs */
async function run(
  own: Partial<PlayedSteps>,
  meanwhile: (handle: WorkflowHandle<typeof runExport>) => Promise<void> = async () => undefined,
  input: RunInput = { kind: 'periodic', tenant: 'acme' },
) {
  const taskQueue = `waybill-${crypto.randomUUID()}`;
  const shared = { connection: server.nativeConnection, activities: play(own), maxHeartbeatThrottleInterval: '100 ms' };
  const control = await Worker.create({ ...shared, taskQueue, workflowBundle: { code } });
  const parts = await Worker.create({ ...shared, taskQueue: partsQueue(taskQueue) });
  return control.runUntil(
    parts.runUntil(async () => {
      const handle = await server.client.workflow.start<typeof runExport>('runExport', {
        workflowId: `run-${crypto.randomUUID()}`,
        taskQueue,
        args: [input],
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
    if (asked?.activityType?.name !== 'write' || !payload) return [];
    return [defaultPayloadConverter.fromPayload<WriteInput>(payload).tasks.map(({ part }) => part.rows)];
  });
}

function isChanging(tasks: readonly WriteTask[]): boolean {
  return tasks.some(({ name, content }) => `${name}.${content.format}` === CHANGING);
}

const count = (what: string) => taken.filter((step) => step.startsWith(what)).length;

const COMMIT_REFUSED: Partial<PlayedSteps> = {
  async end({ end }) {
    if (end.state === 'completed') return { recorded: false };
    taken.push(`end ${end.state} ${end.failure.code}`);
    return { recorded: true };
  },
};

describe('a run of a standing order', () => {
  it('writes every file in every format, the largest first, small ones together, and commits once', async () => {
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
    expect(taken.slice(-3)).toEqual(['publish', 'commit', 'finalize published 7']);
  });

  it('does nothing if the standing order is off', async () => {
    const result = await run({ begin: async () => ({ order: null, version: 3 }) });
    expect(result.outcome).toBe('off');
    expect(taken).toEqual(['finalize off 3']);
  });

  it('gives way if the standing order has changed meanwhile, and removes its objects', async () => {
    const result = await run(COMMIT_REFUSED);
    expect(result.outcome).toBe('replaced');
    expect(taken.slice(-3)).toEqual(['remove', 'end cancelled replaced', 'finalize replaced 7']);
  });

  it('starts another round from a new snapshot once all steps of the last one have stopped', async () => {
    let begun = 0;
    const holding: number[] = [];
    const write: Activities['write'] = async ({ tasks, round }) => {
      if (round === 2) return { ok: true, value: tasks.map(() => OBJECT) };
      if (isChanging(tasks)) return failed('source_changed');
      begun += 1;
      return writeUntilCancelled();
    };
    const plan: Activities['plan'] = async () => {
      holding.push(begun - count('let go'));
      return planned();
    };
    expect((await run({ write, plan })).outcome).toBe('published');
    expect(holding).toEqual([0, 0]);
    expect(count('publish')).toBe(1);
  });

  it('fails after three rounds and removes its objects', async () => {
    const write: Activities['write'] = async ({ tasks }) =>
      isChanging(tasks) ? failed('source_changed') : writeUntilCancelled();
    expect(await codeOf(run({ write }))).toBe('source_changed');
    expect(count('plan')).toBe(3);
    expect(count('publish')).toBe(0);
    expect(taken.filter((step) => /^(end|remove|finalize)/.test(step)).toSorted()).toEqual([
      'end failed source_changed',
      'finalize failed 7',
      'remove',
    ]);
  });

  it.each(['dataset_broken', 'memory_exhausted'] as const)('fails at once of %s', async (failure) => {
    expect(await codeOf(run({ plan: async () => failed(failure) }))).toBe(failure);
    expect(count('write')).toBe(0);
    expect(taken).toContain(`end failed ${failure}`);
  });

  it('ends within minutes while the mail server is away', async () => {
    let tries = 0;
    const finalize = async () => {
      tries += 1;
      throw ApplicationFailure.retryable('no server', 'mail_unavailable');
    };
    let seconds = 0;
    const ran = run({ finalize }, async (handle) => {
      await handle.result();
      const { events } = await handle.fetchHistory();
      seconds = Number(events?.at(-1)?.eventTime?.seconds) - Number(events?.at(0)?.eventTime?.seconds);
    });
    expect((await ran).outcome).toBe('published');
    expect(tries).toBeGreaterThan(2);
    expect(seconds).toBeLessThan(6 * 60);
  });

  it('ends as it did if it cannot be finalized', async () => {
    const finalize = async () => {
      throw ApplicationFailure.nonRetryable('no server', 'mail_unavailable');
    };
    expect((await run({ finalize })).outcome).toBe('published');
    const off = { begin: async () => ({ order: null, version: 3 }) as const, finalize };
    expect((await run(off)).outcome).toBe('off');
  });

  it('stops writing before a cancel counts, and removes its objects', async () => {
    const writing = Promise.withResolvers<void>();
    let begun = 0;
    const write: Activities['write'] = async () => {
      begun += 1;
      writing.resolve();
      return writeUntilCancelled();
    };
    const cancelled = run({ write }, async (handle) => {
      await writing.promise;
      await handle.cancel();
    });
    await expect(cancelled).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(count('let go')).toBe(begun);
    expect(begun).toBeGreaterThan(0);
    expect(taken.slice(-3)).toEqual(['remove', 'end cancelled cancelled', 'finalize cancelled 7']);
    expect(count('publish')).toBe(0);
  });
});

describe('a run of an order of its own', () => {
  const order = (own: Partial<PlayedSteps>, meanwhile?: Parameters<typeof run>[1]) => run(own, meanwhile, ON_DEMAND);

  it('commits once, and nothing follows', async () => {
    expect(await order({})).toEqual({ outcome: 'published', rows: 30, bytes: 60 });
    expect(taken.slice(0, 2).toSorted()).toEqual(['begin', 'plan']);
    expect(taken.slice(2)).toEqual(['write user.csv 1', 'publish', 'commit']);
  });

  it('writes nothing if the ledger says that it has ended', async () => {
    expect((await order({ begin: async () => ({ order: null, version: null }) })).outcome).toBe('off');
    expect(taken).toEqual(['plan']);
  });

  it('removes its objects if the ledger does not take its end', async () => {
    expect((await order(COMMIT_REFUSED)).outcome).toBe('replaced');
    expect(taken.slice(-2)).toEqual(['remove', 'end cancelled replaced']);
  });

  it('fails at once if the source changes, with what the step says', async () => {
    expect(await codeOf(order({ write: async () => failed('source_changed') }))).toBe('source_changed');
    expect(count('plan')).toBe(1);
    expect(taken.filter((step) => /^(end|remove)/.test(step))).toEqual(['end failed source_changed', 'remove']);
  });
});
