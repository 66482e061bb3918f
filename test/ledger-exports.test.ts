import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Order } from '../contracts/order.ts';
import { EXPORT_STATES, type ExportState } from '../contracts/progress.ts';
import type { Ledger } from '../stores/ledger/ledger.ts';
import {
  CANCELLED,
  COMPLETED,
  FAILED,
  failsWith,
  orderOf,
  recordExport,
  type StartedLedger,
  startLedger,
} from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

const newExport = (tenant: string, requestedAt = new Date(), more: Partial<Order> = {}) =>
  recordExport(ledger, tenant, requestedAt, more);

describe('an export', () => {
  test('comes back as it was recorded, whoever records it again', async () => {
    const tenant = `t-${randomUUID()}`;
    const requestedAt = new Date('2026-11-21T07:41:13.999Z');
    const exportId = await newExport(tenant, requestedAt);
    await ledger.recordOrder({ exportId, workflowId: 'other', order: orderOf('other'), requestedAt: new Date() });
    expect(await ledger.findExport(exportId)).toEqual({
      exportId,
      workflowId: `w-${exportId}`,
      tenant,
      order: orderOf(tenant),
      state: 'pending',
      requestedAt,
      startedAt: null,
      endedAt: null,
      snapshotAt: null,
      rows: null,
      bytes: null,
      contentBytes: null,
      parts: null,
      expiresAt: null,
      failure: null,
      linksRevokedAt: null,
    });
  });

  test('holds how it completed, counts beyond 32 bits and microseconds included', async () => {
    const exportId = await newExport(`t-${randomUUID()}`);
    await ledger.recordStart(exportId);
    await ledger.recordOutcome(exportId, COMPLETED);
    const found = await ledger.findExport(exportId);
    expect(found).toMatchObject(COMPLETED);
    expect(found?.startedAt).toBeInstanceOf(Date);
    expect(found?.endedAt).toBeInstanceOf(Date);
    expect(found?.failure).toBeNull();
  });

  const steps = {
    start: (id: string) => ledger.recordStart(id),
    complete: (id: string) => ledger.recordOutcome(id, COMPLETED),
    fail: (id: string) => ledger.recordOutcome(id, FAILED),
    cancel: (id: string) => ledger.recordOutcome(id, CANCELLED),
    expire: (id: string) => ledger.recordRemoval(id, 'expired'),
    delete: (id: string) => ledger.recordRemoval(id, 'deleted'),
  };
  type Step = keyof typeof steps;

  const reach: Record<ExportState, readonly Step[]> = {
    pending: [],
    running: ['start'],
    completed: ['start', 'complete'],
    failed: ['start', 'fail'],
    cancelled: ['start', 'cancel'],
    expired: ['start', 'complete', 'expire'],
    deleted: ['start', 'complete', 'delete'],
  };
  const moves: Record<ExportState, Partial<Record<Step, ExportState>>> = {
    pending: { start: 'running', complete: 'completed', fail: 'failed', cancel: 'cancelled' },
    running: { complete: 'completed', fail: 'failed', cancel: 'cancelled' },
    completed: { expire: 'expired', delete: 'deleted' },
    failed: { delete: 'deleted' },
    cancelled: { delete: 'deleted' },
    expired: {},
    deleted: {},
  };
  const table = EXPORT_STATES.flatMap((from) =>
    (Object.keys(steps) as Step[]).map((step) => ({ from, step, to: moves[from][step] ?? from })),
  );

  test.each(table)('that is $from, on $step, is $to', async ({ from, step, to }) => {
    const exportId = await newExport(`t-${randomUUID()}`);
    for (const before of reach[from]) await steps[before](exportId);
    const earlier = await ledger.findExport(exportId);
    expect(earlier?.state).toBe(from);
    await steps[step](exportId);
    const later = await ledger.findExport(exportId);
    expect(later?.state).toBe(to);
    if (from === to) expect(later).toEqual(earlier);
  });

  test('ends once, whoever comes first, with one line in the trail', async () => {
    const tenant = `t-${randomUUID()}`;
    const exportId = await newExport(tenant);
    await Promise.all([COMPLETED, FAILED, CANCELLED].map((outcome) => ledger.recordOutcome(exportId, outcome)));
    const found = await ledger.findExport(exportId);
    const trail = await ledger.listAudit(tenant, 10);
    expect(trail).toHaveLength(1);
    expect(trail[0]).toMatchObject({ actor: 'waybill', action: `export.${found?.state}`, exportId });
  });

  test('is put back from its manifest, over an active one, never over a finished one', async () => {
    const tenant = `t-${randomUUID()}`;
    const endedAt = new Date('2026-01-02T03:04:05.678Z');
    const entry = { exportId: randomUUID(), workflowId: 'w', order: orderOf(tenant), requestedAt: endedAt };
    expect(await ledger.restoreExport(entry, COMPLETED, endedAt)).toBe(true);
    expect(await ledger.findExport(entry.exportId)).toMatchObject({ ...COMPLETED, endedAt, order: entry.order });
    expect(await ledger.restoreExport(entry, COMPLETED, new Date())).toBe(false);

    const active = await newExport(tenant);
    expect(await ledger.restoreExport({ ...entry, exportId: active }, COMPLETED, endedAt)).toBe(true);
    expect(await ledger.findExport(active)).toMatchObject({ workflowId: `w-${active}`, state: 'completed', endedAt });
  });

  test.each(['', 'x', "'; drop table exports; --", '\0', randomUUID()])('is not found under %j', async (id) => {
    expect(await ledger.findExport(id)).toBeUndefined();
  });

  test('has its links revoked', async () => {
    const exportId = await newExport(`t-${randomUUID()}`);
    await ledger.revokeLinks(exportId);
    expect((await ledger.findExport(exportId))?.linksRevokedAt).toBeInstanceOf(Date);
  });
});

