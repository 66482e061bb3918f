import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ports.ts';
import { type StartedLedger, startLedger } from './ledger-set-up.ts';
import {
  addCommitted,
  addEnabled,
  BROKEN,
  begin,
  cancel,
  commit,
  fail,
  find,
  rotation,
} from './ledger-standing-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

const noticesOf = (tenant: string) => ledger.notices.due(tenant);

describe('a series of failures', () => {
  test('leaves one notice when it begins and one when it ends, however often each call is repeated', async () => {
    const tenant = await addEnabled(ledger);
    const first = await begin(ledger, tenant);
    await Promise.all([fail(ledger, first), fail(ledger, first), fail(ledger, first)]);
    const failingSince = (await find(ledger, tenant))?.failingSince;
    expect(failingSince).toEqual((await ledger.runs.find(first))?.endedAt);
    const second = await begin(ledger, tenant);
    await Promise.all([fail(ledger, second), fail(ledger, second)]);
    expect((await find(ledger, tenant))?.failingSince).toEqual(failingSince);
    expect(await noticesOf(tenant)).toEqual([
      { noticeId: expect.any(String), tenant, kind: 'failed', runId: first, failingSince, failure: BROKEN },
    ]);

    const third = await begin(ledger, tenant);
    await Promise.all([commit(ledger, third), commit(ledger, third)]);
    expect((await find(ledger, tenant))?.failingSince).toBeNull();
    expect(await noticesOf(tenant)).toEqual([
      { noticeId: expect.any(String), tenant, kind: 'failed', runId: first, failingSince, failure: BROKEN },
      { noticeId: expect.any(String), tenant, kind: 'recovered', runId: third, failingSince, failure: null },
    ]);
    await addCommitted(ledger, tenant);
    expect(await noticesOf(tenant)).toHaveLength(2);

    await fail(ledger, await begin(ledger, tenant));
    expect((await noticesOf(tenant)).map(({ kind }) => kind).sort()).toEqual(['failed', 'failed', 'recovered']);
  });

  test('is not begun by a cancel, nor by a run of another epoch', async () => {
    const tenant = await addEnabled(ledger);
    await cancel(ledger, await begin(ledger, tenant));
    const running = await begin(ledger, tenant);
    await ledger.standingOrders.rotate(rotation(tenant));
    await fail(ledger, running);
    expect(await noticesOf(tenant)).toEqual([]);
    expect((await find(ledger, tenant))?.failingSince).toBeNull();
  });

  test('that a rotation falls into is ended by the first success after it', async () => {
    const tenant = await addEnabled(ledger);
    await fail(ledger, await begin(ledger, tenant));
    await ledger.standingOrders.rotate(rotation(tenant));
    await addCommitted(ledger, tenant);
    expect(await noticesOf(tenant)).toMatchObject([{ kind: 'failed' }, { kind: 'recovered' }]);
  });
});

describe('a notice', () => {
  test('that was sent is due no more, and is in the trail once, without an address', async () => {
    const tenant = await addEnabled(ledger);
    const id = await begin(ledger, tenant);
    await fail(ledger, id);
    const [notice] = await ledger.notices.due(tenant);
    const noticeId = notice?.noticeId ?? '';
    await Promise.all([ledger.notices.recordSent(noticeId, 2), ledger.notices.recordSent(noticeId, 2)]);
    expect(await ledger.notices.due(tenant)).toEqual([]);
    const lines = (await ledger.audit.list(tenant, 99)).filter(({ action }) => action === 'notice.sent');
    expect(lines).toMatchObject([{ actor: 'waybill', runId: id, detail: { kind: 'failed', recipients: 2 } }]);
  });

  test('that nobody can get counts as sent to nobody', async () => {
    const tenant = await addEnabled(ledger);
    const id = await begin(ledger, tenant);
    await fail(ledger, id);
    const [notice] = await ledger.notices.due(tenant);
    await ledger.notices.recordSent(notice?.noticeId ?? '', 0);
    expect(await ledger.notices.due(tenant)).toEqual([]);
  });
});
