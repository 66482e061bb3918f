import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { addTenant, refOf, standingSteps, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger } = await useLedger();
const { addCommitted, begin, commit, enable, find } = standingSteps(ledger);

const endedAt = new Date('2026-11-21T01:31:00.456Z');

function manifestOf(tenant: string, recipient: string, runId: string = randomUUID()) {
  return { ...refOf(tenant), ...TOTALS, runId, workflowId: `w-${runId}`, subject: 'periodic', recipient, endedAt };
}

describe('a run of a standing order that is restored from its manifest', () => {
  test('is current, under settings that are off, where the ledger knew nothing; older ones are not', async () => {
    const tenant = `t-${randomUUID()}`;
    const [newest, older, foreign] = [
      manifestOf(tenant, 'age1new'),
      manifestOf(tenant, 'age1new'),
      manifestOf(tenant, 'age1old'),
    ];
    for (const manifest of [newest, older, foreign]) expect(await ledger.runs.restore(manifest)).toBe(true);
    const settings = await find(tenant);
    expect(settings).toMatchObject({
      enabled: false,
      recipient: 'age1new',
      ownRecipient: false,
      currentRunId: newest.runId,
      failingSince: null,
    });
    expect(await ledger.runs.find(newest.runId)).toMatchObject({
      ...TOTALS,
      workflowId: newest.workflowId,
      epoch: settings?.epoch,
      state: 'completed',
      current: true,
      requestedAt: new Date(TOTALS.snapshotAt),
      endedAt,
      removeAfter: null,
    });
    expect(await ledger.runs.find(older.runId)).toMatchObject({ current: false, epoch: 1 });
    expect(await ledger.runs.find(foreign.runId)).toMatchObject({ current: false, epoch: 0 });
    for (const manifest of [newest, older, foreign]) expect(await ledger.runs.restore(manifest)).toBe(false);

    const { outcome } = await enable(tenant);
    expect(outcome).toBe('resumed');
    expect(await commit(newest.runId)).toBe(true);
    const outdated = await ledger.standingOrders.forget(refOf(tenant), 'a');
    expect(outdated).toHaveLength(3);
  });

  test('is current where the settings have its recipient and no generation', async () => {
    const tenant = await addTenant(ledger);
    await enable(tenant, { recipient: 'age1' });
    const before = await find(tenant);
    const manifest = manifestOf(tenant, 'age1');
    expect(await ledger.runs.restore(manifest)).toBe(true);
    expect(await find(tenant)).toEqual({ ...before, currentRunId: manifest.runId });
  });

  test.each(['another recipient', 'deleted settings', 'a current run'])('is not current: %s', async (how) => {
    const tenant = await addTenant(ledger);
    await enable(tenant, { recipient: 'age1' });
    if (how === 'deleted settings') await ledger.standingOrders.forget(refOf(tenant), 'a');
    if (how === 'a current run') await addCommitted(tenant);
    const before = await find(tenant);
    const manifest = manifestOf(tenant, how === 'another recipient' ? 'age1other' : 'age1');
    expect(await ledger.runs.restore(manifest)).toBe(true);
    expect(await find(tenant)).toEqual(before);
    expect(await ledger.runs.find(manifest.runId)).toMatchObject({ state: 'completed', current: false });
    const outdated = await ledger.standingOrders.forget(refOf(tenant), 'a');
    expect(outdated.map(({ runId }) => runId)).toContain(manifest.runId);
  });

  test('stays what it is where the ledger knows it', async () => {
    const tenant = await addTenant(ledger);
    await enable(tenant, { recipient: 'age1' });
    const running = await begin(tenant);
    expect(await ledger.runs.restore(manifestOf(tenant, 'age1', running))).toBe(false);
    expect(await ledger.runs.find(running)).toMatchObject({ state: 'running', snapshotAt: null });
    expect((await find(tenant))?.currentRunId).toBeNull();
  });

  test('is put back once by many at once', async () => {
    const manifest = manifestOf(`t-${randomUUID()}`, 'age1');
    const answers = await Promise.all(Array.from({ length: 8 }, () => ledger.runs.restore(manifest)));
    expect(answers.filter((changed) => changed)).toHaveLength(1);
  });
});

test('a run of changes that is restored from its manifest delivers its day again, the newest one', async () => {
  const tenant = `t-${randomUUID()}`;
  const delivered = (day: string) => ({
    ...{
      ...TOTALS,
      tenant,
      kind: 'recurring',
      subject: 'recurring',
      runId: randomUUID(),
      workflowId: 'w',
      day,
      endedAt,
    },
    expiresAt: new Date('2036-01-01T00:00:00.000Z'),
    delivered: [
      {
        ...{ dataset: 'user', complete: true, windowFrom: null, windowTo: TOTALS.snapshotAt, rows: 3 },
        columns: [{ name: 'id', type: 'integer' }],
      },
    ],
  });
  const [newest, older, before] = [delivered('2026-11-21'), delivered('2026-11-21'), delivered('2026-11-20')];
  for (const run of [newest, older, before]) expect(await ledger.runs.restore(run)).toBe(true);
  expect(await ledger.runs.restore(newest)).toBe(false);
  const current = async (day: string) => (await ledger.runs.current(tenant, `recurring|${tenant}|${day}`))?.runId;
  expect([await current('2026-11-21'), await current('2026-11-20')]).toEqual([newest.runId, before.runId]);
  expect(await ledger.registrations.filesOf([newest.runId])).toMatchObject([newest.delivered[0]]);
  expect(await ledger.standingOrders.find(tenant, 'recurring')).toMatchObject({ enabled: false, recipient: null });
});
