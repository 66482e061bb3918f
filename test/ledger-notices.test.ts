import { describe, expect, test } from 'vitest';
import { FAILED, rotation, standingSteps, useLedger } from './ledger-set-up.ts';

const { ledger } = await useLedger();
const { addCommitted, addEnabled, begin, cancel, commit, fail, find } = standingSteps(ledger);

const noticesOf = (tenant: string) => ledger.notices.due(tenant);

describe('a series of failures', () => {
  test('leaves one notice when it begins and one when it ends, however often each call is repeated', async () => {
    const tenant = await addEnabled();
    const first = await begin(tenant);
    await Promise.all([fail(first), fail(first), fail(first)]);
    const failingSince = (await find(tenant))?.failingSince;
    expect(failingSince).toEqual((await ledger.runs.find(first))?.endedAt);
    const second = await begin(tenant);
    await Promise.all([fail(second), fail(second)]);
    expect((await find(tenant))?.failingSince).toEqual(failingSince);
    expect(await noticesOf(tenant)).toEqual([
      { noticeId: expect.any(String), tenant, kind: 'failed', runId: first, failingSince, failure: FAILED.failure },
    ]);

    const third = await begin(tenant);
    await Promise.all([commit(third), commit(third)]);
    expect((await find(tenant))?.failingSince).toBeNull();
    expect(await noticesOf(tenant)).toEqual([
      { noticeId: expect.any(String), tenant, kind: 'failed', runId: first, failingSince, failure: FAILED.failure },
      { noticeId: expect.any(String), tenant, kind: 'recovered', runId: third, failingSince, failure: null },
    ]);
    await addCommitted(tenant);
    expect(await noticesOf(tenant)).toHaveLength(2);

    await fail(await begin(tenant));
    expect((await noticesOf(tenant)).map(({ kind }) => kind).sort()).toEqual(['failed', 'failed', 'recovered']);
  });

  test('is not begun by a cancel, nor by a run of another epoch', async () => {
    const tenant = await addEnabled();
    await cancel(await begin(tenant));
    const running = await begin(tenant);
    await ledger.standingOrders.rotate(rotation(tenant));
    await fail(running);
    expect(await noticesOf(tenant)).toEqual([]);
    expect((await find(tenant))?.failingSince).toBeNull();
  });

  test('that a rotation falls into is ended by the first success after it', async () => {
    const tenant = await addEnabled();
    await fail(await begin(tenant));
    await ledger.standingOrders.rotate(rotation(tenant));
    await addCommitted(tenant);
    expect(await noticesOf(tenant)).toMatchObject([{ kind: 'failed' }, { kind: 'recovered' }]);
  });
});

describe('a notice', () => {
  test('that was sent is due no more, and is in the trail once, without an address', async () => {
    const tenant = await addEnabled();
    const id = await begin(tenant);
    await fail(id);
    const [notice] = await ledger.notices.due(tenant);
    const noticeId = notice?.noticeId ?? '';
    await Promise.all([ledger.notices.recordSent(noticeId, 2), ledger.notices.recordSent(noticeId, 2)]);
    expect(await ledger.notices.due(tenant)).toEqual([]);
    const lines = (await ledger.audit.list(tenant, 99)).filter(({ action }) => action === 'notice.sent');
    expect(lines).toMatchObject([{ actor: 'waybill', runId: id, detail: { kind: 'failed', recipients: 2 } }]);
  });

  test('that nobody can get counts as sent to nobody', async () => {
    const tenant = await addEnabled();
    const id = await begin(tenant);
    await fail(id);
    const [notice] = await ledger.notices.due(tenant);
    await ledger.notices.recordSent(notice?.noticeId ?? '', 0);
    expect(await ledger.notices.due(tenant)).toEqual([]);
  });
});
