import { expect, test } from 'vitest';
import { addTenant, CANCELLED, COMMIT, enabling, FAILED, KIND, newRun, refOf, useLedger } from './ledger-set-up.ts';

const { ledger, raw } = await useLedger();
const WEEK_AGO = () => new Date(Date.now() - 7 * 86_400_000);

test('counts by tenant, kind and state; by cause; and what is stored', async () => {
  const { operations } = ledger;
  const tenant = await addTenant(ledger);
  for (const end of ['completed', 'completed', FAILED, CANCELLED, 'running', 'pending'] as const) {
    const run = newRun({ tenant });
    // Each is another series.
    await ledger.runs.request(run);
    if (end === 'pending') continue;
    await ledger.runs.begin(run);
    if (end === 'completed') await ledger.runs.commit(run.runId, { ...COMMIT, bytes: 7 });
    else if (end !== 'running') await ledger.runs.end(run.runId, end);
  }
  const { runs, running, waiting } = await operations.active(10);
  expect([runs.map(({ state }) => state), running, waiting]).toEqual([['running'], 1, 1]);
  const ended = await operations.endedSince(WEEK_AGO());
  expect(ended.toSorted((one, other) => one.state.localeCompare(other.state))).toMatchObject([
    { tenant, kind: 'on-demand', state: 'cancelled', runs: 1 },
    { tenant, kind: 'on-demand', state: 'completed', runs: 2 },
    { tenant, kind: 'on-demand', state: 'failed', runs: 1 },
  ]);
  expect(await operations.failuresSince(WEEK_AGO())).toMatchObject([{ code: 'source_changed', runs: 1 }]);
  expect(await operations.failedSince(WEEK_AGO(), {}, 9)).toHaveLength(1);
  expect(await operations.failedSince(WEEK_AGO(), { code: 'internal' }, 9)).toEqual([]);
  expect(await operations.storedByTenant()).toEqual([{ tenant, runs: 2, bytes: 14 }]);
  expect(await operations.endedSince(new Date(Date.now() + 60_000))).toEqual([]);
});

test('standing orders of enabled tenants, with their last runs', async () => {
  const tenant = await addTenant(ledger);
  const off = await addTenant(ledger);
  await ledger.standingOrders.put(enabling(tenant));
  await ledger.standingOrders.put(enabling(off));
  await ledger.tenants.disable(off);
  const of = async () => (await ledger.operations.standing()).filter((order) => [tenant, off].includes(order.tenant));
  expect(await of()).toMatchObject([{ tenant, kind: KIND, completedAt: null, lastRun: null }]);
  const begin = async (runId: string, startedAt: Date) => {
    const run = { ...refOf(tenant), runId, workflowId: `w-${runId}`, subject: KIND, startedAt };
    await ledger.runs.begin(run);
    return run;
  };
  const [one, two] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
  await begin(one, new Date('2026-11-21T01:30:00Z'));
  await ledger.runs.commit(one, { ...COMMIT, retention: { replaceAfterSeconds: 60 } });
  await begin(two, new Date('2026-11-22T01:30:00Z'));
  await ledger.runs.end(two, FAILED);
  expect(await of()).toMatchObject([
    {
      completedAt: new Date('2026-11-21T01:30:00Z'),
      lastRun: { runId: two, state: 'failed', failure: { code: 'source_changed' } },
    },
  ]);
  await ledger.standingOrders.disable(refOf(tenant), 'test');
  expect(await of()).toEqual([]);
});

test('each figure reads an index, with 100,000 runs of which 2,000 are of this week', async () => {
  await raw.query(`
    insert into runs (run_id, tenant, kind, series, subject, workflow_id, "order", state, requested_at, started_at, ended_at,
      snapshot_at, files, parts, rows, bytes, content_bytes, manifest_sha256, failure, removed_at, removal, rechecked_at)
    select gen_random_uuid(), 't' || n % 50, 'on-demand', 's' || n, 'USERS', 'w' || n, '{}', s.state, at, at, at,
      case when ok then repeat('2', 27) end, case when ok then 1 end, case when ok then 1 end, case when ok then 1 end,
      case when ok then n end, case when ok then n end, case when ok then repeat('a', 64) end,
      case when not ok then '{"code":"internal","message":"x"}'::jsonb end,
      at, case when ok then 'expired' else 'failed' end, at
    from generate_series(1, 100000) n,
      lateral (select case when n % 20 = 0 then 'failed' else 'completed' end as state, n % 20 <> 0 as ok,
        now() - make_interval(mins => n * 5) as at) s`);
  // The newest 5,000 are kept.
  await raw.query(
    `update runs set removed_at = null, removal = case when state = 'failed' then removal end where ended_at > now() - interval '17 days'`,
  );
  await raw.query('vacuum analyze runs');
  const week = "now() - interval '7 days'";
  for (const [statement, index, most] of [
    [
      `select tenant, kind, state, count(*), max(ended_at) from runs where ended_at >= ${week} group by 1, 2, 3`,
      'runs_ended',
      100,
    ],
    [
      `select failure ->> 'code', count(*), max(ended_at) from runs where state = 'failed' and ended_at >= ${week} group by 1`,
      'runs_failed',
      400,
    ],
    [
      `select * from runs where state = 'failed' and ended_at >= ${week} order by ended_at desc limit 200`,
      'runs_failed',
      600,
    ],
    [
      `select tenant, count(*), sum(bytes) from runs where state = 'completed' and removed_at is null group by 1`,
      'runs_stored',
      200,
    ],
    [`select state, count(*) from runs where state in ('pending', 'running') group by 1`, 'runs_', 100],
  ] as const) {
    const { rows } = await raw.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers) ${statement}`);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan, plan).not.toContain('Seq Scan');
    expect(plan).toContain(index);
    const [, hit = '0', read = '0'] = /Buffers: shared hit=(\d+)(?: read=(\d+))?/.exec(plan) ?? [];
    expect(Number(hit) + Number(read), plan).toBeLessThan(most);
  }
});
