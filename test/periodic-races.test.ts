import { ScheduleNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { type OwnServices, openLedger, startOwnServices, useStack } from './context.ts';
import { type Gate, holdAfter, openGate } from './gate.ts';
import { generationPrefix } from './keys.ts';
import { makeNumberedWarehouse, type NumberedWarehouse, ROWS_OF_ONE_STEP } from './numbered-warehouse.ts';
import { SEALED_FILE } from './own-stack.ts';
import { codeOf, createPeriodicClient, enableAndWait, type KeyAnswer, type PeriodicClient } from './periodic-client.ts';
import { expectNothing, expectOnly, hasSchedule, openRuns, triggerRun } from './periodic-operator.ts';
import { type BegunDownload, beginDownload, downloadDuring, downloadNow } from './periodic-witness.ts';
import { openTemporal, type TemporalAccess } from './temporal.ts';

const FILES = 4;
let warehouse: NumberedWarehouse;
/** Between the worker and the object store. */
let gate: Gate;
let services: OwnServices;
let temporal: TemporalAccess;
let ledger: Ledger;
let bucket: Objects;
let acme: PeriodicClient;
let dreambuilder: PeriodicClient;

beforeAll(async () => {
  warehouse = await makeNumberedWarehouse({ files: FILES, rows: ROWS_OF_ONE_STEP });
  gate = await openGate(useStack().ports.objects);
  services = await startOwnServices(
    { ...warehouse.settings, WAYBILL_LOG_LEVEL: 'warn' },
    { WAYBILL_OBJECTS_URL: `http://${gate.address}` },
  );
  temporal = await openTemporal(services.settings);
  ledger = openLedger(services.settings);
  bucket = openBucket(services.settings);
  acme = createPeriodicClient(services.url, 'acme-demo-secret');
  dreambuilder = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
});

describe('enabling twenty times at once', () => {
  it('succeeds once, with a key that opens the files, and gets 409 otherwise', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => acme.request('POST', '/dataexport/enable', { body: {} })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
    for (const answer of answers.filter(({ ok }) => ok)) {
      const { privateKey } = (await answer.json()) as KeyAnswer;
      await acme.generation();
      expect((await downloadNow(acme, privateKey ?? '')).numbers).toEqual([1]);
    }
    await acme.disable(true);
  });
});

describe('downloads while new generations are published', () => {
  const SWITCHES = [2, 3, 4, 5];
  let key: string;

  beforeAll(async () => {
    key = (await enableAndWait(acme)).privateKey;
  });
  afterAll(() => acme.disable(true));

  /** Replaces the rows, and the generation. */
  async function switchTo(number: number): Promise<void> {
    const { generation } = await acme.status();
    await warehouse.write(number);
    await triggerRun(temporal, 'acme');
    await acme.generation(generation?.generationId);
  }

  it('get all files of the generation that was current at their start', async () => {
    await warehouse.write(1);
    const begun: { readonly number: number; readonly download: BegunDownload }[] = [];
    for (const number of SWITCHES) {
      const [earlier = 0] = (await downloadNow(acme, key)).numbers;
      begun.push({ number: earlier, download: await beginDownload(acme, key) });
      await switchTo(number);
    }
    for (const { number, download } of begun) {
      const { numbers, hashes } = await download.finish();
      expect(numbers).toEqual([number]);
      expect(Object.keys(hashes)).toHaveLength(FILES);
    }
    expect(new Set(begun.map(({ download }) => download.generation)).size).toBe(SWITCHES.length);
  });

  it('never mix two generations, and never fail', async () => {
    const served = await downloadDuring(acme, key, async () => {
      for (const number of SWITCHES) await switchTo(number);
    });
    const numberOf = new Map<string, number>();
    for (const { generation, numbers } of served) {
      expect(numbers).toHaveLength(1);
      expect(numberOf.get(generation) ?? numbers[0]).toBe(numbers[0]);
      numberOf.set(generation, numbers[0] ?? 0);
    }
    expect(numberOf.size).toBeGreaterThan(1);
  });
});

