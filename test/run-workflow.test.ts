import { Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Activities } from '../activities/index.ts';
import { ATTEMPTS_MAX } from '../contracts/attempts.ts';
import type { FailureCode } from '../contracts/failures.ts';
import type { Instant } from '../contracts/instant.ts';
import { CSV_DEFAULTS, type RunOrder } from '../contracts/order.ts';
import { PERIODIC_FORMATS } from '../contracts/periodic.ts';
import { RELEASE_SIGNAL } from '../contracts/requests.ts';
import {
  type Published,
  priorityOf,
  type RunInput,
  type RunPlan,
  type StepResult,
  type WriteInput,
  type WriteTask,
} from '../contracts/steps.ts';
import { PRIORITIES, partsQueue, queriesQueue, SEARCH_ATTRIBUTES } from '../contracts/task-queues.ts';
import type { runExport } from '../workflows/run-export.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { programPath } from './programs.ts';
import type { RunHistory } from './temporal.ts';

/** Scripted steps of a run. Temporal's time-skipping server skips the pauses between rounds. */
type ScriptedSteps = Omit<
  Activities,
  'reconcile' | 'push' | 'endPush' | 'sendWebhooks' | 'preview' | 'listQuestionnaires'
>;

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
const ARCHIVE: NonNullable<RunOrder['archive']> = {
  ...{
    name: 'farm_1_Tabular_All',
    variable: 'farm',
    bundle: 'questionnaires',
    questionnaire: '0'.repeat(32),
    version: 1,
  },
  ...{ type: 'tabular', status: null, from: null, to: null },
};
const ARCHIVE_RUN: RunInput = {
  kind: 'questionnaire',
  requestedAt: '2026-11-21T01:29:59.000Z',
  order: {
    ...{ tenant: 'acme', bundle: 'questionnaires', questionnaire: '0'.repeat(32), version: 1, type: 'tabular' },
    ...{ status: null, from: null, to: null, recipients: ['age1test'] },
  },
};
const TABLES: RunOrder['files'] = ORDER.files.map((file) => ({ ...file, formats: ['tab'] }));
/** The file whose rows differ from the plan in some tests. */
const CHANGING = 'user.csv';
const OBJECT = {
  ...{ name: 'user.csv.age', rows: 10, bytes: 10, sha256: '0'.repeat(64) },
  ...{ contentBytes: 5, contentSha256: null },
};

const TOTALS = { rows: 30, bytes: 60, contentBytes: 50, manifestSha256: '0'.repeat(64) };

let server: TestWorkflowEnvironment;
/** Names of the steps in order, with the file if they write one. */
let taken: string[];

beforeAll(async () => {
  const path = await programPath('temporal-test-server', useStack().environment);
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  server = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  closeAtEnd(() => server.teardown());
  const { INDEXED_VALUE_TYPE_KEYWORD: keyword } = proto.temporal.api.enums.v1.IndexedValueType;
  await server.nativeConnection.operatorService.addSearchAttributes({
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTES.map((name) => [name, keyword])),
  });
});

beforeEach(() => {
  taken = [];
});

