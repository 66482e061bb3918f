import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { PutResult } from '../stores/ledger/ports.ts';
import { addTenant, enabling, failsWith, KIND, refOf, rotation, standingSteps, useLedger } from './ledger-set-up.ts';

const { ledger, raw } = await useLedger();
const { addCommitted, addEnabled, begin, commit, enable, fail, find } = standingSteps(ledger);

const ids = (runs: readonly { readonly runId: string }[]) => runs.map(({ runId }) => runId).sort();

describe('enabling', () => {
  test('makes the settings once, whoever of many comes first', async () => {
    const tenant = await addTenant(ledger);
    expect(await find(tenant)).toBeUndefined();
    const answers = await Promise.all(Array.from({ length: 20 }, () => enable(tenant)));
    const won = answers.filter(({ outcome }) => outcome === 'enabled');
    expect(won).toHaveLength(1);
    expect(answers.filter(({ outcome }) => outcome === 'already')).toHaveLength(19);
    for (const { standingOrder } of answers) expect(standingOrder).toEqual(won[0]?.standingOrder);
    expect(await find(tenant)).toEqual(won[0]?.standingOrder);
    expect((await ledger.audit.list(tenant, 99)).filter(({ action }) => action === 'periodic.enabled')).toHaveLength(1);
  });

  test('keeps what it is given', async () => {
    const tenant = await addTenant(ledger);
    const order = enabling(tenant, { ownRecipient: true, recurrence: { at: '01:30', timeZone: 'Europe/Amsterdam' } });
    expect(await ledger.standingOrders.put(order)).toEqual({
      outcome: 'enabled',
      standingOrder: {
        standingOrderId: expect.any(String),
        tenant,
        kind: KIND,
        enabled: true,
        recipient: order.recipient,
        ownRecipient: true,
        epoch: 1,
        version: 1,
        recurrence: { at: '01:30', timeZone: 'Europe/Amsterdam' },
        currentRunId: null,
        failingSince: null,
        changedAt: expect.any(Date),
        syncedVersion: null,
      },
    });
    const [line] = await ledger.audit.list(tenant, 1);
    expect(line).toMatchObject({ actor: 'a-client', action: 'periodic.enabled', detail: { epoch: 1 } });
    expect(JSON.stringify(line)).not.toContain(order.recipient);
  });

  const states = {
    never: async (tenant: string) => tenant,
    enabled: (tenant: string) => enable(tenant, { recipient: 'age1old' }),
    disabled: async (tenant: string) => {
      await enable(tenant, { recipient: 'age1old', recurrence: { at: '02:00', timeZone: null } });
      await ledger.standingOrders.disable(refOf(tenant), 'a-client');
    },
    forgotten: async (tenant: string) => {
      await enable(tenant, { recipient: 'age1old', recurrence: { at: '02:00', timeZone: null } });
      await ledger.standingOrders.forget(refOf(tenant), 'a-client');
    },
  };
  type Case = readonly [
    from: keyof typeof states,
    recipient: string,
    own: boolean,
    outcome: PutResult['outcome'],
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
    ['forgotten', 'age1new', false, 'enabled', 'age1new', 3, 3, null],
    ['forgotten', 'age1new', true, 'enabled', 'age1new', 3, 3, null],
  ])(
    'from %s, with %s (own: %s), is %s',
    async (from, recipient, ownRecipient, outcome, kept, epoch, version, runAt) => {
      const tenant = await addTenant(ledger);
      await states[from](tenant);
      const before = await find(tenant);
      const answer = await enable(tenant, { recipient, ownRecipient });
      expect(answer).toMatchObject({ outcome, standingOrder: { recipient: kept, epoch, version } });
      expect(answer.standingOrder.recurrence?.at ?? null).toBe(runAt);
      expect(answer.standingOrder.enabled).toBe(outcome !== 'kept');
      expect(await find(tenant)).toEqual(answer.standingOrder);
      if (outcome === 'already' || outcome === 'kept') expect(answer.standingOrder).toEqual(before);
    },
  );

  test('takes another run time when it resumes', async () => {
    const tenant = await addTenant(ledger);
    await states.disabled(tenant);
    const recurrence = { at: null, timeZone: 'UTC' };
    expect((await enable(tenant, { recurrence })).standingOrder).toMatchObject({ recurrence });
  });

  test('lists only who is enabled, by key', async () => {
    const [one, two, three] = [await addEnabled(), await addEnabled(), await addEnabled()];
    await ledger.standingOrders.disable(refOf(two), 'a-client');
    const listed = (await ledger.standingOrders.listEnabled(KIND)).map(({ tenant }) => tenant);
    expect(listed).toEqual([...listed].sort());
    expect(listed).toEqual(expect.arrayContaining([one, three]));
    expect(listed).not.toContain(two);
  });
});

