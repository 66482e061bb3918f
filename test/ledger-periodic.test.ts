import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ledger.ts';
import type { Enabling } from '../stores/ledger/periodic.ts';
import { addEnabled, addPublished, begin, enable, enabling, fail, publish } from './ledger-periodic-set-up.ts';
import { addTenant, failsWith, type StartedLedger, startLedger } from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

const ids = (generations: readonly { readonly generationId: string }[]) =>
  generations.map(({ generationId }) => generationId).sort();

describe('enabling', () => {
  test('makes the settings once, whoever of many comes first', async () => {
    const tenant = await addTenant(ledger);
    expect(await ledger.findPeriodic(tenant)).toBeUndefined();
    const answers = await Promise.all(Array.from({ length: 20 }, () => enable(ledger, tenant)));
    const won = answers.filter(({ outcome }) => outcome === 'enabled');
    expect(won).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'already')).toHaveLength(19);
    for (const { settings } of answers) expect(settings).toEqual(won[0]?.settings);
    expect(await ledger.findPeriodic(tenant)).toEqual(won[0]?.settings);
    expect((await ledger.listAudit(tenant, 99)).filter(({ action }) => action === 'periodic.enabled')).toHaveLength(1);
  });

  test('keeps what it is given', async () => {
    const tenant = await addTenant(ledger);
    const order = enabling(tenant, { ownRecipient: true, runTime: { at: '01:30', timeZone: 'Europe/Amsterdam' } });
    expect(await ledger.enablePeriodic(order)).toEqual({
      outcome: 'enabled',
      settings: {
        tenant,
        enabled: true,
        recipient: order.recipient,
        ownRecipient: true,
        epoch: 1,
        version: 1,
        runAt: '01:30',
        timeZone: 'Europe/Amsterdam',
        generationId: null,
        failingSince: null,
        changedAt: expect.any(Date),
      },
    });
    const [line] = await ledger.listAudit(tenant, 1);
    expect(line).toMatchObject({ actor: 'a-client', action: 'periodic.enabled', detail: { epoch: 1 } });
    expect(JSON.stringify(line)).not.toContain(order.recipient);
  });

  const states = {
    never: async (tenant: string) => tenant,
    enabled: (tenant: string) => enable(ledger, tenant, { recipient: 'age1old' }),
    disabled: async (tenant: string) => {
      await enable(ledger, tenant, { recipient: 'age1old', runTime: { at: '02:00', timeZone: null } });
      await ledger.disablePeriodic(tenant, null, 'a-client');
    },
    deleted: async (tenant: string) => {
      await enable(ledger, tenant, { recipient: 'age1old', runTime: { at: '02:00', timeZone: null } });
      await ledger.deletePeriodic(tenant, null, 'a-client');
    },
  };
  type Case = readonly [
    from: keyof typeof states,
    recipient: string,
    own: boolean,
    outcome: Enabling['outcome'],
    kept: string,
    epoch: number,
    version: number,
    runAt: string | null,
  ];
  test.each<Case>([
    ['never', 'age1new', false, 'enabled', 'age1new', 1, 1, null],
    ['enabled', 'age1new', false, 'already', 'age1old', 1, 1, null],
    ['enabled', 'age1old', true, 'already', 'age1old', 1, 1, null],
    ['disabled', 'age1new', false, 'resumed', 'age1old', 1, 3, '02:00'],
    ['disabled', 'age1old', true, 'resumed', 'age1old', 1, 3, '02:00'],
    ['disabled', 'age1new', true, 'kept', 'age1old', 1, 2, '02:00'],
    ['deleted', 'age1new', false, 'enabled', 'age1new', 3, 3, null],
    ['deleted', 'age1new', true, 'enabled', 'age1new', 3, 3, null],
  ])(
    'from %s, with %s (own: %s), is %s',
    async (from, recipient, ownRecipient, outcome, kept, epoch, version, runAt) => {
      const tenant = await addTenant(ledger);
      await states[from](tenant);
      const before = await ledger.findPeriodic(tenant);
      const answer = await enable(ledger, tenant, { recipient, ownRecipient });
      expect(answer).toMatchObject({ outcome, settings: { recipient: kept, epoch, version, runAt } });
      expect(answer.settings.enabled).toBe(outcome !== 'kept');
      expect(await ledger.findPeriodic(tenant)).toEqual(answer.settings);
      if (outcome === 'already' || outcome === 'kept') expect(answer.settings).toEqual(before);
    },
  );

  test('takes another run time when it resumes', async () => {
    const tenant = await addTenant(ledger);
    await states.disabled(tenant);
    const { settings } = await enable(ledger, tenant, { runTime: { at: null, timeZone: 'UTC' } });
    expect(settings).toMatchObject({ runAt: null, timeZone: 'UTC' });
  });
});

