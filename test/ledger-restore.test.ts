import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ledger.ts';
import { addPublished, begin, enable, FIGURES, publish } from './ledger-periodic-set-up.ts';
import { addTenant, type StartedLedger, startLedger } from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

const createdAt = new Date('2026-11-21T01:31:00.456Z');

function manifestOf(tenant: string, recipient: string, generationId: string = randomUUID()) {
  return { tenant, generationId, workflowId: `w-${generationId}`, recipient, createdAt, ...FIGURES };
}

describe('a generation that is put back from its manifest', () => {
  test('is current, under settings that are off, where the ledger knew nothing; older ones are not', async () => {
    const tenant = `t-${randomUUID()}`;
    const [newest, older, foreign] = [
      manifestOf(tenant, 'age1new'),
      manifestOf(tenant, 'age1new'),
      manifestOf(tenant, 'age1old'),
    ];
    for (const manifest of [newest, older, foreign]) expect(await ledger.restoreGeneration(manifest)).toBe(true);
    const settings = await ledger.findPeriodic(tenant);
    expect(settings).toMatchObject({
      enabled: false,
      recipient: 'age1new',
      ownRecipient: false,
      generationId: newest.generationId,
      failingSince: null,
    });
    expect(await ledger.findGeneration(newest.generationId)).toEqual({
      tenant,
      generationId: newest.generationId,
      workflowId: newest.workflowId,
      ...FIGURES,
      epoch: settings?.epoch,
      state: 'published',
      startedAt: new Date(FIGURES.snapshotAt),
      endedAt: createdAt,
      failure: null,
    });
    expect(await ledger.findGeneration(older.generationId)).toMatchObject({ state: 'superseded', epoch: 1 });
    expect(await ledger.findGeneration(foreign.generationId)).toMatchObject({ state: 'superseded', epoch: 0 });
    for (const manifest of [newest, older, foreign]) expect(await ledger.restoreGeneration(manifest)).toBe(false);

    const { outcome } = await enable(ledger, tenant);
    expect(outcome).toBe('resumed');
    expect(await publish(ledger, tenant, newest.generationId)).toEqual({ previous: null });
    const outdated = await ledger.deletePeriodic(tenant, null, 'a');
    expect(outdated).toHaveLength(3);
  });

  test('is current where the settings have its recipient and no generation', async () => {
    const tenant = await addTenant(ledger);
    await enable(ledger, tenant, { recipient: 'age1' });
    const before = await ledger.findPeriodic(tenant);
    const manifest = manifestOf(tenant, 'age1');
    expect(await ledger.restoreGeneration(manifest)).toBe(true);
    expect(await ledger.findPeriodic(tenant)).toEqual({ ...before, generationId: manifest.generationId });
  });

  test.each(['another recipient', 'deleted settings', 'a current generation'])('is not current: %s', async (how) => {
    const tenant = await addTenant(ledger);
    await enable(ledger, tenant, { recipient: 'age1' });
    if (how === 'deleted settings') await ledger.deletePeriodic(tenant, null, 'a');
    if (how === 'a current generation') await addPublished(ledger, tenant);
    const before = await ledger.findPeriodic(tenant);
    const manifest = manifestOf(tenant, how === 'another recipient' ? 'age1other' : 'age1');
    expect(await ledger.restoreGeneration(manifest)).toBe(true);
    expect(await ledger.findPeriodic(tenant)).toEqual(before);
    expect(await ledger.findGeneration(manifest.generationId)).toMatchObject({ state: 'superseded' });
    const outdated = await ledger.deletePeriodic(tenant, null, 'a');
    expect(outdated.map(({ generationId }) => generationId)).toContain(manifest.generationId);
  });

  test('stays what it is where the ledger knows it', async () => {
    const tenant = await addTenant(ledger);
    await enable(ledger, tenant, { recipient: 'age1' });
    const running = await begin(ledger, tenant);
    expect(await ledger.restoreGeneration(manifestOf(tenant, 'age1', running))).toBe(false);
    expect(await ledger.findGeneration(running)).toMatchObject({ state: 'running', snapshotAt: null });
    expect((await ledger.findPeriodic(tenant))?.generationId).toBeNull();
  });

  test('is put back once by many at once', async () => {
    const manifest = manifestOf(`t-${randomUUID()}`, 'age1');
    const answers = await Promise.all(Array.from({ length: 8 }, () => ledger.restoreGeneration(manifest)));
    expect(answers.filter((changed) => changed)).toHaveLength(1);
  });
});
