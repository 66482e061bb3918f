import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instantFromDate } from '../contracts/instant.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';
import { generateKey } from '../streams/age/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { openLedger } from './context.ts';
import { holdAfter } from './gate.ts';
import { periodicPrefix } from './keys.ts';
import { makeNumberedWarehouse, type NumberedWarehouse, ROWS_OF_ONE_STEP } from './numbered-warehouse.ts';
import { type OwnStack, SEALED_FILE, startOwnStack } from './own-stack.ts';
import { codeOf, createPeriodicClient, type PeriodicClient } from './periodic-client.ts';
import { expectNothing, expectOnly, hasSchedule, openRuns, triggerRun } from './periodic-operator.ts';
import { downloadDuring, downloadNow, type Served } from './periodic-witness.ts';
import { runOf } from './scripted-temporal.ts';
import { openTemporal, type TemporalAccess } from './temporal.ts';

const FILES = 4;

let stack: OwnStack;
let warehouse: NumberedWarehouse;
let client: PeriodicClient;
let temporal: TemporalAccess;
let ledger: Ledger;
let bucket: Objects;
let key: string;
/** The number in the rows. */
let number = 1;
/** The files at the start of a test. */
let before: Served;

beforeAll(async () => {
  warehouse = await makeNumberedWarehouse({ files: FILES, rows: ROWS_OF_ONE_STEP });
  stack = await startOwnStack({
    ...warehouse.settings,
    WAYBILL_PERIODIC_GRACE_SECONDS: '3',
    WAYBILL_RECONCILE_SECONDS: '2',
    WAYBILL_WORKER_PARTS_MAX: '1',
  });
  client = createPeriodicClient(stack.urls.api, 'acme-demo-secret');
  temporal = await openTemporal(stack.settings);
  ledger = openLedger(stack.settings);
  bucket = openBucket(stack.settings);
});

beforeEach(async () => {
  const { enabled } = await client.status();
  if (!enabled) key = (await client.enable()).privateKey ?? '';
  await client.generation();
  before = await downloadNow(client, key);
  number += 1;
  await warehouse.write(number);
});

/** Starts a run and holds the object store once two files are written. @returns its generation */
async function holdRun(): Promise<string> {
  const writing = holdAfter(stack.gate, SEALED_FILE, 2);
  await triggerRun(temporal, 'acme');
  await writing;
  const { running } = await client.until(({ running: run }) => (run?.progress.partsDone ?? 0) > 1);
  expect(running?.progress.partsDone).toBeLessThan(FILES * 2);
  return running?.generationId ?? '';
}

async function untilServed(generationId: string): Promise<void> {
  await expect
    .poll(
      () =>
        client.status().then(
          ({ generation }) => generation?.generationId,
          () => 'away',
        ),
      { timeout: 110_000, interval: 250 },
    )
    .toBe(generationId);
}

/** Checks that downloads are of this generation, with the current rows, and that the bucket has nothing else. */
async function expectPublished(generationId: string): Promise<void> {
  expect(await downloadNow(client, key)).toMatchObject({ generation: generationId, numbers: [number] });
  await expectOnly(bucket, 'acme', generationId);
}

describe('a run', () => {
  it('of a worker that is killed and restarted is published, and the previous generation is served until then', async () => {
    const run = await holdRun();
    const served = await downloadDuring(client, key, async () => {
      await stack.worker.kill('SIGKILL');
      void stack.gate.release();
      expect(await downloadNow(client, key)).toEqual(before);
      await stack.worker.start();
      await untilServed(run);
    });
    // Each download is of one of the two generations, and complete.
    for (const all of served) {
      if (all.generation === run) expect(all.numbers).toEqual([number]);
      else expect(all).toEqual(before);
    }
    await expectPublished(run);
  });

  it('of a worker that was frozen is published by another worker, and the first one changes nothing afterwards', async () => {
    const run = await holdRun();
    await stack.worker.kill('SIGSTOP');
    void stack.gate.release();
    const second = await stack.startWorker('worker-2');
    try {
      await untilServed(run);
      await stack.worker.kill('SIGCONT');
      // Once it takes the next run, its lost attempts are over as well.
      await second.stop();
      await triggerRun(temporal, 'acme');
      const next = await client.generation(run);
      await expectPublished(next.generationId);
    } finally {
      await stack.worker.kill('SIGCONT');
      await second.stop();
    }
  });

  it.each(['minio', 'postgres', 'temporal', 'api'] as const)(
    'is published although %s is killed and restarted',
    async (name) => {
      const run = await holdRun();
      await stack[name].kill('SIGKILL');
      void stack.gate.release();
      await stack[name].start();
      await untilServed(run);
      await expectPublished(run);
    },
  );
});

describe('a generation whose run was terminated right after its commit', () => {
  it('is removed by the reconciler once it is replaced', async () => {
    const lost = { ...runOf('acme'), workflowId: 'lost' };
    await ledger.runs.begin(lost);
    const sizes = { files: 0, parts: 0, rows: 0, bytes: 0, contentBytes: 0, manifestSha256: '0'.repeat(64) };
    const snapshotAt = instantFromDate(new Date());
    const retention = { replaceAfterSeconds: 3 };
    expect(await ledger.runs.commit(lost.runId, { snapshotAt, ...sizes, retention })).toBe(true);
    expect((await ledger.runs.find(lost.runId))?.previousRunId).toBe(before.generation);
    await triggerRun(temporal, 'acme');
    const { generationId } = await client.generation();
    await expectPublished(generationId);
  });
});

describe('deleting the settings while no worker runs', () => {
  it('gets 503 and blocks downloads, and succeeds when it is repeated', async () => {
    const remove = () => client.request('POST', '/dataexport/disable?deleteSettings=true');
    await holdRun();
    await stack.worker.kill('SIGKILL');
    void stack.gate.release();
    try {
      const answer = await remove();
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await codeOf(answer)).toEqual([503, 'settings_busy']);
      await expect(downloadNow(client, key)).rejects.toThrow('not_enabled');
    } finally {
      await stack.worker.start();
    }
    await expect.poll(async () => (await remove()).status, { timeout: 90_000, interval: 1000 }).toBe(200);
    await expectNothing(bucket, 'acme');
    expect(await client.status()).toMatchObject({ enabled: false, recipient: null, generation: null, nextRunAt: null });
    expect(await hasSchedule(temporal, 'acme')).toBe(false);
    await expect.poll(() => openRuns(temporal, 'acme')).toBe(0);
  });
});

describe('a schedule that an API did not update because it crashed', () => {
  const other = () => createPeriodicClient(stack.urls.api, 'dreambuilder-demo-secret');

  it('is created after enabling by the next request for the status', async () => {
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

  it('is removed after disabling by the next run, which does nothing else', async () => {
    const { generationId } = await other().generation();
    await ledger.standingOrders.disable({ tenant: 'dreambuilder', kind: 'periodic' }, 'test');
    await triggerRun(temporal, 'dreambuilder');
    await expect.poll(() => hasSchedule(temporal, 'dreambuilder'), { timeout: 30_000 }).toBe(false);
    expect((await other().status()).generation?.generationId).toBe(generationId);
    const keys = await keysBelow(bucket, periodicPrefix('dreambuilder'));
    expect(keys.filter((name) => !name.includes(generationId))).toEqual([]);
  });
});
