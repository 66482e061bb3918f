import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instantFromDate } from '../contracts/instant.ts';
import { periodicPrefix } from '../contracts/keys.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { generateKey } from '../streams/age/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { holdAfter } from './gate.ts';
import { makeNumberedWarehouse, type NumberedWarehouse, ROWS_OF_ONE_STEP } from './numbered-warehouse.ts';
import { type OwnStack, SEALED_FILE, startOwnStack } from './own-stack.ts';
import { codeOf } from './periodic-answers.ts';
import { createPeriodicClient, type PeriodicClient } from './periodic-door.ts';
import { expectNothing, expectOnly, hasSchedule, openRuns, triggerRun } from './periodic-operator.ts';
import { downloadDuring, downloadNow, type Served } from './periodic-witness.ts';
import { runOf } from './scripted-temporal.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

const FILES = 4;

let stack: OwnStack;
let warehouse: NumberedWarehouse;
let door: PeriodicClient;
let temporal: TemporalEye;
let ledger: Ledger;
let bucket: Objects;
let folder: string;
let key: string;
/** The number that rows carry now. */
let number = 1;
/** What is served when a test begins. */
let before: Served;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-faults-'));
  warehouse = await makeNumberedWarehouse(folder, { files: FILES, rows: ROWS_OF_ONE_STEP });
  stack = await startOwnStack({
    ...warehouse.settings,
    WAYBILL_PERIODIC_GRACE_SECONDS: '3',
    WAYBILL_RECONCILE_SECONDS: '2',
    WAYBILL_WORKER_PARTS_MAX: '1',
  });
  door = createPeriodicClient(stack.urls.api, 'acme-demo-secret');
  temporal = await openTemporal(stack.settings);
  ledger = createLedger({ url: stack.settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  bucket = openBucket(stack.settings);
});

afterAll(async () => {
  await temporal?.close();
  await ledger?.close();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  const { enabled } = await door.status();
  if (!enabled) key = (await door.enable()).privateKey ?? '';
  await door.generation();
  before = await downloadNow(door, key);
  number += 1;
  await warehouse.write(number);
});

/** Starts a run and stops its worker at the store's gate once two files are written. @returns its generation */
async function strikeRun(): Promise<string> {
  const writing = holdAfter(stack.gate, SEALED_FILE, 2);
  await triggerRun(temporal, 'acme');
  await writing;
  const { running } = await door.until(({ running: run }) => (run?.progress.partsDone ?? 0) > 1);
  expect(running?.progress.partsDone).toBeLessThan(FILES * 2);
  return running?.generationId ?? '';
}

async function untilServed(generationId: string): Promise<void> {
  await expect
    .poll(
      () =>
        door.status().then(
          ({ generation }) => generation?.generationId,
          () => 'away',
        ),
      { timeout: 110_000, interval: 250 },
    )
    .toBe(generationId);
}

/** Checks that downloads are of this generation, with the rows of now, and that nothing else is left in the bucket. */
async function expectSwitched(generationId: string): Promise<void> {
  expect(await downloadNow(door, key)).toMatchObject({ generation: generationId, numbers: [number] });
  await expectOnly(bucket, 'acme', generationId);
}

describe('a worker in the middle of a run', () => {
  it('that is killed leaves the generation before as it is; restarted, it goes on and switches', async () => {
    const run = await strikeRun();
    const served = await downloadDuring(door, key, async () => {
      await stack.worker.kill('SIGKILL');
      void stack.gate.release();
      expect(await downloadNow(door, key)).toEqual(before);
      await stack.worker.start();
      await untilServed(run);
    });
    // Whatever a download began with, it is of the one generation or of the other, and whole.
    for (const all of served) {
      if (all.generation === run) expect(all.numbers).toEqual([number]);
      else expect(all).toEqual(before);
    }
    await expectSwitched(run);
  });

  it('that hung and comes back after another one took over changes nothing', async () => {
    const run = await strikeRun();
    await stack.worker.kill('SIGSTOP');
    void stack.gate.release();
    const second = await stack.startWorker('worker-2');
    try {
      await untilServed(run);
      await stack.worker.kill('SIGCONT');
      // Once it works again, its lost attempts are over as well.
      await second.stop();
      await triggerRun(temporal, 'acme');
      const next = await door.generation(run);
      await expectSwitched(next.generationId);
    } finally {
      await stack.worker.kill('SIGCONT');
      await second.stop();
    }
  });
});

