import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RUN_STATES, type RunState } from '../contracts/run.ts';
import { CANCELLED, COMMIT, EXPIRES_AT, FAILED, newRun, orderOf, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger, raw } = await useLedger();

async function requested(more: Parameters<typeof newRun>[0] = {}) {
  const run = newRun(more);
  await ledger.runs.request(run);
  return run;
}

async function running(more: Parameters<typeof newRun>[0] = {}) {
  const run = await requested(more);
  await ledger.runs.begin(run);
  return run;
}

describe('a run', () => {
  test('comes back as it was requested, and is not changed by another request', async () => {
    const tenant = `t-${randomUUID()}`;
    const run = newRun({ tenant, requestedAt: new Date('2026-11-21T07:41:13.999Z') });
    const { run: recorded, inserted } = await ledger.runs.request(run);
    expect(inserted).toBe(true);
    expect(recorded).toEqual({
      runId: run.runId,
      number: expect.any(Number),
      tenant,
      kind: 'on-demand',
      series: run.workflowId,
      subject: 'FLIGHTS',
      workflowId: run.workflowId,
      standingOrderId: null,
      epoch: null,
      order: orderOf(tenant),
      state: 'pending',
      requestedAt: run.requestedAt,
      ...{ requestedBy: null, startsAt: null, deletedAt: null, downloadedAt: null, mailedAt: null },
      startedAt: null,
      endedAt: null,
      snapshotAt: null,
      files: null,
      parts: null,
      rows: null,
      bytes: null,
      contentBytes: null,
      manifestSha256: null,
      previousRunId: null,
      current: false,
      expiresAt: null,
      removeAfter: null,
      removedAt: null,
      attempted: null,
      recheckedAt: null,
      removal: null,
      failure: null,
      linksRevokedAt: null,
      acknowledgement: null,
    });
    const again = await ledger.runs.request({ ...run, order: orderOf('other'), requestedAt: new Date() });
    expect(again).toEqual({ run: recorded, inserted: false });
    expect(await ledger.runs.find(run.runId)).toEqual(recorded);
  });

  test('holds how it completed, counts beyond 32 bits and microseconds included', async () => {
    const run = await running();
    expect(await ledger.runs.commit(run.runId, COMMIT)).toBe(true);
    const found = await ledger.runs.find(run.runId);
    expect(found).toMatchObject({ ...TOTALS, state: 'completed', expiresAt: EXPIRES_AT, removeAfter: EXPIRES_AT });
    expect(found).toMatchObject({ startedAt: expect.any(Date), endedAt: expect.any(Date), current: false });
    expect(await ledger.runs.commit(run.runId, { ...COMMIT, rows: 1 })).toBe(true);
    expect(await ledger.runs.find(run.runId)).toEqual(found);
  });

  test('has a number of its own, by which its tenant finds it', async () => {
    const [one, other] = [await requested(), await requested()];
    const { number = 0, tenant = '' } = (await ledger.runs.find(one.runId)) ?? {};
    expect((await ledger.runs.findByNumber(tenant, 'on-demand', number))?.runId).toBe(one.runId);
    expect(await ledger.runs.findByNumber(other.order.tenant, 'on-demand', number)).toBeUndefined();
    expect(await ledger.runs.findByNumber(tenant, 'periodic', number)).toBeUndefined();
    for (const none of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      expect(await ledger.runs.findByNumber(tenant, 'on-demand', none)).toBeUndefined();
    }
  });

  test.each(['', 'x', "'; drop table runs; --", '\0', randomUUID()])('is not found under %j', async (id) => {
    expect(await ledger.runs.find(id)).toBeUndefined();
    expect(await ledger.runs.commit(id, COMMIT)).toBe(false);
    await ledger.runs.end(id, FAILED);
    await ledger.runs.recordRemoval(id, 'deleted');
    await ledger.runs.revokeLinks(id);
  });

  test('has its links revoked', async () => {
    const run = await requested();
    await ledger.runs.revokeLinks(run.runId);
    expect((await ledger.runs.find(run.runId))?.linksRevokedAt).toBeInstanceOf(Date);
  });

  test('keeps a failure that PostgreSQL could not store as it is', async () => {
    const run = await running();
    const message = 'NUL \0 and half a pair \ud800.';
    await ledger.runs.end(run.runId, { state: 'failed', failure: { code: 'internal', message } });
    const failure = { code: 'internal', message: 'NUL \uFFFD and half a pair \uFFFD.' };
    expect((await ledger.runs.find(run.runId))?.failure).toEqual(failure);
  });
});

