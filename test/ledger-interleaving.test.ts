import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ledger.ts';
import { enable, fail, published, runOf } from './ledger-periodic-set-up.ts';
import { addTenant, type StartedLedger, startLedger } from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

/** What a run was told when it began. */
interface Run {
  readonly generationId: string;
  readonly epoch: number;
}

/** What anybody may do at any time; `place` chooses a run, or an epoch, among those there are. */
const steps = {
  enable: (tenant: string) => enable(ledger, tenant),
  bring: (tenant: string) => enable(ledger, tenant, { recipient: 'age1own', ownRecipient: true }),
  disable: (tenant: string) => ledger.disablePeriodic(tenant, null, 'a'),
  delete: (tenant: string) => ledger.deletePeriodic(tenant, null, 'a'),
  'delete an epoch': (tenant: string, _: Run[], place: number) => ledger.deletePeriodic(tenant, place, 'a'),
  rotate: async (tenant: string) => {
    const recipient = `age1${randomUUID()}`;
    await Promise.allSettled([ledger.rotatePeriodic({ tenant, recipient, ownRecipient: false, actor: 'a' })]);
  },
  begin: async (tenant: string, runs: Run[]) => {
    const run = runOf(tenant);
    const settings = await ledger.beginGeneration(run);
    if (settings) runs.push({ generationId: run.generationId, epoch: settings.epoch });
  },
  publish: async (tenant: string, runs: Run[], place: number) => {
    const run = runs[place % Math.max(1, runs.length)];
    if (run) await ledger.publishGeneration(published(tenant, run.generationId, run.epoch));
  },
  fail: async (_: string, runs: Run[], place: number) => {
    const run = runs[place % Math.max(1, runs.length)];
    if (run) await fail(ledger, run.generationId);
  },
  remove: async (_: string, runs: Run[], place: number) => {
    const run = runs[place % Math.max(1, runs.length)];
    if (run) await ledger.recordGenerationRemoval(run.generationId);
  },
};
const step = fc.record({
  name: fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom('begin' as const, 'publish' as const, 'enable' as const) },
    { weight: 1, arbitrary: fc.constantFrom(...(Object.keys(steps) as (keyof typeof steps)[])) },
  ),
  place: fc.nat({ max: 4 }),
});
/** The steps of a wave are taken all at once. */
const waves = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });

async function expectDefinedState(tenant: string, epochBefore: number): Promise<number> {
  const settings = await ledger.findPeriodic(tenant);
  const generations = await ledger.listGenerations(tenant, 1000);
  const current = generations.filter(({ state }) => state === 'published');
  if (settings === undefined) {
    expect(generations).toEqual([]);
    return epochBefore;
  }
  expect(settings.epoch).toBeGreaterThanOrEqual(epochBefore);
  expect(current.map(({ generationId, epoch }) => [generationId, epoch])).toEqual(
    settings.generationId === null ? [] : [[settings.generationId, settings.epoch]],
  );
  if (settings.recipient === null) {
    expect(settings).toMatchObject({ enabled: false, generationId: null, failingSince: null });
  }
  for (const { epoch } of generations) expect(epoch).toBeLessThanOrEqual(settings.epoch);
  return settings.epoch;
}

/** A series is told of once, and its end once, and no end of what was not told of. */
async function expectNoticesOfSeries(tenant: string): Promise<void> {
  const { rows } = await started.raw.query<{ kind: string; series: Date }>(
    'select kind, failing_since as series from notices where tenant = $1',
    [tenant],
  );
  const failed = rows.filter(({ kind }) => kind === 'failed').map(({ series }) => series.getTime());
  const recovered = rows.filter(({ kind }) => kind === 'recovered').map(({ series }) => series.getTime());
  expect(failed.length).toBeGreaterThanOrEqual(recovered.length);
  for (const series of recovered) expect(failed).toContain(series);
}

describe('enabling, disabling, rotating, deleting and running at the same time', () => {
  test('end in a defined state, and no run of an older epoch publishes', async () => {
    let [waited, publications, fenced] = [0, 0, 0];
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
        const settings = await ledger.findPeriodic(tenant);
        for (const { generationId, epoch: begun } of runs) {
          const before = await ledger.findGeneration(generationId);
          expect(before?.epoch).toBe(begun);
          if (before?.snapshotAt) publications += 1;
          if (before?.state !== 'running') continue;
          const answer = await ledger.publishGeneration(published(tenant, generationId, begun));
          const open = settings?.enabled === true && begun === settings.epoch;
          expect('refused' in answer).toBe(!open);
          if (!open) fenced += 1;
        }
        await expectDefinedState(tenant, epoch);
      }),
      { numRuns: 150 },
    );
    // Without these the steps never met, and the property held for nothing.
    expect(waited).toBeGreaterThan(100);
    expect(publications).toBeGreaterThan(20);
    expect(fenced).toBeGreaterThan(10);
  });

  test('a run that begins while the settings are deleted is either refused or named by the deletion', async () => {
    for (let round = 0; round < 40; round += 1) {
      const tenant = await addTenant(ledger);
      await enable(ledger, tenant);
      const run = runOf(tenant);
      const [begun, outdated] = await Promise.all([
        ledger.beginGeneration(run),
        ledger.deletePeriodic(tenant, null, 'a'),
      ]);
      expect(outdated.map(({ generationId }) => generationId)).toEqual(begun ? [run.generationId] : []);
    }
  });
});