describe('disabling', () => {
  test('keeps recipient and files, does nothing twice, and only to the epoch that is meant', async () => {
    const tenant = await addEnabled();
    const currentRunId = await addCommitted(tenant);
    const before = await find(tenant);
    expect(await ledger.standingOrders.disable(refOf(tenant), 'a-client', 2)).toEqual(before);
    const off = await ledger.standingOrders.disable(refOf(tenant), 'a-client', 1);
    expect(off).toEqual({ ...before, enabled: false, version: 2, changedAt: expect.any(Date) });
    expect(off).toMatchObject({ currentRunId });
    expect(await ledger.standingOrders.disable(refOf(tenant), 'a-client')).toEqual(off);
    const disabled = (await ledger.audit.list(tenant, 99)).filter(({ action }) => action === 'periodic.disabled');
    expect(disabled).toMatchObject([{ actor: 'a-client' }]);
    expect(await ledger.standingOrders.disable(refOf(`t-${randomUUID()}`), 'a-client')).toBeUndefined();
  });
});

describe('forgetting', () => {
  test('forgets all but the epoch, and names what still owns objects until that is recorded', async () => {
    const tenant = await addTenant(ledger);
    await enable(tenant, { ownRecipient: true, recurrence: { at: '02:00', timeZone: 'UTC' } });
    const superseded = await addCommitted(tenant);
    const removed = superseded;
    const next = await addCommitted(tenant);
    await ledger.runs.recordRemoval(removed, 'replaced');
    const current = await addCommitted(tenant);
    const failed = await begin(tenant);
    await fail(failed);
    const cleared = await begin(tenant);
    await fail(cleared);
    const running = await begin(tenant);
    await ledger.runs.recordRemoval(cleared, 'replaced');

    const outdated = await ledger.standingOrders.forget(refOf(tenant), 'a-client', 1);
    expect(ids(outdated)).toEqual([next, current, running, failed].sort());
    expect(outdated.find(({ runId }) => runId === current)?.current).toBe(false);
    expect(await find(tenant)).toEqual({
      standingOrderId: expect.any(String),
      tenant,
      kind: KIND,
      enabled: false,
      recipient: null,
      ownRecipient: false,
      epoch: 2,
      version: 2,
      recurrence: null,
      currentRunId: null,
      failingSince: null,
      changedAt: expect.any(Date),
      syncedVersion: null,
    });
    expect(await commit(running)).toBe(false);

    // What a deletion left unfinished is named by the next one, whatever epoch it means.
    await ledger.runs.recordRemoval(current, 'replaced');
    await ledger.runs.recordRemoval(next, 'replaced');
    for (const epoch of [undefined, 1, 2]) {
      expect(ids(await ledger.standingOrders.forget(refOf(tenant), 'a-client', epoch))).toEqual(
        [running, failed].sort(),
      );
    }
    expect(await find(tenant)).toMatchObject({ epoch: 2, version: 2 });
    const lines = (await ledger.audit.list(tenant, 99)).filter(({ action }) => action === 'periodic.deleted');
    expect(lines).toHaveLength(1);
  });

  test('of an earlier epoch leaves later settings and their generations alone', async () => {
    const tenant = await addEnabled();
    const old = await addCommitted(tenant);
    await ledger.standingOrders.forget(refOf(tenant), 'a-client', 1);
    await enable(tenant);
    const current = await addCommitted(tenant);
    const before = await find(tenant);
    expect(ids(await ledger.standingOrders.forget(refOf(tenant), 'a-client', 1))).toEqual([old]);
    expect(await find(tenant)).toEqual(before);
    expect(before).toMatchObject({ enabled: true, epoch: 3, currentRunId: current });
  });

  test('of what never was is nothing', async () => {
    expect(await ledger.standingOrders.forget(refOf(`t-${randomUUID()}`), 'a-client')).toEqual([]);
  });
});

describe('rotating', () => {
  test('begins an epoch without generation, in which no older run publishes', async () => {
    const tenant = await addEnabled();
    const current = await addCommitted(tenant);
    const running = await begin(tenant);
    const outdated = await ledger.standingOrders.rotate(rotation(tenant));
    expect(await find(tenant)).toMatchObject({
      enabled: true,
      recipient: 'age1new',
      ownRecipient: true,
      epoch: 2,
      version: 2,
      currentRunId: null,
    });
    expect(ids(outdated)).toEqual([current, running].sort());
    expect(await ledger.runs.find(current)).toMatchObject({ current: false, epoch: 1, removeAfter: expect.any(Date) });
    expect(await commit(running)).toBe(false);
    await fail(running);
    const next = await begin(tenant);
    expect(await commit(next)).toBe(true);
    expect((await ledger.audit.list(tenant, 3)).map(({ action }) => action)).toContain('periodic.rotated');
  });

  test.each(['never', 'disabled', 'forgotten'])('is refused where settings are %s', async (how) => {
    const tenant = how === 'never' ? await addTenant(ledger) : await addEnabled();
    if (how === 'disabled') await ledger.standingOrders.disable(refOf(tenant), 'a-client');
    if (how === 'forgotten') await ledger.standingOrders.forget(refOf(tenant), 'a-client');
    const before = await find(tenant);
    await expect(ledger.standingOrders.rotate(rotation(tenant))).rejects.toEqual(failsWith('not_enabled'));
    expect(await find(tenant)).toEqual(before);
  });
});

test('the schema refuses a standing order that is enabled without a recipient', async () => {
  const tenant = await addEnabled();
  await expect(raw.query('update standing_orders set recipient = null where tenant = $1', [tenant])).rejects.toThrow(
    'check constraint',
  );
});
