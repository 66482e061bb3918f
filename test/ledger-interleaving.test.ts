import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ArchiveOrder } from '../contracts/questionnaires.ts';
import { addTenant, CANCELLED, failsWith, refOf, runOf, standingSteps, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger, raw } = await useLedger();
const { commit, enable, fail, find, listRuns } = standingSteps(ledger);

/** What a run was told when it began. */
interface Run {
  readonly runId: string;
  readonly epoch: number;
}

/** What anybody may do at any time; `place` chooses a run, or an epoch, among those there are. */
const steps = {
  enable: (tenant: string) => enable(tenant),
  bring: (tenant: string) => enable(tenant, { recipient: 'age1own', ownRecipient: true }),
  disable: (tenant: string) => ledger.standingOrders.disable(refOf(tenant), 'a'),
  forget: (tenant: string) => ledger.standingOrders.forget(refOf(tenant), 'a'),
  'forget an epoch': (tenant: string, _: Run[], place: number) =>
    ledger.standingOrders.forget(refOf(tenant), 'a', place),
  rotate: async (tenant: string) => {
    const recipient = `age1${randomUUID()}`;
    await Promise.allSettled([
      ledger.standingOrders.rotate({ ...refOf(tenant), recipient, ownRecipient: false, actor: 'a' }),
    ]);
  },
  begin: async (tenant: string, runs: Run[]) => {
    const run = runOf(tenant);
    const begun = await ledger.runs.begin(run);
    if (begun.outcome === 'begun') runs.push({ runId: run.runId, epoch: begun.standingOrder?.epoch ?? 0 });
  },
  commit: async (_: string, runs: Run[], place: number) => {
    const run = runs[place % Math.max(1, runs.length)];
    if (run) await commit(run.runId);
  },
  fail: async (_: string, runs: Run[], place: number) => {
    const run = runs[place % Math.max(1, runs.length)];
    if (run) await fail(run.runId);
  },
  remove: async (_: string, runs: Run[], place: number) => {
    const run = runs[place % Math.max(1, runs.length)];
    if (run) await ledger.runs.recordRemoval(run.runId, 'replaced');
  },
};
const step = fc.record({
  name: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom('begin' as const, 'commit' as const, 'enable' as const) },
    { weight: 1, arbitrary: fc.constantFrom(...(Object.keys(steps) as (keyof typeof steps)[])) },
  ),
  place: fc.nat({ max: 4 }),
});
/** The steps of a wave are taken all at once. */
const waves = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });

async function expectDefinedState(tenant: string, epochBefore: number): Promise<number> {
  const settings = await find(tenant);
  const runs = await listRuns(tenant);
  if (settings === undefined) {
    expect(runs).toEqual([]);
    return epochBefore;
  }
  expect(settings.epoch).toBeGreaterThanOrEqual(epochBefore);
  const current = runs.filter((run) => run.current);
  expect(current.map(({ runId, epoch, state, removedAt }) => [runId, epoch, state, removedAt])).toEqual(
    settings.currentRunId === null ? [] : [[settings.currentRunId, settings.epoch, 'completed', null]],
  );
  expect(runs.filter(({ state }) => state === 'running').length).toBeLessThanOrEqual(1);
  if (settings.recipient === null) {
    expect(settings).toMatchObject({ enabled: false, currentRunId: null, failingSince: null });
  }
  for (const { epoch } of runs) expect(epoch).toBeLessThanOrEqual(settings.epoch);
  return settings.epoch;
}

/** A series is told of once, and its end once, and no end of what was not told of. */
async function expectNoticesOfSeries(tenant: string): Promise<void> {
  const { rows } = await raw.query<{ kind: string; series: Date }>(
    'select kind, failing_since as series from notices where tenant = $1',
    [tenant],
  );
  const failed = rows.filter(({ kind }) => kind === 'failed').map(({ series }) => series.getTime());
  const recovered = rows.filter(({ kind }) => kind === 'recovered').map(({ series }) => series.getTime());
  expect(failed.length).toBeGreaterThanOrEqual(recovered.length);
  for (const series of recovered) expect(failed).toContain(series);
}

describe('enabling, disabling, rotating, deleting and running at the same time', () => {
  test('end in a defined state, and no run of an older epoch commits', async () => {
    let [waited, commits, fenced] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(waves, async (plan) => {
        const tenant = await addTenant(ledger);
        const runs: Run[] = [];
        let epoch = 0;
        for (const wave of plan) {
          await Promise.all(wave.map(({ name, place }) => steps[name](tenant, runs, place)));
          epoch = await expectDefinedState(tenant, epoch);
          await expectNoticesOfSeries(tenant);
          waited += 1;
        }
        const settings = await find(tenant);
        for (const { runId, epoch: begun } of runs) {
          const before = await ledger.runs.find(runId);
          expect(before?.epoch).toBe(begun);
          if (before?.snapshotAt) commits += 1;
          if (before?.state !== 'running') continue;
          const committed = await commit(runId);
          const open = settings?.enabled === true && begun === settings.epoch;
          expect(committed).toBe(open);
          if (!open) fenced += 1;
        }
        await expectDefinedState(tenant, epoch);
      }),
      { numRuns: 150 },
    );
    // Without these the steps never met, and the property held for nothing.
    expect(waited).toBeGreaterThan(100);
    expect(commits).toBeGreaterThan(20);
    expect(fenced).toBeGreaterThan(10);
  });

  test('a run that begins while the standing order is forgotten is either refused or named by that', async () => {
    for (let round = 0; round < 40; round += 1) {
      const tenant = await addTenant(ledger);
      await enable(tenant);
      const run = runOf(tenant);
      const [begun, outdated] = await Promise.all([
        ledger.runs.begin(run),
        ledger.standingOrders.forget(refOf(tenant), 'a'),
      ]);
      expect(outdated.map(({ runId }) => runId)).toEqual(begun.outcome === 'begun' ? [run.runId] : []);
    }
  });
});

