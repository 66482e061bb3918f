import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Order } from '../contracts/order.ts';
import { type RunStatus, runStatus } from '../contracts/run.ts';
import type { RunFilter } from '../stores/ledger/ports.ts';
import { CANCELLED, FAILED, failsWith, newRun, orderOf, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger, explain } = await useLedger();

async function request(tenant: string, requestedAt: Date, more: Partial<Order> = {}): Promise<string> {
  const { runId } = (await ledger.runs.request(newRun({ requestedAt, order: orderOf(tenant, more) }))).run;
  return runId;
}

async function list(tenant: string, filter: Partial<RunFilter> = {}): Promise<readonly string[]> {
  const page = await ledger.runs.list(tenant, { kind: 'on-demand', ...filter }, { cursor: null, limit: 50 });
  return page.rows.map(({ runId }) => runId);
}

describe('a list of runs', () => {
  async function walk(tenant: string, limit: number, between: () => Promise<void>) {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await ledger.runs.list(tenant, { kind: 'on-demand' }, { cursor, limit });
      expect(page.rows.length).toBeLessThanOrEqual(limit);
      seen.push(...page.rows.map(({ runId }) => runId));
      cursor = page.next;
      await between();
    } while (cursor !== null);
    return seen;
  }

  test('pages through every run once, newest first, ties included, while others are added', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (ages, limit) => {
          const tenant = `t-${randomUUID()}`;
          const base = Date.parse('2026-11-21T00:00:00.000Z');
          const made = await Promise.all(
            ages.map(async (age) => ({ age, id: await request(tenant, new Date(base - age)) })),
          );
          const seen = await walk(tenant, limit, async () => {
            await request(tenant, new Date(base + 1000));
          });
          const known = new Map<string, number>(made.map(({ age, id }) => [id, age]));
          const mine = seen.filter((id) => known.has(id));
          expect(new Set(seen).size).toBe(seen.length);
          expect([...mine].sort()).toEqual(made.map(({ id }) => id).sort());
          const order = mine.map((id) => known.get(id) ?? -1);
          expect(order).toEqual([...order].sort((a, b) => a - b));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('filters by subject without regard to case, and shows no other tenant and no other kind', async () => {
    const tenant = `t-${randomUUID()}`;
    const flights = await request(tenant, new Date(1), { dataset: 'Flights' });
    const users = await request(tenant, new Date(2), { dataset: 'USERS' });
    await request(`t-${randomUUID()}`, new Date());
    expect(await list(tenant)).toEqual([users, flights]);
    expect(await list(tenant, { kind: 'periodic' })).toEqual([]);
    expect(await list(tenant, { subject: 'fLIGHTS' })).toEqual([flights]);
    expect(await list(tenant, { subject: "flights' or '1'='1" })).toEqual([]);
    expect(await list(tenant, { subject: '\0' })).toEqual([]);
    expect(await list('\0')).toEqual([]);
    expect(await ledger.runs.countActive(tenant, 'on-demand')).toBe(2);
    expect(await ledger.runs.countActive(tenant, 'periodic')).toBe(0);
  });

  test('filters by status as each run would be shown, to the millisecond of its expiry', async () => {
    const tenant = `t-${randomUUID()}`;
    const expiresAt = new Date('2026-11-21T07:00:00.000Z');
    const add = async (how: (runId: string) => Promise<unknown>) => {
      const run = newRun({ tenant });
      await ledger.runs.begin(run);
      await how(run.runId);
      return run.runId;
    };
    const commit = (runId: string) => ledger.runs.commit(runId, { ...TOTALS, retention: { expiresAt } });
    const remove = (removal: 'expired' | 'deleted' | 'replaced') => async (runId: string) => {
      await commit(runId);
      await ledger.runs.recordRemoval(runId, removal);
    };
    const ids = [
      await request(tenant, new Date()),
      await add(async () => undefined),
      await add(commit),
      await add((runId) => ledger.runs.end(runId, FAILED)),
      await add(async (runId) => {
        await ledger.runs.end(runId, CANCELLED);
        await ledger.runs.recordRemoval(runId, 'deleted');
      }),
      await add(remove('expired')),
      await add(remove('deleted')),
      await add(remove('replaced')),
    ];
    const runs = await Promise.all(ids.map((id) => ledger.runs.find(id)));
    const all: readonly RunStatus[] = [
      ...(['pending', 'running', 'completed', 'failed', 'cancelled'] as const),
      ...(['expired', 'deleted', 'replaced'] as const),
    ];
    for (const ms of [-1, 0]) {
      const now = new Date(expiresAt.getTime() + ms);
      for (const status of all) {
        const shown = runs.flatMap((run) => (run && runStatus(run, now) === status ? [run.runId] : []));
        expect((await list(tenant, { statuses: { anyOf: [status], now } })).toSorted()).toEqual(shown.toSorted());
        expect(shown.length, status).toBe(status === 'completed' ? Math.abs(ms) : status === 'expired' ? 2 + ms : 1);
      }
      expect(await list(tenant, { statuses: { anyOf: all, now } })).toHaveLength(ids.length);
      expect(await list(tenant, { statuses: { anyOf: [], now } })).toEqual([]);
    }
  });

  test.each(['x', '%%%', "' or 1=1", '\0', Buffer.from('zzzzzzzzzzz.x').toString('base64url')])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(ledger.runs.list('t', { kind: 'on-demand' }, { cursor, limit: 1 })).rejects.toEqual(
        failsWith('invalid_field', 'cursor'),
      );
    },
  );
});

test('every question about runs is served by an index', async () => {
  const newest = 'order by requested_at desc, run_id desc limit 51';
  const after = '(requested_at, run_id) < (now(), gen_random_uuid())';
  const asked = {
    runs_newest: `select * from runs where tenant = 'x' and kind = 'periodic' and ${after} ${newest}`,
    runs_newest_of_subject: `select * from runs where tenant = 'x' and kind = 'k' and lower(subject) = 'y' ${newest}`,
    runs_active: `select count(*) from runs where tenant = 'x' and state in ('pending', 'running')`,
    runs_current: `update runs set current = false where tenant = 'x' and series = 's' and current`,
    runs_due: 'select * from runs where remove_after <= now() and removed_at is null order by remove_after limit 200',
    runs_unremoved: `select * from runs where standing_order_id = gen_random_uuid() and epoch < 3 and removed_at is null`,
  };
  const current = `tenant = 'x' and kind = 'k' and current and (expires_at is null or expires_at > now())`;
  const statements = [
    ...Object.entries(asked),
    ['runs_current', `select * from runs where ${current} order by series`],
  ];
  for (const [index, statement = ''] of statements) {
    const plan = await explain(statement);
    expect(plan).toMatch(new RegExp(`${index}\\b`));
    expect(plan).not.toContain('Sort');
  }
});
