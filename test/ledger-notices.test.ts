import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ledger.ts';
import { addEnabled, addPublished, BROKEN, begin, cancel, fail, publish } from './ledger-periodic-set-up.ts';
import { type StartedLedger, startLedger } from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

const noticesOf = (tenant: string) => ledger.listDueNotices(tenant);

describe('a series of failures', () => {
  test('leaves one notice when it begins and one when it ends, however often each call is repeated', async () => {
    const tenant = await addEnabled(ledger);
    const ids = [await begin(ledger, tenant), await begin(ledger, tenant), await begin(ledger, tenant)];
    const [first = '', second = '', third = ''] = ids;
    await Promise.all([fail(ledger, first), fail(ledger, first), fail(ledger, first)]);
    const failingSince = (await ledger.findPeriodic(tenant))?.failingSince;
    expect(failingSince).toEqual((await ledger.findGeneration(first))?.endedAt);
    await Promise.all([fail(ledger, second), fail(ledger, second)]);
    expect((await ledger.findPeriodic(tenant))?.failingSince).toEqual(failingSince);
    expect(await noticesOf(tenant)).toEqual([
      { noticeId: expect.any(String), tenant, kind: 'failed', generationId: first, failingSince, failure: BROKEN },
    ]);

    await Promise.all([publish(ledger, tenant, third), publish(ledger, tenant, third)]);
    expect((await ledger.findPeriodic(tenant))?.failingSince).toBeNull();
    expect(await noticesOf(tenant)).toEqual([
      { noticeId: expect.any(String), tenant, kind: 'failed', generationId: first, failingSince, failure: BROKEN },
      { noticeId: expect.any(String), tenant, kind: 'recovered', generationId: third, failingSince, failure: null },
    ]);
    await addPublished(ledger, tenant);
    expect(await noticesOf(tenant)).toHaveLength(2);

    await fail(ledger, await begin(ledger, tenant));
    expect((await noticesOf(tenant)).map(({ kind }) => kind).sort()).toEqual(['failed', 'failed', 'recovered']);
  });

  test('begins once when several runs fail at once', async () => {
    const tenant = await addEnabled(ledger);
    const ids = await Promise.all(Array.from({ length: 8 }, () => begin(ledger, tenant)));
    await Promise.all(ids.map((id) => fail(ledger, id)));
    expect(await noticesOf(tenant)).toHaveLength(1);
  });

  test('is not begun by a cancel, nor by a run of another epoch', async () => {
    const tenant = await addEnabled(ledger);
    await cancel(ledger, await begin(ledger, tenant));
    const running = await begin(ledger, tenant);
    await ledger.rotatePeriodic({ tenant, recipient: 'age1', ownRecipient: false, actor: 'a' });
    await fail(ledger, running);
    expect(await noticesOf(tenant)).toEqual([]);
    expect((await ledger.findPeriodic(tenant))?.failingSince).toBeNull();
  });

  test('that a rotation falls into is ended by the first success after it', async () => {
    const tenant = await addEnabled(ledger);
    await fail(ledger, await begin(ledger, tenant));
    await ledger.rotatePeriodic({ tenant, recipient: 'age1', ownRecipient: false, actor: 'a' });
    await addPublished(ledger, tenant);
    expect(await noticesOf(tenant)).toMatchObject([{ kind: 'failed' }, { kind: 'recovered' }]);
  });
});

describe('a notice', () => {
  test('that was sent is due no more, and is in the trail once, without an address', async () => {
    const tenant = await addEnabled(ledger);
    const id = await begin(ledger, tenant);
    await fail(ledger, id);
    const [notice] = await ledger.listDueNotices(tenant);
    const noticeId = notice?.noticeId ?? '';
    await Promise.all([ledger.recordNoticeSent(noticeId, 2), ledger.recordNoticeSent(noticeId, 2)]);
    expect(await ledger.listDueNotices(tenant)).toEqual([]);
    const lines = (await ledger.listAudit(tenant, 99)).filter(({ action }) => action === 'notice.sent');
    expect(lines).toMatchObject([{ actor: 'waybill', exportId: id, detail: { kind: 'failed', recipients: 2 } }]);
  });

  test('that nobody can get counts as sent to nobody', async () => {
    const tenant = await addEnabled(ledger);
    const id = await begin(ledger, tenant);
    await fail(ledger, id);
    const [notice] = await ledger.listDueNotices(tenant);
    await ledger.recordNoticeSent(notice?.noticeId ?? '', 0);
    expect(await ledger.listDueNotices(tenant)).toEqual([]);
  });
});
