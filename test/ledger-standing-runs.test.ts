import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  addTenant,
  CANCELLED,
  FAILED,
  GRACE_SECONDS,
  refOf,
  rotation,
  runOf,
  standingSteps,
  TOTALS,
  useLedger,
} from './ledger-set-up.ts';

const { ledger } = await useLedger();
const { addCommitted, addEnabled, begin, cancel, commit, enable, fail, find, listRuns } = standingSteps(ledger);

describe('a run of a standing order', () => {
  test('begins under the standing order of the moment, once', async () => {
    const tenant = await addEnabled();
    const run = runOf(tenant);
    const standingOrder = await find(tenant);
    const answers = await Promise.all([1, 2, 3].map(() => ledger.runs.begin(run)));
    for (const answer of answers) expect(answer).toEqual({ outcome: 'begun', standingOrder, changes: null });
    expect(await listRuns(tenant)).toMatchObject([
      {
        ...run,
        series: `periodic|${tenant}`,
        standingOrderId: standingOrder?.standingOrderId,
        epoch: 1,
        order: null,
        state: 'running',
        requestedAt: run.startedAt,
        endedAt: null,
      },
    ]);
  });

  test.each(['never', 'off', 'forgotten', 'tenant disabled', 'tenant unknown'])('does not begin: %s', async (how) => {
    const tenant = how === 'tenant unknown' ? `t-${randomUUID()}` : await addTenant(ledger);
    if (how !== 'never') await enable(tenant);
    if (how === 'off') await ledger.standingOrders.disable(refOf(tenant), 'a-client');
    if (how === 'forgotten') await ledger.standingOrders.forget(refOf(tenant), 'a-client');
    if (how === 'tenant disabled') await ledger.tenants.disable(tenant);
    expect(await ledger.runs.begin(runOf(tenant))).toEqual({ outcome: 'off' });
    expect(await listRuns(tenant)).toEqual([]);
  });

  test('whose first answer was lost does not begin under another epoch, and is ended', async () => {
    const tenant = await addEnabled();
    const run = runOf(tenant);
    await ledger.runs.begin(run);
    expect(await ledger.standingOrders.rotate(rotation(tenant))).toMatchObject([{ runId: run.runId }]);
    expect(await ledger.runs.begin(run)).toEqual({ outcome: 'off' });
    expect(await ledger.runs.find(run.runId)).toMatchObject({ state: 'cancelled', failure: { code: 'replaced' } });
    expect(await ledger.notices.due(tenant)).toEqual([]);
  });

  test('waits for one that is active, and ends it if its workflow is gone', async () => {
    const tenant = await addEnabled();
    const lost = await begin(tenant);
    const next = runOf(tenant);
    expect(await ledger.runs.begin(next)).toMatchObject({ outcome: 'busy', other: { runId: lost } });
    expect(await ledger.runs.find(next.runId)).toBeUndefined();
    expect(await ledger.runs.begin(next, lost)).toMatchObject({ outcome: 'begun' });
    expect(await ledger.runs.find(lost)).toMatchObject({ state: 'failed', failure: { code: 'internal' } });
    expect(await ledger.notices.due(tenant)).toMatchObject([{ kind: 'failed', runId: lost }]);
    expect(await commit(lost)).toBe(false);
    expect(await commit(next.runId)).toBe(true);
    expect((await ledger.notices.due(tenant)).map(({ kind }) => kind)).toEqual(['failed', 'recovered']);
  });

  test('commits in place of the one before, whose files stay for the grace period, and says so when asked again', async () => {
    const tenant = await addEnabled();
    const first = await addCommitted(tenant);
    expect(await ledger.runs.current(tenant, `periodic|${tenant}`)).toMatchObject({ runId: first, current: true });
    const second = await begin(tenant);
    const before = await find(tenant);
    expect(await commit(second)).toBe(true);
    expect(await find(tenant)).toEqual({ ...before, currentRunId: second });
    const current = await ledger.runs.find(second);
    expect(current).toMatchObject({ ...TOTALS, state: 'completed', current: true, epoch: 1, removeAfter: null });
    expect(current?.previousRunId).toBe(first);
    const replaced = await ledger.runs.find(first);
    expect(replaced).toMatchObject({ ...TOTALS, state: 'completed', current: false, removal: null });
    const graceMs = (replaced?.removeAfter?.getTime() ?? 0) - (current?.endedAt?.getTime() ?? 0);
    expect(graceMs).toBe(GRACE_SECONDS * 1000);
    expect(await commit(second)).toBe(true);

    await addCommitted(tenant);
    expect(await commit(second)).toBe(true);
    await ledger.runs.recordRemoval(second, 'replaced');
    expect(await ledger.runs.find(second)).toMatchObject({ state: 'completed', removal: 'replaced' });
    expect(await commit(second)).toBe(true);
    const lines = (await ledger.audit.list(tenant, 99)).filter(({ runId }) => runId === second);
    const { files, rows, bytes } = TOTALS;
    expect(lines).toMatchObject([{ actor: 'waybill', action: 'periodic.published', detail: { files, rows, bytes } }]);
  });

  test('that is current keeps its files, whoever says that they are gone', async () => {
    const tenant = await addEnabled();
    const current = await addCommitted(tenant);
    const before = await ledger.runs.find(current);
    for (const removal of ['replaced', 'deleted', 'expired'] as const)
      await ledger.runs.recordRemoval(current, removal);
    expect(await ledger.runs.find(current)).toEqual(before);
  });

  test.each(['off', 'rotated', 'forgotten', 'enabled anew', 'never begun', 'failed'])(
    'does not commit: %s',
    async (how) => {
      const tenant = await addEnabled();
      const before = await addCommitted(tenant);
      const runId = how === 'never begun' ? randomUUID() : await begin(tenant);
      if (how === 'off') await ledger.standingOrders.disable(refOf(tenant), 'a');
      if (how === 'rotated') await ledger.standingOrders.rotate(rotation(tenant));
      if (how === 'forgotten' || how === 'enabled anew') await ledger.standingOrders.forget(refOf(tenant), 'a');
      if (how === 'enabled anew') await enable(tenant);
      if (how === 'failed') await fail(runId);
      const [standingOrder, runs] = [await find(tenant), await listRuns(tenant)];
      expect(await commit(runId)).toBe(false);
      expect(await find(tenant)).toEqual(standingOrder);
      expect(await listRuns(tenant)).toEqual(runs);
      if (how === 'off' || how === 'failed') expect(standingOrder?.currentRunId).toBe(before);
    },
  );

  test.each([
    [fail, 'failed', 'periodic.failed', FAILED.failure],
    [cancel, 'cancelled', 'periodic.cancelled', CANCELLED.failure],
  ] as const)('ends once, with its cause and one line in the trail', async (end, state, action, failure) => {
    const tenant = await addEnabled();
    const id = await begin(tenant);
    await Promise.all([end(id), end(id)]);
    expect(await ledger.runs.find(id)).toMatchObject({ state, failure, endedAt: expect.any(Date) });
    const lines = (await ledger.audit.list(tenant, 99)).filter(({ runId }) => runId === id);
    expect(lines).toMatchObject([{ actor: 'waybill', action, detail: { ...failure } }]);
  });

  test('is listed newest first, as many as asked for', async () => {
    const tenant = await addEnabled();
    for (const day of ['03', '01', '02']) {
      const run = { ...runOf(tenant), startedAt: new Date(`2026-11-${day}`) };
      await ledger.runs.begin(run);
      await commit(run.runId);
    }
    const listed = (await listRuns(tenant, 2)).map(({ startedAt }) => startedAt?.getUTCDate());
    expect(listed).toEqual([3, 2]);
  });
});