describe('the state of a run', () => {
  type Run = ReturnType<typeof newRun>;
  const steps = {
    begin: (run: Run) => ledger.runs.begin(run),
    commit: (run: Run) => ledger.runs.commit(run.runId, COMMIT),
    fail: (run: Run) => ledger.runs.end(run.runId, FAILED),
    cancel: (run: Run) => ledger.runs.end(run.runId, CANCELLED),
    expire: (run: Run) => ledger.runs.recordRemoval(run.runId, 'expired'),
    delete: (run: Run) => ledger.runs.recordRemoval(run.runId, 'deleted'),
    request: (run: Run) => ledger.runs.request(run),
  };
  type Step = keyof typeof steps;

  const moves: Record<RunState, Partial<Record<Step, RunState>>> = {
    pending: { begin: 'running', fail: 'failed', cancel: 'cancelled' },
    running: { commit: 'completed', fail: 'failed', cancel: 'cancelled' },
    completed: {},
    failed: {},
    cancelled: {},
  };

  test('is as the state machine says after any steps, and its files go once and for one reason', async () => {
    const reached = new Set<string>();
    // Paths that chance may miss.
    const always: [Step[]][] = [[['begin', 'commit', 'expire']], [['begin', 'commit', 'delete']], [['fail', 'expire']]];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...(Object.keys(steps) as Step[])), { minLength: 1, maxLength: 7 }),
        async (taken) => {
          const run = await requested();
          let state: RunState = 'pending';
          let removal: string | null = null;
          for (const step of taken) {
            const before = await ledger.runs.find(run.runId);
            await steps[step](run);
            const gone = step === 'expire' || step === 'delete';
            if (gone && removal === null && state !== 'pending' && state !== 'running') {
              removal = state === 'completed' ? `${step}d` : 'failed';
            }
            const unchanged = moves[state][step] === undefined && before?.removal === removal;
            state = moves[state][step] ?? state;
            const after = await ledger.runs.find(run.runId);
            expect(after).toMatchObject({ state, removal });
            if (unchanged) expect(after).toEqual(before);
          }
          reached.add(`${state} ${removal}`);
        },
      ),
      { numRuns: 120, examples: always },
    );
    expect(RUN_STATES.every((state) => [...reached].some((each) => each.startsWith(state)))).toBe(true);
    expect([...reached]).toEqual(expect.arrayContaining(['completed expired', 'completed deleted', 'failed failed']));
  });

  test('ends once, whoever comes first, with one line in the trail', async () => {
    for (let round = 0; round < 10; round += 1) {
      const run = await running();
      const ends = [FAILED, CANCELLED].map((end) => ledger.runs.end(run.runId, end));
      await Promise.all([ledger.runs.commit(run.runId, COMMIT), ...ends]);
      const { state, tenant = '' } = (await ledger.runs.find(run.runId)) ?? {};
      const trail = await ledger.audit.list(tenant, 10);
      expect(trail).toMatchObject([{ actor: 'waybill', action: `export.${state}`, runId: run.runId }]);
    }
  });

  test('expires with a line in the trail', async () => {
    const run = await running();
    await ledger.runs.commit(run.runId, COMMIT);
    for (const _twice of [1, 2]) await ledger.runs.recordRemoval(run.runId, 'expired');
    const actions = (await ledger.audit.list(run.order.tenant, 9)).map(({ action }) => action);
    expect(actions).toEqual(['export.expired', 'export.completed']);
  });
});

describe('an active run of the same series', () => {
  async function predecessor() {
    const tenant = `t-${randomUUID()}`;
    const workflowId = `w-${randomUUID()}`;
    return { tenant, workflowId, lost: await running({ tenant, workflowId }) };
  }

  test('is told to whoever begins or requests another, and stays', async () => {
    const { tenant, workflowId, lost } = await predecessor();
    const next = newRun({ tenant, workflowId });
    const other = await ledger.runs.find(lost.runId);
    expect(await ledger.runs.begin(next)).toEqual({ outcome: 'busy', other });
    expect(await ledger.runs.request(next)).toEqual({ run: other, inserted: false });
    expect(await ledger.runs.begin(next, randomUUID())).toEqual({ outcome: 'busy', other });
    expect(await ledger.runs.find(next.runId)).toBeUndefined();
    expect(await ledger.runs.find(lost.runId)).toEqual(other);
  });

  test.each(['begin', 'request'] as const)('is ended as failed by %s if its workflow is gone', async (how) => {
    const { tenant, workflowId, lost } = await predecessor();
    const next = newRun({ tenant, workflowId });
    await Promise.all([1, 2, 3].map(() => ledger.runs[how](next, lost.runId)));
    expect(await ledger.runs.find(lost.runId)).toMatchObject({
      state: 'failed',
      failure: { code: 'internal', message: 'The run was lost before it finished.' },
      removeAfter: expect.any(Date),
    });
    const state = how === 'begin' ? 'running' : 'pending';
    expect(await ledger.runs.find(next.runId)).toMatchObject({ state });
    const failed = (await ledger.audit.list(tenant, 9)).filter(({ action }) => action === 'export.failed');
    expect(failed).toMatchObject([{ runId: lost.runId }]);
  });

  test('is one at the most, whoever of many begins at once', async () => {
    const { tenant, workflowId } = newRunOfSeries();
    const runs = Array.from({ length: 12 }, () => newRun({ tenant, workflowId }));
    const results = await Promise.all(runs.map((run) => ledger.runs.begin(run)));
    expect(results.filter(({ outcome }) => outcome === 'begun')).toHaveLength(1);
    expect(results.filter(({ outcome }) => outcome === 'busy')).toHaveLength(11);
    expect(await ledger.runs.countActive(tenant, 'on-demand')).toBe(1);
  });

  test('of another tenant, or one that has ended, is no obstacle', async () => {
    const { tenant, workflowId } = newRunOfSeries();
    const run = await running({ tenant, workflowId });
    await ledger.runs.end(run.runId, FAILED);
    expect(await ledger.runs.begin(newRun({ tenant, workflowId }))).toMatchObject({ outcome: 'begun' });
    expect(await ledger.runs.begin(newRun({ workflowId }))).toMatchObject({ outcome: 'begun' });
    expect(await ledger.runs.begin(run)).toEqual({ outcome: 'off' });
  });

  const newRunOfSeries = () => ({ tenant: `t-${randomUUID()}`, workflowId: `w-${randomUUID()}` });
});

