import { createHash, randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createEnd, createRemove } from '../activities/end.ts';
import { createPublish } from '../activities/publish.ts';
import { WaybillError } from '../contracts/failures.ts';
import { manifestKey, runPrefix } from '../contracts/keys.ts';
import { orderedRun } from '../contracts/order.ts';
import type { PublishInput } from '../contracts/steps.ts';
import { CANCELLED, newRun, TOTALS, useLedger } from './ledger-set-up.ts';
import { createMemoryObjects } from './memory-objects.ts';
import { createScriptedTemporal } from './scripted-temporal.ts';

const { ledger } = await useLedger();
const logger = pino({ level: 'silent' });
const CONTENT = Buffer.from('id\n1\n');

/** A run that has begun and whose only part is stored. */
async function written() {
  const objects = createMemoryObjects();
  const ports = { ledger, objects, temporal: createScriptedTemporal(), graceSeconds: 0, signer: null, logger };
  const run = newRun();
  await ledger.runs.begin(run);
  const { runId, workflowId, order } = run;
  const identity = { runId, workflowId, kind: 'on-demand', tenant: order.tenant } as const;
  const prefix = runPrefix(identity);
  const name = `flights-00000-${randomUUID()}-1-1.csv`;
  objects.stored.set(`${prefix}${name}`, CONTENT);
  const sha256 = createHash('sha256').update(CONTENT).digest('hex');
  const bytes = CONTENT.length;
  const part = { name, rows: 1, bytes, sha256, contentBytes: bytes, contentSha256: null };
  const described = orderedRun(order);
  const { snapshotAt } = TOTALS;
  const expiresAt = '2036-12-21T07:00:00.000Z';
  const input: PublishInput = {
    ...{ ...identity, order: described, createdAt: '2026-11-21T07:00:00.123Z', expiresAt },
    written: [{ name: described.files[0]?.name ?? '', format: 'csv', index: 0, part }],
    plan: {
      snapshotAt,
      files: [{ columns: [], rows: 1, parts: [{ index: 0, slice: { from: null, to: null }, rows: 1, rowsHash: '0' }] }],
    },
    completion: { snapshotAt, files: 1, parts: 1, retention: { expiresAt } },
  };
  const end = createEnd(ports);
  return {
    ...{ objects, ports, prefix, runId },
    find: () => ledger.runs.find(runId),
    publish: ({ attempt = 1, own = ports } = {}) =>
      new MockActivityEnvironment({ attempt }).run(createPublish({ ...own, end: createEnd(own) }), input),
    remove: () => new MockActivityEnvironment().run(createRemove(ports), { ...identity, attempted: [] }),
    cancel: () => end({ ...identity, end: { ...CANCELLED, removed: true } }),
    /** The object store, which waits with the manifest. */
    hold() {
      const [held, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const put: typeof objects.put = async (...put) => {
        held.resolve();
        await go.promise;
        await objects.put(...put);
      };
      return { held: held.promise, go: go.resolve, own: { ...ports, objects: { ...objects, put } } };
    },
  };
}

describe('publishing', () => {
  it('commits the run with the totals of its manifest', async () => {
    const { publish, find, objects, prefix } = await written();
    const result = await publish();
    expect(result).toMatchObject({ ok: true, value: { rows: 1, bytes: 5, recorded: true } });
    const body = objects.stored.get(manifestKey(prefix)) ?? new Uint8Array();
    const manifestSha256 = createHash('sha256').update(body).digest('hex');
    expect(await find()).toMatchObject({ state: 'completed', rows: 1, bytes: 5, parts: 1, manifestSha256 });
    expect((await find())?.expiresAt).toEqual(new Date('2036-12-21T07:00:00.000Z'));
  });

  it('leaves the commit to another step if the ledger does not answer', async () => {
    const { publish, find, ports } = await written();
    const commit = async () => {
      throw new WaybillError('ledger_unavailable');
    };
    const away = { ...ports, ledger: { ...ledger, runs: { ...ledger.runs, commit } } };
    const result = await publish({ own: away });
    expect(result).toMatchObject({ ok: true, value: { rows: 1, bytes: 5 } });
    expect(result).not.toHaveProperty('value.recorded');
    expect((await find())?.state).toBe('running');
  });

  it('of a run that an earlier attempt has committed tells so, although its files are gone', async () => {
    const { publish, objects } = await written();
    const first = await publish();
    objects.stored.clear();
    expect(await publish({ attempt: 2 })).toEqual(first);
    expect(objects.stored.size).toBe(0);
  });

  it('does not commit a run whose objects are being removed, by an attempt that was thought lost', async () => {
    const { publish, find, hold, remove, cancel } = await written();
    const { held, go, own } = hold();
    const lost = publish({ own });
    await held;
    await remove();
    go();
    expect(await lost).toMatchObject({ ok: true, value: { recorded: false } });
    expect(await cancel()).toEqual({ recorded: true });
    expect(await find()).toMatchObject({ state: 'cancelled', removal: 'failed' });
  });

  it('cannot be cancelled once it is committed, and keeps its files', async () => {
    const { publish, find, remove, cancel, objects } = await written();
    await publish();
    expect(await remove()).toEqual({ objects: 0 });
    expect(await cancel()).toEqual({ recorded: false, committed: { rows: 1, bytes: 5 } });
    expect(await find()).toMatchObject({ state: 'completed', removal: null, removedAt: null });
    expect(objects.stored.size).toBe(2);
  });
});

it('a run that is active is never due for removal', async () => {
  const { remove, runId, cancel } = await written();
  const isDue = async () =>
    (await ledger.runs.dueForRemoval(new Date('2036-01-01'), 1000)).some((run) => run.runId === runId);
  await remove();
  expect(await isDue()).toBe(false);
  await cancel();
  expect(await isDue()).toBe(false);
});