describe('disabling', () => {
  test('keeps recipient and files, does nothing twice, and only to the epoch that is meant', async () => {
    const tenant = await addEnabled(ledger);
    const generationId = await addPublished(ledger, tenant);
    const before = await ledger.findPeriodic(tenant);
    expect(await ledger.disablePeriodic(tenant, 2, 'a-client')).toEqual(before);
    const off = await ledger.disablePeriodic(tenant, 1, 'a-client');
    expect(off).toEqual({ ...before, enabled: false, version: 2, changedAt: expect.any(Date) });
    expect(off).toMatchObject({ generationId });
    expect(await ledger.disablePeriodic(tenant, null, 'a-client')).toEqual(off);
    const disabled = (await ledger.listAudit(tenant, 99)).filter(({ action }) => action === 'periodic.disabled');
    expect(disabled).toMatchObject([{ actor: 'a-client' }]);
    expect(await ledger.disablePeriodic(`t-${randomUUID()}`, null, 'a-client')).toBeUndefined();
  });
});

describe('deleting', () => {
  test('forgets all but the epoch, and names what still owns objects until that is recorded', async () => {
    const tenant = await addTenant(ledger);
    await enable(ledger, tenant, { ownRecipient: true, runTime: { at: '02:00', timeZone: 'UTC' } });
    const superseded = await addPublished(ledger, tenant);
    const removed = superseded;
    const next = await addPublished(ledger, tenant);
    await ledger.recordGenerationRemoval(removed);
    const current = await addPublished(ledger, tenant);
    const [running, failed, cleared] = [
      await begin(ledger, tenant),
      await begin(ledger, tenant),
      await begin(ledger, tenant),
    ];
    await fail(ledger, failed);
    await fail(ledger, cleared);
    await ledger.recordGenerationRemoval(cleared);

    const outdated = await ledger.deletePeriodic(tenant, 1, 'a-client');
    expect(ids(outdated)).toEqual([next, current, running, failed].sort());
    expect(outdated.find(({ generationId }) => generationId === current)?.state).toBe('superseded');
    expect(await ledger.findPeriodic(tenant)).toEqual({
      tenant,
      enabled: false,
      recipient: null,
      ownRecipient: false,
      epoch: 2,
      version: 2,
      runAt: null,
      timeZone: null,
      generationId: null,
      failingSince: null,
      changedAt: expect.any(Date),
    });
    expect(await publish(ledger, tenant, running)).toEqual({ refused: true });

    // What a deletion left unfinished is named by the next one, whatever epoch it means.
    await ledger.recordGenerationRemoval(current);
    await ledger.recordGenerationRemoval(next);
    for (const epoch of [null, 1, 2]) {
      expect(ids(await ledger.deletePeriodic(tenant, epoch, 'a-client'))).toEqual([running, failed].sort());
    }
    expect(await ledger.findPeriodic(tenant)).toMatchObject({ epoch: 2, version: 2 });
    const lines = (await ledger.listAudit(tenant, 99)).filter(({ action }) => action === 'periodic.deleted');
    expect(lines).toHaveLength(1);
  });

  test('of an earlier epoch leaves later settings and their generations alone', async () => {
    const tenant = await addEnabled(ledger);
    const old = await addPublished(ledger, tenant);
    await ledger.deletePeriodic(tenant, 1, 'a-client');
    await enable(ledger, tenant);
    const current = await addPublished(ledger, tenant);
    const before = await ledger.findPeriodic(tenant);
    expect(ids(await ledger.deletePeriodic(tenant, 1, 'a-client'))).toEqual([old]);
    expect(await ledger.findPeriodic(tenant)).toEqual(before);
    expect(before).toMatchObject({ enabled: true, epoch: 3, generationId: current });
  });

  test('of what never was is nothing', async () => {
    expect(await ledger.deletePeriodic(`t-${randomUUID()}`, null, 'a-client')).toEqual([]);
  });
});

describe('rotating', () => {
  const rotation = (tenant: string) => ({ tenant, recipient: 'age1new', ownRecipient: true, actor: 'a-client' });

  test('begins an epoch without generation, in which no older run publishes', async () => {
    const tenant = await addEnabled(ledger);
    const current = await addPublished(ledger, tenant);
    const running = await begin(ledger, tenant);
    const { settings, outdated } = await ledger.rotatePeriodic(rotation(tenant));
    expect(settings).toMatchObject({
      enabled: true,
      recipient: 'age1new',
      ownRecipient: true,
      epoch: 2,
      version: 2,
      generationId: null,
    });
    expect(await ledger.findPeriodic(tenant)).toEqual(settings);
    expect(ids(outdated)).toEqual([current, running].sort());
    expect(await ledger.findGeneration(current)).toMatchObject({ state: 'superseded', epoch: 1 });
    expect(await publish(ledger, tenant, running)).toEqual({ refused: true });
    const next = await begin(ledger, tenant);
    expect(await publish(ledger, tenant, next)).toEqual({ previous: null });
    expect((await ledger.listAudit(tenant, 3)).map(({ action }) => action)).toContain('periodic.rotated');
  });

  test.each(['never', 'disabled', 'deleted'])('is refused where settings are %s', async (how) => {
    const tenant = how === 'never' ? await addTenant(ledger) : await addEnabled(ledger);
    if (how === 'disabled') await ledger.disablePeriodic(tenant, null, 'a-client');
    if (how === 'deleted') await ledger.deletePeriodic(tenant, null, 'a-client');
    const before = await ledger.findPeriodic(tenant);
    await expect(ledger.rotatePeriodic(rotation(tenant))).rejects.toEqual(failsWith('not_enabled'));
    expect(await ledger.findPeriodic(tenant)).toEqual(before);
  });
});