describe('removal', () => {
  test('is due at its time, longest due first, until it is recorded', async () => {
    const now = new Date('2001-01-01T00:00:00.000Z');
    const expiring = async (expiresAt: string) => {
      const { runId } = await running();
      await ledger.runs.commit(runId, { ...TOTALS, retention: { expiresAt: new Date(expiresAt) } });
      return runId;
    };
    const [second, first, later] = [
      await expiring('2001-01-01T00:00:00.000Z'),
      await expiring('2000-12-31T23:59:59.999Z'),
      await expiring('2001-01-01T00:00:00.001Z'),
    ];
    const due = async (limit = 9) => (await ledger.runs.dueForRemoval(now, limit)).map(({ runId }) => runId);
    expect(await due()).toEqual([first, second]);
    expect(await due(1)).toEqual([first]);
    await ledger.runs.recordRemoval(first, 'expired');
    expect(await due()).toEqual([second]);
    await ledger.runs.recordRemoval(second, 'deleted');
    expect(await due()).toEqual([]);
    expect(await ledger.runs.find(later)).toMatchObject({ removal: null, removedAt: null });
  });

  test('of a run that failed or was cancelled is due at once', async () => {
    for (const end of [FAILED, CANCELLED]) {
      const { runId } = await running();
      await ledger.runs.end(runId, end);
      const due = await ledger.runs.dueForRemoval(new Date(Date.now() + 60_000), 1000);
      expect(due.map((run) => run.runId)).toContain(runId);
      await ledger.runs.recordRemoval(runId, 'replaced');
      expect(await ledger.runs.find(runId)).toMatchObject({ ...end, removal: 'failed', removedAt: expect.any(Date) });
    }
  });
});

describe('a run that is restored from its manifest', () => {
  const endedAt = new Date('2026-01-02T03:04:05.678Z');

  test('is completed, over an active one, never over one that has ended', async () => {
    const run = newRun();
    const restored = { ...TOTALS, ...run, endedAt, expiresAt: EXPIRES_AT };
    const { requestedAt: _, ...found } = restored;
    expect(await ledger.runs.restore(found)).toBe(true);
    expect(await ledger.runs.find(run.runId)).toMatchObject({ ...found, state: 'completed', removeAfter: EXPIRES_AT });
    expect(await ledger.runs.restore({ ...found, endedAt: new Date() })).toBe(false);

    const active = await requested({ tenant: run.order.tenant });
    expect(await ledger.runs.restore({ ...found, runId: active.runId })).toBe(true);
    expect(await ledger.runs.find(active.runId)).toMatchObject({
      workflowId: active.workflowId,
      state: 'completed',
      endedAt,
    });
    const failed = await running();
    await ledger.runs.end(failed.runId, FAILED);
    expect(await ledger.runs.restore({ ...found, runId: failed.runId })).toBe(false);
  });
});

describe('the schema', () => {
  test.each([
    "update runs set state = 'completed' where run_id = $1",
    "update runs set state = 'failed', ended_at = now() where run_id = $1",
    `update runs set failure = '{"code":"internal"}', state = 'failed', ended_at = now() where run_id = $1`,
    'update runs set ended_at = now() where run_id = $1',
    "update runs set removed_at = now(), removal = 'deleted' where run_id = $1",
    'update runs set current = true where run_id = $1',
    'update runs set rows = 1 where run_id = $1',
    'update runs set "order" = null where run_id = $1',
    'update runs set epoch = 1 where run_id = $1',
    "update runs set state = 'done' where run_id = $1",
    "insert into notices (tenant, kind, run_id, failing_since) values ('t', 'failed', $1, now())",
  ])('refuses what no transition makes: %s', async (statement) => {
    const { runId } = await running();
    await expect(raw.query(statement, [runId])).rejects.toThrow('check constraint');
  });
});