describe('a list of exports', () => {
  async function walk(tenant: string, limit: number, between: () => Promise<void> = async () => undefined) {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await ledger.listExports(tenant, {}, { cursor, limit });
      expect(page.rows.length).toBeLessThanOrEqual(limit);
      seen.push(...page.rows.map((row) => row.exportId));
      cursor = page.next;
      await between();
    } while (cursor !== null);
    return seen;
  }

  test('pages through every export once, newest first, ties included, while others are added', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (ages, limit) => {
          const tenant = `t-${randomUUID()}`;
          const base = Date.parse('2026-11-21T00:00:00.000Z');
          const made = await Promise.all(
            ages.map(async (age) => ({ age, id: await newExport(tenant, new Date(base - age)) })),
          );
          const seen = await walk(tenant, limit, async () => {
            await newExport(tenant, new Date(base + 1000));
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

  test('filters by state and by dataset without regard to case, and shows no other tenant', async () => {
    const tenant = `t-${randomUUID()}`;
    const flights = await newExport(tenant, new Date(1), { dataset: 'Flights' });
    const users = await newExport(tenant, new Date(2), { dataset: 'USERS' });
    await newExport(`t-${randomUUID()}`);
    await ledger.recordOutcome(users, FAILED);
    const list = async (filter: Parameters<Ledger['listExports']>[1]) =>
      (await ledger.listExports(tenant, filter, { cursor: null, limit: 10 })).rows.map((row) => row.exportId);
    expect(await list({})).toEqual([users, flights]);
    expect(await list({ dataset: 'fLIGHTS' })).toEqual([flights]);
    expect(await list({ states: ['failed', 'cancelled'] })).toEqual([users]);
    expect(await list({ states: ['failed'], dataset: 'flights' })).toEqual([]);
    expect(await list({ states: [] })).toEqual([]);
    expect(await list({ dataset: "flights' or '1'='1" })).toEqual([]);
    expect(await list({ dataset: '\0' })).toEqual([]);
    expect(await ledger.countActive(tenant)).toBe(1);
  });

  test.each(['x', '%%%', "' or 1=1", '\0', Buffer.from('zzzzzzzzzzz.x').toString('base64url')])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(ledger.listExports('t', {}, { cursor, limit: 1 })).rejects.toEqual(
        failsWith('invalid_field', 'cursor'),
      );
    },
  );

  test('is served by an index, and so is the count of active exports', async () => {
    await started.raw.query('analyze exports');
    await started.raw.query('set enable_seqscan = off');
    const plan = async (text: string) =>
      (await started.raw.query<{ 'QUERY PLAN': string }>(`explain ${text}`)).rows
        .map((row) => row['QUERY PLAN'])
        .join('\n');
    const newest = 'order by requested_at desc, export_id desc limit 51';
    const list = await plan(
      `select * from exports where tenant = 'x' and (requested_at, export_id) < (now(), gen_random_uuid()) ${newest}`,
    );
    expect(list).toContain('exports_newest');
    expect(list).not.toContain('Sort');
    expect(await plan(`select count(*) from exports where tenant = 'x' and state in ('pending', 'running')`)).toContain(
      'exports_active',
    );
    await started.raw.query('reset enable_seqscan');
  });
});