describe('what is killed in the middle of a run', () => {
  it.each(['minio', 'postgres', 'temporal', 'api'] as const)('%s: the run recovers and switches', async (name) => {
    const run = await strikeRun();
    await stack[name].kill('SIGKILL');
    void stack.gate.release();
    await stack[name].start();
    await untilServed(run);
    await expectSwitched(run);
  });
});

describe('a run that was ended from outside just after its switch', () => {
  it('leaves a replaced generation, which the reconciler removes like any other', async () => {
    const lost = { ...runOf('acme'), workflowId: 'lost' };
    await ledger.runs.begin(lost);
    const sizes = { files: 0, parts: 0, rows: 0, bytes: 0, contentBytes: 0, manifestSha256: '0'.repeat(64) };
    const snapshotAt = instantFromDate(new Date());
    const retention = { replaceAfterSeconds: 3 };
    expect(await ledger.runs.commit(lost.runId, { snapshotAt, ...sizes, retention })).toBe(true);
    expect((await ledger.runs.find(lost.runId))?.previousRunId).toBe(before.generation);
    await triggerRun(temporal, 'acme');
    const { generationId } = await door.generation();
    await expectSwitched(generationId);
  });
});

describe('deleting the settings while the worker is away', () => {
  it('says that it is not done, lets nobody in, and is done when it is repeated', async () => {
    const remove = () => door.request('POST', '/dataexport/disable?deleteSettings=true');
    await strikeRun();
    await stack.worker.kill('SIGKILL');
    void stack.gate.release();
    try {
      const answer = await remove();
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await codeOf(Promise.resolve(answer))).toEqual([503, 'settings_busy']);
      await expect(downloadNow(door, key)).rejects.toThrow('not_enabled');
    } finally {
      await stack.worker.start();
    }
    await expect.poll(async () => (await remove()).status, { timeout: 90_000, interval: 1000 }).toBe(200);
    await expectNothing(bucket, 'acme');
    expect(await door.status()).toMatchObject({ enabled: false, recipient: null, generation: null, nextRunAt: null });
    expect(await hasSchedule(temporal, 'acme')).toBe(false);
    await expect.poll(() => openRuns(temporal, 'acme')).toBe(0);
  });
});

describe('an API that died between the ledger and the schedule', () => {
  const other = () => createPeriodicClient(stack.urls.api, 'dreambuilder-demo-secret');

  it('of enabling: the next look at the status makes the schedule, and runs follow', async () => {
    const { identity, recipient } = await generateKey({ postQuantum: false });
    await ledger.standingOrders.put({
      tenant: 'dreambuilder',
      kind: 'periodic',
      recipient,
      ownRecipient: false,
      recurrence: undefined,
      actor: 'test',
    });
    expect(await hasSchedule(temporal, 'dreambuilder')).toBe(false);
    expect((await other().status()).nextRunAt).not.toBeNull();
    expect(await hasSchedule(temporal, 'dreambuilder')).toBe(true);
    await triggerRun(temporal, 'dreambuilder');
    await other().generation();
    expect((await downloadNow(other(), identity)).numbers).toEqual([number]);
  });

  it('of disabling: a run that the schedule still starts finds nothing to do, and removes it', async () => {
    const { generationId } = await other().generation();
    await ledger.standingOrders.disable({ tenant: 'dreambuilder', kind: 'periodic' }, 'test');
    await triggerRun(temporal, 'dreambuilder');
    await expect.poll(() => hasSchedule(temporal, 'dreambuilder'), { timeout: 30_000 }).toBe(false);
    expect((await other().status()).generation?.generationId).toBe(generationId);
    const keys = await keysBelow(bucket, periodicPrefix('dreambuilder'));
    expect(keys.filter((name) => !name.includes(generationId))).toEqual([]);
  });
});