describe('disabling in the middle of a run', () => {
  it('prevents its publication, and keeps the published files available', async () => {
    const { privateKey, generationId } = await enableAndWait(acme);
    const before = await downloadNow(acme, privateKey);
    await warehouse.write(7);
    const writing = holdAfter(gate, SEALED_FILE, 2);
    await triggerRun(temporal, 'acme');
    await writing;
    const { running } = await acme.until(({ running: run }) => (run?.progress.partsDone ?? 0) > 0);
    // It waits for the run, which cannot end before the store responds.
    const disabling = acme.disable();
    await acme.until(({ enabled }) => !enabled);
    void gate.release();
    await disabling;
    await expect.poll(() => openRuns(temporal, 'acme'), { timeout: 30_000 }).toBe(0);
    const run = running?.generationId ?? '';
    expect(await keysBelow(bucket, generationPrefix('acme', run))).toEqual([]);
    expect((await ledger.runs.find(run))?.endedAt).not.toBeNull();
    expect(await acme.status()).toMatchObject({ enabled: false, nextRunAt: null, generation: { generationId } });
    expect(await downloadNow(acme, privateKey)).toEqual(before);
    await acme.disable(true);
  });
});

const ACTIONS = ['enable', 'disable', 'rotate', 'delete', 'trigger'] as const;
type Action = (typeof ACTIONS)[number];

/** Refusals of an action that other actions at the same time may cause. */
const REFUSALS: Readonly<Record<Exclude<Action, 'trigger'>, readonly (readonly [number, string])[]>> = {
  enable: [[409, 'already_enabled']],
  disable: [],
  rotate: [[404, 'not_enabled']],
  delete: [],
};

describe('all changes at once', () => {
  /** Every private key that was ever returned, by recipient. */
  const keys = new Map<string, string>();

  async function act(action: Action): Promise<void> {
    if (action === 'trigger') {
      await triggerRun(temporal, 'dreambuilder').catch((error: unknown) => {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      });
      return;
    }
    const path = action === 'delete' ? 'disable?deleteSettings=true' : action;
    const ask = () => dreambuilder.request('POST', `/dataexport/${path}`);
    let answer = await ask();
    // Temporary failures, as on a busy machine, are retried.
    while (answer.status === 503) answer = await ask();
    if (answer.status !== 200) {
      const code = await codeOf(answer);
      expect(REFUSALS[action], action).toContainEqual(code);
    } else if (action === 'enable' || action === 'rotate') {
      const { recipient, privateKey } = (await answer.json()) as KeyAnswer;
      if (privateKey !== null) keys.set(recipient, privateKey);
    }
  }

  /** Checks that ledger, schedule, bucket and status agree, the status last because reading it repairs the schedule. */
  async function expectAgreement(): Promise<void> {
    const { enabled = false, recipient = null } = (await ledger.standingOrders.find('dreambuilder', 'periodic')) ?? {};
    expect(await hasSchedule(temporal, 'dreambuilder')).toBe(enabled);
    if (recipient === null) await expectNothing(bucket, 'dreambuilder');
    if (enabled) await dreambuilder.generation();
    await expect.poll(() => openRuns(temporal, 'dreambuilder'), { timeout: 30_000 }).toBe(0);
    await expect
      .poll(() => dreambuilder.status(), { timeout: 30_000 })
      .toMatchObject({ enabled, recipient, running: null });
    const { generation } = await dreambuilder.status();
    if (generation !== null) {
      const served = await downloadNow(dreambuilder, keys.get(recipient ?? '') ?? '');
      expect(served.generation).toBe(generation.generationId);
    }
  }

  it.each([1, 2, 3, 4, 5, 6])('end in one consistent state (%i)', async (seed) => {
    const clients = fc.sample(fc.array(fc.constantFrom(...ACTIONS), { minLength: 4, maxLength: 7 }), {
      seed,
      numRuns: 4,
    });
    const ended = await Promise.allSettled(
      clients.map(async (actions) => {
        for (const action of actions) await act(action);
      }),
    );
    expect(ended.filter(({ status }) => status === 'rejected')).toEqual([]);
    await expectAgreement();
  });

  it('can be followed by enabling, whose files only the last key opens', async () => {
    await dreambuilder.disable(true);
    const { privateKey, generationId } = await enableAndWait(dreambuilder);
    expect((await downloadNow(dreambuilder, privateKey)).generation).toBe(generationId);
    await expectOnly(bucket, 'dreambuilder', generationId);
    for (const earlier of keys.values()) {
      await expect(downloadNow(dreambuilder, earlier)).rejects.toThrow('wrong_key');
    }
  });

  it('can be followed by deleting, which leaves nothing', async () => {
    await dreambuilder.disable(true);
    await expectNothing(bucket, 'dreambuilder');
    await expectAgreement();
  });
});