function createSteps(own: Partial<ScriptedSteps>): ScriptedSteps {
  return {
    async enqueue() {
      taken.push('enqueue');
      return { recorded: true };
    },
    async describeArchive() {
      taken.push('describe');
      return { ok: true, value: { files: [], archive: ARCHIVE } };
    },
    async archive() {
      taken.push('archive');
      return { ok: true, value: { part: OBJECT, members: [] } };
    },
    async notify() {
      taken.push('notify');
    },
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
      return { ok: true, value: { ...TOTALS, recorded: true } };
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

/** Writes a file until it is cancelled. */
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

/** Runs the workflow with these steps until it has ended. @param meanwhile called while it runs */
async function run(
  own: Partial<ScriptedSteps>,
  meanwhile: (handle: WorkflowHandle<typeof runExport>) => Promise<void> = async () => undefined,
  input: RunInput = { kind: 'periodic', tenant: 'acme' },
) {
  const taskQueue = `waybill-${crypto.randomUUID()}`;
  const shared = {
    connection: server.nativeConnection,
    activities: createSteps(own),
    maxHeartbeatThrottleInterval: '100 ms',
  };
  const control = await Worker.create({
    ...shared,
    taskQueue,
    workflowBundle: { codePath: useStack().settings.WAYBILL_WORKFLOW_BUNDLE ?? '' },
  });
  const queries = await Worker.create({ ...shared, taskQueue: queriesQueue(taskQueue, priorityOf(input)) });
  const parts = await Worker.create({ ...shared, taskQueue: partsQueue(taskQueue, priorityOf(input)) });
  const follow = async () => {
    const handle = await server.client.workflow.start<typeof runExport>('runExport', {
      workflowId: `run-${crypto.randomUUID()}`,
      taskQueue,
      args: [input],
    });
    await meanwhile(handle);
    return handle.result();
  };
  return control.runUntil(queries.runUntil(parts.runUntil(follow)));
}

async function codeOf(result: Promise<unknown>): Promise<string | null | undefined> {
  const error = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
  return error.cause.type;
}

/** Planned rows of the written files, a list for each step, in the order of scheduling. */
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

const COMMIT_REFUSED: Partial<ScriptedSteps> = {
  publish: async () => ({ ok: true, value: { ...TOTALS, recorded: false } }),
};

/** The ledger does not answer while the manifest is published. */
const NOT_COMMITTED: Partial<ScriptedSteps> = {
  async publish() {
    taken.push('publish');
    return { ok: true, value: TOTALS };
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
    expect(taken.slice(-2)).toEqual(['publish', 'finalize published 7']);
  });

  it('does nothing if the standing order is off', async () => {
    const result = await run({ begin: async () => ({ order: null, version: 3 }) });
    expect(result.outcome).toBe('off');
    expect(taken).toEqual(['finalize off 3']);
  });

  it('is replaced if the standing order has changed meanwhile, and removes its objects', async () => {
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

  it.each(['dataset_broken', 'memory_exhausted'] as const)('fails at once with %s', async (failure) => {
    expect(await codeOf(run({ plan: async () => failed(failure) }))).toBe(failure);
    expect(count('write')).toBe(0);
    expect(taken).toContain(`end failed ${failure}`);
  });

  it('ends within minutes while the mail server is down', async () => {
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

  it('stops writing before it is cancelled, and removes its objects', async () => {
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

describe('a run of an on-demand order', () => {
  const order = (own: Partial<ScriptedSteps>, meanwhile?: Parameters<typeof run>[1]) => run(own, meanwhile, ON_DEMAND);

  it('commits once and ends', async () => {
    expect(await order({})).toEqual({ outcome: 'published', rows: 30, bytes: 60 });
    expect(taken.slice(0, 2).toSorted()).toEqual(['begin', 'plan']);
    expect(taken.slice(2)).toEqual(['write user.csv 1', 'publish']);
  });

  it('commits by a step of its own if the ledger did not answer while it was published', async () => {
    expect(await order(NOT_COMMITTED)).toEqual({ outcome: 'published', rows: 30, bytes: 60 });
    expect(taken.slice(2)).toEqual(['write user.csv 1', 'publish', 'commit']);
    const refused: Partial<ScriptedSteps> = {
      ...NOT_COMMITTED,
      async end({ end }) {
        taken.push(`end ${end.state}`);
        return { recorded: end.state !== 'completed' };
      },
    };
    expect((await order(refused)).outcome).toBe('replaced');
    expect(taken.slice(-3)).toEqual(['end completed', 'remove', 'end cancelled']);
  });

  describe('that is cancelled while it is published', () => {
    /** Publishes once the step has heard of the cancel. */
    function publishLate(value: Published) {
      const publishing = Promise.withResolvers<void>();
      const publish: Activities['publish'] = async () => {
        publishing.resolve();
        await writeUntilCancelled().catch(() => undefined);
        taken.push('publish');
        return { ok: true, value };
      };
      const cancel: Parameters<typeof run>[1] = async (handle) => {
        await publishing.promise;
        await handle.cancel();
      };
      return [publish, cancel] as const;
    }

    it('is cancelled if it has not been committed', async () => {
      const [publish, cancel] = publishLate(TOTALS);
      await expect(order({ publish }, cancel)).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
      expect(taken.slice(-3)).toEqual(['publish', 'remove', 'end cancelled cancelled']);
    });

    it('is published if it has been committed', async () => {
      const [publish, cancel] = publishLate({ ...TOTALS, recorded: true });
      expect(await order({ publish }, cancel)).toEqual({ outcome: 'published', rows: 30, bytes: 60 });
      expect(taken.at(-1)).toBe('publish');
    });
  });

  it('is published if it was committed by an attempt whose answer was lost', async () => {
    const publish: Activities['publish'] = async () => {
      throw ApplicationFailure.nonRetryable('lost', 'internal');
    };
    const end: Activities['end'] = async () => ({ recorded: false, committed: { rows: 30, bytes: 60 } });
    expect(await order({ publish, end })).toEqual({ outcome: 'published', rows: 30, bytes: 60 });
    expect(count('remove')).toBe(0);
  });

  it.each([
    ['of a tenant with few', false, PRIORITIES.interactive, 'ordered-'],
    ['behind others of its tenant', true, PRIORITIES.queued, ''],
  ])('%s has the priority and the queues of its class', async (_, queued, priorityKey, prefix) => {
    const scheduled: unknown[] = [];
    const input = { ...ON_DEMAND, queued };
    await run(
      {},
      async (handle) => {
        await handle.result();
        for (const { activityTaskScheduledEventAttributes: step } of (await handle.fetchHistory()).events ?? []) {
          if (!step) continue;
          const { priorityKey: key, fairnessKey } = step.priority ?? {};
          scheduled.push([
            step.activityType?.name,
            step.taskQueue?.name?.replace(/^waybill-.{36}/, ''),
            key,
            fairnessKey,
          ]);
        }
      },
      input,
    );
    expect(scheduled).toEqual([
      ['begin', '', priorityKey, 'acme'],
      ['plan', `-${prefix}queries`, priorityKey, 'acme'],
      ['write', `-${prefix}parts`, priorityKey, 'acme'],
      ['publish', '', priorityKey, 'acme'],
    ]);
  });

  it('writes nothing if it has ended in the ledger', async () => {
    expect((await order({ begin: async () => ({ order: null, version: null }) })).outcome).toBe('off');
    expect(taken).toEqual(['plan']);
  });

  it('removes its objects if the ledger refuses its end', async () => {
    expect((await order(COMMIT_REFUSED)).outcome).toBe('replaced');
    expect(taken.slice(-2)).toEqual(['remove', 'end cancelled replaced']);
  });

  it('fails at once if the source changes, with the failure of the step', async () => {
    expect(await codeOf(order({ write: async () => failed('source_changed') }))).toBe('source_changed');
    expect(count('plan')).toBe(1);
    expect(taken.filter((step) => /^(end|remove)/.test(step))).toEqual(['end failed source_changed', 'remove']);
  });
});

describe('a run of an archive', () => {
  const begin: Activities['begin'] = async () => {
    taken.push('begin');
    return { order: { ...ORDER, files: [] }, version: null };
  };
  const describeArchive: Activities['describeArchive'] = async () => {
    taken.push('describe');
    return { ok: true, value: { files: TABLES, archive: ARCHIVE } };
  };
  const make = (own: Partial<ScriptedSteps>, meanwhile?: Parameters<typeof run>[1]) =>
    run({ begin, describeArchive, ...own }, meanwhile, ARCHIVE_RUN);
  const ended = () => taken.filter((step) => /^(end|remove|finalize|publish|commit)/.test(step));

  it('writes all tables in one step, and commits once', async () => {
    const member = { name: 'user.tab', rows: 0, bytes: 5, sha256: null };
    let published: Parameters<Activities['publish']>[0] | undefined;
    const steps = createSteps({});
    const result = await make({
      archive: async ({ order, plan, round }) => {
        taken.push(`archive ${order.files.length} ${plan.files.length} ${round}`);
        return { ok: true, value: { part: OBJECT, members: [member], encryption: 'aes-256' } };
      },
      publish: async (input) => {
        published = input;
        return steps.publish(input);
      },
    });
    expect(result.outcome).toBe('published');
    expect(taken).toEqual(['begin', 'describe', 'plan', 'archive 3 3 1', 'publish']);
    const written = { name: ARCHIVE.name, format: 'zip', index: 0, part: OBJECT };
    expect(published?.written).toEqual([{ ...written, members: [member], encryption: 'aes-256' }]);
    expect(published?.completion).toMatchObject({ files: 1, parts: 1 });
  });

  it('is written anew from another snapshot if the warehouse changes, three times at most', async () => {
    const archive: Activities['archive'] = async ({ round }) => {
      taken.push(`archive ${round}`);
      return round < 3 ? failed('source_changed') : { ok: true, value: { part: OBJECT, members: [] } };
    };
    expect((await make({ archive })).outcome).toBe('published');
    expect(taken.filter((step) => /^(describe|plan|archive)/.test(step))).toEqual([
      ...['describe', 'plan', 'archive 1', 'plan', 'archive 2', 'plan', 'archive 3'],
    ]);
    taken = [];
    expect(await codeOf(make({ archive: async () => failed('source_changed') }))).toBe('source_changed');
    expect(ended()).toEqual(['end failed source_changed', 'remove']);
  });

  it('fails if its questionnaire is gone, before anything is planned', async () => {
    expect(await codeOf(make({ describeArchive: async () => failed('dataset_broken') }))).toBe('dataset_broken');
    expect(taken).toEqual(['begin', 'end failed dataset_broken', 'remove']);
  });

  it('that is cancelled stops writing, removes what every attempt may have left, and tells nobody', async () => {
    const writing = Promise.withResolvers<void>();
    let attempted: Parameters<Activities['remove']>[0]['attempted'] = [];
    const cancelled = make(
      {
        archive: async () => {
          writing.resolve();
          return writeUntilCancelled();
        },
        remove: async (input) => {
          taken.push('remove');
          attempted = input.attempted;
          return { objects: 0 };
        },
      },
      async (handle) => {
        await writing.promise;
        await handle.cancel();
      },
    );
    await expect(cancelled).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(taken.slice(-3)).toEqual(['let go', 'remove', 'end cancelled cancelled']);
    expect(attempted).toEqual([
      { stem: expect.stringMatching(/^archive-00000-.*-1$/), extension: 'zip.age', attempts: ATTEMPTS_MAX },
    ]);
  });

  it('is not published if the settings of archives changed meanwhile, and says what to do', async () => {
    let [failure, state]: unknown[] = [];
    const end: Activities['end'] = async ({ end: how }) => {
      if (how.state === 'completed') return { recorded: false };
      [failure, state] = [how.failure, how.state];
      return { recorded: true };
    };
    expect((await make({ ...COMMIT_REFUSED, end })).outcome).toBe('replaced');
    expect(taken.at(-1)).toBe('remove');
    expect(state).toBe('failed');
    expect(failure).toEqual({ code: 'replaced', message: expect.stringContaining('Start the archive again') });
  });
});

describe('a run of a request', () => {
  const request = (startsAt: Date | null): RunInput => ({
    kind: 'requests',
    requestedAt: '2026-11-21T01:29:59.000Z',
    request: { series: 's', requestedBy: 'anna', startsAt: startsAt?.toISOString() ?? null },
    order: {
      ...{ tenant: 'acme', dataset: 'user', parameters: {}, format: 'rows-json', csv: CSV_DEFAULTS, columns: null },
      ...{ compression: 'none', recipients: [], keepDays: 30, roundsMax: 3 },
      window: { from: PLAN.snapshotAt, to: PLAN.snapshotAt, bounds: 'inclusive' },
    },
  });
  const FILES_REQUESTED = ORDER.files.slice(0, 1).map((file) => ({ ...file, formats: ['rows-json' as const] }));
  const beginRequested: Activities['begin'] = async () => {
    taken.push('begin');
    return { order: { ...ORDER, files: FILES_REQUESTED }, version: null };
  };
  const ask = (
    own: Partial<ScriptedSteps>,
    startsAt: Date | null,
    meanwhile?: Parameters<typeof run>[1],
  ): ReturnType<typeof run> => run({ begin: beginRequested, ...own }, meanwhile, request(startsAt));
  const written = ['begin', 'plan', 'write user.rows-json 1', 'publish', 'notify'];
  const inHours = async (hours: number) => new Date(Number(await server.currentTimeMs()) + hours * 3_600_000);

  it('without a batch is recorded before anything is read, and tells how it ended', async () => {
    expect((await ask({}, null)).outcome).toBe('published');
    expect(taken).toEqual(written);
  });

  it('waits for its batch, and begins at the very time', async () => {
    const startsAt = await inHours(14);
    let begun = 0;
    const begin: Activities['begin'] = async () => {
      taken.push('begin');
      begun = Number(await server.currentTimeMs());
      return { order: { ...ORDER, roundsMax: 1, files: FILES_REQUESTED }, version: null };
    };
    expect((await ask({ begin }, startsAt)).outcome).toBe('published');
    expect(taken).toEqual(['enqueue', ...written]);
    expect(begun).toBeGreaterThanOrEqual(startsAt.getTime());
    expect(begun).toBeLessThan(startsAt.getTime() + 60_000);
  });

  it('begins at once when it is released', async () => {
    const startsAt = await inHours(24);
    let ended = 0;
    const ran = ask({}, startsAt, async (handle) => {
      await expect.poll(() => taken).toEqual(['enqueue']);
      await handle.signal(RELEASE_SIGNAL);
      // Before the result is asked for, because that skips time.
      await expect.poll(() => taken).toContain('notify');
      ended = Number(await server.currentTimeMs());
    });
    expect((await ran).outcome).toBe('published');
    expect(ended).toBeLessThan(startsAt.getTime());
    expect(taken).toEqual(['enqueue', ...written]);
  });

  it('does nothing if another one makes the same, or it has been deleted', async () => {
    const twin = await ask({ enqueue: async () => ({ recorded: false }) }, await inHours(1));
    expect(twin.outcome).toBe('off');
    expect((await ask({ begin: async () => ({ order: null, version: null }) }, null)).outcome).toBe('off');
    expect(taken).toEqual([]);
  });

  it('that is cancelled while it waits is recorded as cancelled without waiting for a place', async () => {
    const cancelled = ask({}, await inHours(24), async (handle) => {
      await expect.poll(() => taken).toEqual(['enqueue']);
      await handle.cancel();
    });
    await expect(cancelled).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(taken).toEqual(['enqueue', 'enqueue', 'remove', 'end cancelled cancelled']);
  });

  it('tries three snapshots, then tells that it failed, with what broke', async () => {
    let told: string | undefined;
    const notify: Activities['notify'] = async ({ cause }) => {
      told = cause;
    };
    const write: Activities['write'] = async () => failed('source_changed');
    expect(await codeOf(ask({ write, notify }, null))).toBe('source_changed');
    expect(count('plan')).toBe(3);
    const plan: Activities['plan'] = async () => ({
      ok: false,
      failure: { code: 'dataset_broken', message: 'In words.', cause: 'table jobs' },
    });
    expect(await codeOf(ask({ plan, notify }, null))).toBe('dataset_broken');
    expect(told).toBe('table jobs');
  });

  it('ends as it did while the mail server is down', async () => {
    const notify = async () => {
      throw ApplicationFailure.retryable('no server', 'mail_unavailable');
    };
    expect((await ask({ notify }, null)).outcome).toBe('published');
  });
});