describe('changing the settings of archives while archives are made', () => {
  const change = (tenant: string, wanted: Parameters<typeof ledger.archives.setSettings>[1]) =>
    ledger.archives.setSettings(tenant, wanted, 'a');
  const archiveSteps = {
    'set a password': (tenant: string) => change(tenant, { password: Buffer.from(randomUUID()) }),
    'remove it': (tenant: string) => change(tenant, { password: null }),
    seal: (tenant: string, _: string[], place: number) => change(tenant, { recipients: [`age1${place % 2}`] }),
    begin: async (tenant: string, runs: string[], place: number) => {
      const { changedAt, recipients = [] } = (await ledger.archives.settings(tenant)) ?? {};
      const order: ArchiveOrder = {
        ...{ tenant, bundle: 'questionnaires', questionnaire: '0'.repeat(32), version: 1, type: 'spss' },
        ...{ status: null, from: null, to: null, recipients, settingsAt: changedAt?.toISOString() ?? null },
      };
      const run = { runId: randomUUID(), workflowId: `w-${tenant}-${place % 2}`, order, requestedAt: new Date() };
      if ((await ledger.runs.begin(run)).outcome === 'begun') runs.push(run.runId);
    },
    commit: async (_: string, runs: string[], place: number) => {
      const runId = runs[place % Math.max(1, runs.length)];
      if (!runId) return;
      const isCommitted = await ledger.runs.commit(runId, { ...TOTALS, retention: { replaceAfterSeconds: 60 } });
      if (!isCommitted) await ledger.runs.end(runId, CANCELLED);
    },
  };
  const archiveStep = fc.record({
    name: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('begin' as const, 'commit' as const) },
      { weight: 1, arbitrary: fc.constantFrom(...(Object.keys(archiveSteps) as (keyof typeof archiveSteps)[])) },
    ),
    place: fc.nat({ max: 4 }),
  });

  test('leaves none that is protected otherwise than the settings say', async () => {
    let [served, changes] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(archiveStep, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 8 }),
        async (all) => {
          const tenant = await addTenant(ledger);
          const runs: string[] = [];
          for (const wave of all) {
            await Promise.all(wave.map(({ name, place }) => archiveSteps[name](tenant, runs, place)));
            const settings = await ledger.archives.settings(tenant);
            const current = await ledger.archives.list(tenant, { hasFile: true }, { limit: 100, offset: 0 });
            for (const { order } of current) {
              expect(order).toMatchObject({ settingsAt: settings?.changedAt.toISOString() ?? null });
              served += 1;
            }
            changes += settings ? 1 : 0;
          }
        },
      ),
      { numRuns: 40 },
    );
    expect(served).toBeGreaterThan(20);
    expect(changes).toBeGreaterThan(20);
  });

  test('tells how many were served, and does nothing if nothing changes', async () => {
    const tenant = await addTenant(ledger);
    const runs: string[] = [];
    for (const place of [0, 1]) await archiveSteps.begin(tenant, runs, place);
    for (const place of [0, 1]) await archiveSteps.commit(tenant, runs, place);
    expect(await change(tenant, { password: null, recipients: [] })).toBe(0);
    expect(await ledger.archives.settings(tenant)).toBeUndefined();
    expect(await change(tenant, { recipients: ['age1b', 'age1a'] })).toBe(2);
    const { changedAt } = (await ledger.archives.settings(tenant)) ?? {};
    expect(await change(tenant, { recipients: ['age1a', 'age1b'] })).toBe(0);
    expect(await change(tenant, { password: Buffer.from('sealed') })).toBe(0);
    const later = await ledger.archives.settings(tenant);
    expect(later).toMatchObject({ password: Buffer.from('sealed'), recipients: ['age1b', 'age1a'] });
    expect(later?.changedAt.getTime()).toBeGreaterThan(changedAt?.getTime() ?? Number.POSITIVE_INFINITY);
    const lines = (await ledger.audit.list(tenant, 100)).filter(({ action }) => action === 'tenant.archives');
    expect(lines.map(({ detail }) => detail)).toEqual([{ password: true }, { recipients: 2 }]);
    const due = await ledger.runs.dueForRemoval(new Date(Date.now() + 1000), 1000);
    expect(due.map(({ runId }) => runId)).toEqual(expect.arrayContaining(runs));
    await expect(change(`t-${randomUUID()}`, { password: null })).rejects.toEqual(failsWith('not_found'));
  });
});
