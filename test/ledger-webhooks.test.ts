import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../contracts/instant.ts';
import { WEBHOOK_EVENTS, type WebhookEvent } from '../contracts/webhook.ts';
import type { WebhookEventRow } from '../stores/ledger/ports.ts';
import { addTenant, CANCELLED, COMMIT, FAILED, newRun, standingSteps, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger, raw, explain } = await useLedger();
const standing = standingSteps(ledger);
const URL = 'https://receiver.example/waybill';
const SECRET = Buffer.from('sealed');

const put = (tenant: string, events: readonly WebhookEvent[] = WEBHOOK_EVENTS, url: string | null = URL) =>
  ledger.webhooks.put({ tenant, url, events, secret: SECRET, actor: 'me' });

async function addTenantWithWebhook(): Promise<string> {
  const tenant = await addTenant(ledger);
  await put(tenant);
  return tenant;
}

/** The oldest first. */
const eventsOf = async (tenant: string) => (await ledger.webhookEvents.list(tenant, 100)).toReversed();
const shown = ({ type, runId, callbackUrl }: WebhookEventRow) => [type, runId, callbackUrl];

/** A run of an order that has begun. @returns its id */
async function begun(tenant: string): Promise<string> {
  const run = newRun({ tenant });
  await ledger.runs.begin(run);
  return run.runId;
}

describe('a webhook', () => {
  test('is set, changed, rotated, disabled and removed, each with its line in the trail that holds no secret', async () => {
    const tenant = await addTenant(ledger);
    expect(await put(tenant)).toMatchObject({ tenant, url: URL, secret: SECRET, version: 1, disabledAt: null });
    const other = { tenant, url: null, events: ['export.failed'] as const, secret: Buffer.from('other'), actor: 'me' };
    expect(await ledger.webhooks.put(other)).toMatchObject({ url: null, secret: SECRET, version: 2 });
    const young = Buffer.from('young');
    const rotated = await ledger.webhooks.rotate({ tenant, secret: young, actor: 'me' });
    expect(rotated).toMatchObject({ secret: young, previousSecret: SECRET, version: 2 });
    const hours = ((rotated?.previousUntil?.getTime() ?? 0) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(23.9);
    expect(hours).toBeLessThan(24.1);
    await ledger.webhooks.disable(tenant, 1);
    expect((await ledger.webhooks.find(tenant))?.disabledAt).toBeNull();
    await ledger.webhooks.disable(tenant, 2);
    expect((await ledger.webhooks.find(tenant))?.disabledAt).toBeInstanceOf(Date);
    expect(await put(tenant)).toMatchObject({ version: 3, disabledAt: null });
    expect(await ledger.webhooks.remove(tenant, 'me')).toBe(true);
    expect(await ledger.webhooks.remove(tenant, 'me')).toBe(false);
    expect(await ledger.webhooks.rotate({ tenant, secret: young, actor: 'me' })).toBeUndefined();
    const trail = await ledger.audit.list(tenant, 10);
    expect(trail.map(({ action }) => action)).toEqual([
      ...['webhook.removed', 'webhook.set', 'webhook.disabled', 'webhook.rotated', 'webhook.set', 'webhook.set'],
      'tenant.added',
    ]);
    expect(JSON.stringify(trail)).not.toMatch(/sealed|young|receiver/);
  });
});

describe('the events of an order', () => {
  test('are one for its end, however often it is recorded, and none for its beginning', async () => {
    const tenant = await addTenantWithWebhook();
    const [completed, failed, cancelled] = [await begun(tenant), await begun(tenant), await begun(tenant)];
    expect(await eventsOf(tenant)).toEqual([]);
    for (let time = 0; time < 2; time += 1) {
      await ledger.runs.commit(completed, COMMIT);
      await ledger.runs.end(completed, FAILED);
      await ledger.runs.end(failed, FAILED);
      await ledger.runs.commit(failed, COMMIT);
      await ledger.runs.end(cancelled, CANCELLED);
    }
    const events = await eventsOf(tenant);
    expect(events.map(shown)).toEqual([
      ['export.completed', completed, null],
      ['export.failed', failed, null],
      ['export.failed', cancelled, null],
    ]);
    const [first, second, third] = events;
    expect(first).toMatchObject({
      state: 'pending',
      attempts: 0,
      data: { tenant, kind: 'on-demand', rows: TOTALS.rows },
    });
    expect(second?.data).toMatchObject({ exportId: failed, failure: FAILED.failure, dataset: 'FLIGHTS' });
    expect(third?.data).toMatchObject({ failure: { code: 'cancelled' } });
    expect(JSON.stringify(events)).not.toMatch(/O'Brien|age1example|sealed/);
  });

  test('are those that the webhook wants, as long as it has an address that works', async () => {
    const tenant = await addTenant(ledger);
    const end = async () => ledger.runs.commit(await begun(tenant), COMMIT);
    await end();
    await put(tenant, ['export.failed']);
    await end();
    await put(tenant, WEBHOOK_EVENTS, null);
    await end();
    const { version } = await put(tenant);
    await ledger.webhooks.disable(tenant, version);
    await end();
    expect(await eventsOf(tenant)).toEqual([]);
    await put(tenant);
    await end();
    expect(await eventsOf(tenant)).toHaveLength(1);
  });

  test('go to each of its callbacks once, also to one that is added twice or after the end', async () => {
    const tenant = await addTenantWithWebhook();
    const runId = await begun(tenant);
    const add = (url: string, of = runId) => ledger.webhookEvents.addCallback({ runId: of, tenant, url });
    expect(
      await Promise.all([add('https://a.example/'), add('https://b.example/'), add('https://a.example/')]),
    ).toEqual([...[true, true, true]]);
    await ledger.runs.commit(runId, COMMIT);
    await add('https://a.example/');
    await add('https://late.example/');
    const targets = (await eventsOf(tenant)).map(({ callbackUrl }) => callbackUrl);
    expect(targets.toSorted()).toEqual(['https://a.example/', 'https://b.example/', 'https://late.example/', null]);
    const late = (await eventsOf(tenant)).find(({ callbackUrl }) => callbackUrl?.includes('late'));
    expect(late?.data).toEqual((await eventsOf(tenant))[0]?.data);

    const failed = await begun(tenant);
    await ledger.runs.end(failed, FAILED);
    await add('https://late.example/', failed);
    expect((await eventsOf(tenant)).filter((event) => event.runId === failed).map(shown)).toEqual([
      ['export.failed', failed, null],
      ['export.failed', failed, 'https://late.example/'],
    ]);
  });

  test('reach a callback that was recorded before its run', async () => {
    const tenant = await addTenantWithWebhook();
    const run = newRun({ tenant });
    const callback = { runId: run.runId, tenant, url: 'https://early.example/' };
    expect(await ledger.webhookEvents.addCallback(callback)).toBe(true);
    await ledger.runs.begin(run);
    await ledger.runs.commit(run.runId, COMMIT);
    expect((await eventsOf(tenant)).map(({ callbackUrl }) => callbackUrl)).toContain('https://early.example/');
  });

  test('go to 20 callbacks at most, and to none of another tenant', async () => {
    const [tenant, other] = [await addTenantWithWebhook(), await addTenantWithWebhook()];
    const runId = await begun(tenant);
    for (let place = 0; place < 20; place += 1) {
      expect(await ledger.webhookEvents.addCallback({ runId, tenant, url: `https://${place}.example/` })).toBe(true);
    }
    expect(await ledger.webhookEvents.addCallback({ runId, tenant, url: 'https://more.example/' })).toBe(false);
    expect(await ledger.webhookEvents.addCallback({ runId, tenant, url: 'https://3.example/' })).toBe(true);
    const theirs = await begun(other);
    await ledger.webhookEvents.addCallback({ runId: theirs, tenant, url: 'https://spy.example/' });
    await ledger.runs.commit(theirs, COMMIT);
    await ledger.webhookEvents.addCallback({ runId: theirs, tenant, url: 'https://spy.example/' });
    expect((await eventsOf(other)).map(shown)).toEqual([['export.completed', theirs, null]]);
    expect(await eventsOf(tenant)).toEqual([]);
  });

  test('include one callback, whatever the order in which it and the end are recorded', async () => {
    const tenant = await addTenantWithWebhook();
    const runs = await Promise.all(Array.from({ length: 20 }, () => begun(tenant)));
    await Promise.all(
      runs.flatMap((runId) => [
        ledger.runs.commit(runId, COMMIT),
        ledger.webhookEvents.addCallback({ runId, tenant, url: 'https://one.example/' }),
      ]),
    );
    const toCallback = (await eventsOf(tenant)).filter(({ callbackUrl }) => callbackUrl !== null);
    expect(toCallback.map(({ runId }) => runId).toSorted()).toEqual(runs.toSorted());
  });
});

test('the events of standing orders are one for each run, and one for the end of a series of failures', async () => {
  const tenant = await standing.addEnabled();
  await put(tenant);
  const expected: unknown[] = [];
  for (const end of ['failed', 'failed', 'cancelled', 'completed', 'completed'] as const) {
    const runId = await standing.begin(tenant);
    if (end === 'failed') await standing.fail(runId);
    if (end === 'cancelled') await standing.cancel(runId);
    if (end === 'completed') await standing.commit(runId);
    if (end !== 'cancelled') expected.push([`export.${end}`, runId, null]);
    if (end === 'completed' && expected.length === 3) expected.push(['export.recovered', runId, null]);
  }
  const events = await eventsOf(tenant);
  const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).toSorted();
  expect(sorted(events.map(shown))).toEqual(sorted(expected));
  const recovered = events.find(({ type }) => type === 'export.recovered');
  expect(recovered?.data).toMatchObject({ kind: 'periodic', rows: TOTALS.rows, failingSince: expect.any(String) });
});

describe('an entity whose columns have changed', () => {
  const kind = 'recurring';
  const recurrence = { frequency: 'daily', at: null, timeZone: null } as const;
  const offered = { user: [{ name: 'id', type: 'integer' }], seat: [{ name: 'id', type: 'integer' }] } as const;

  /** Begins a run of a day. */
  function begin(tenant: string, day: string, columns: Partial<typeof offered>) {
    const runId = randomUUID();
    return ledger.runs.begin({
      ...{ runId, workflowId: `w-${runId}`, tenant, kind, subject: 'recurring', startedAt: new Date() },
      changes: {
        period: () => ({ day, end: `${day}T00:00:00.000000Z` as Instant }),
        needsBase: () => false,
        columns: (dataset) => columns[dataset as keyof typeof offered],
      },
    });
  }

  async function delivered(): Promise<string> {
    const tenant = await addTenantWithWebhook();
    const registration = { tenant, kind, datasets: ['user', 'seat'], recurrence, startsFrom: null, actor: 'me' };
    await ledger.registrations.register(registration);
    const first = await begin(tenant, '2026-11-21', offered);
    if (first.outcome !== 'begun') throw new Error(first.outcome);
    const [run] = (await ledger.runs.list(tenant, { kind }, { cursor: null, limit: 1 })).rows;
    const datasetRows = { user: 3, seat: 0 };
    await ledger.runs.commit(run?.runId ?? '', { ...TOTALS, retention: { replaceAfterSeconds: 60 }, datasetRows });
    return tenant;
  }

  test('is told once, with a notice of the run that found it; the day before tells what was delivered', async () => {
    const tenant = await delivered();
    expect((await eventsOf(tenant))[0]?.data).toMatchObject({
      day: '2026-11-21',
      delivered: [
        { dataset: 'seat', load: 'complete', rows: 0, window: { from: null, to: '2026-11-21T00:00:00.000000Z' } },
        { dataset: 'user', load: 'complete', rows: 3 },
      ],
    });
    expect(await begin(tenant, '2026-11-22', { seat: offered.seat })).toMatchObject({ outcome: 'begun' });
    const [run] = (await ledger.runs.list(tenant, { kind }, { cursor: null, limit: 1 })).rows;
    const held = (await eventsOf(tenant)).filter(({ type }) => type === 'export.held');
    expect(held.map(shown)).toEqual([['export.held', run?.runId, null]]);
    expect(held[0]?.data).toMatchObject({ day: '2026-11-22', held: [{ dataset: 'user', code: 'schema_changed' }] });
    const told = (await ledger.notices.due(tenant)).map(({ kind: of, runId }) => [of, runId]);
    expect(told).toEqual([['held', run?.runId]]);
    await ledger.runs.end(run?.runId ?? '', CANCELLED);
    await begin(tenant, '2026-11-23', { seat: offered.seat });
    expect((await eventsOf(tenant)).filter(({ type }) => type === 'export.held')).toHaveLength(1);
    expect(await ledger.notices.due(tenant)).toHaveLength(1);
  });

  test('is told without a run if nothing else is new', async () => {
    const tenant = await delivered();
    expect(await begin(tenant, '2026-11-21', { seat: offered.seat })).toMatchObject({ outcome: 'off' });
    const [, held] = await eventsOf(tenant);
    expect(held).toMatchObject({
      type: 'export.held',
      runId: null,
      data: { exportId: null, held: [{ dataset: 'user' }] },
    });
    expect(await ledger.notices.due(tenant)).toEqual([]);
  });
});

describe('files that expire', () => {
  const hours = (count: number) => new Date(Date.now() + count * 3_600_000);
  const expire = async (tenant: string, expiresAt: Date) => {
    const runId = await begun(tenant);
    await ledger.runs.commit(runId, { ...TOTALS, retention: { expiresAt } });
    return runId;
  };
  /** As if the run had ended so many hours ago. */
  const age = (runId: string, count: number) =>
    raw.query('update runs set ended_at = ended_at - make_interval(hours => $2) where run_id = $1', [runId, count]);
  const expiring = async (tenant: string) =>
    (await eventsOf(tenant)).filter(({ type }) => type === 'export.expiring').map(({ runId }) => runId);

  test('soon are told once, those that are kept shortly or longer, or are gone, not at all', async () => {
    const tenant = await addTenantWithWebhook();
    const soon = await expire(tenant, hours(23));
    await age(soon, 48);
    await expire(tenant, hours(23));
    const later = await expire(tenant, hours(25));
    await age(later, 48);
    const gone = await expire(tenant, hours(-1));
    await age(gone, 48);
    for (let time = 0; time < 2; time += 1) await ledger.webhookEvents.oweExpiring(24, 100);
    expect(await expiring(tenant)).toEqual([soon]);
    const [, , , , event] = await eventsOf(tenant);
    expect(event?.data).toMatchObject({ exportId: soon, expiresAt: expect.any(String), rows: TOTALS.rows });
    await ledger.webhookEvents.oweExpiring(26, 100);
    expect(await expiring(tenant)).toEqual([soon, later]);
  });

  test('are told to a callback alone, and to nobody who did not ask', async () => {
    const [tenant, other] = [await addTenant(ledger), await addTenant(ledger)];
    await put(tenant, ['export.failed']);
    for (const one of [tenant, other]) {
      const runId = await expire(one, hours(1));
      await age(runId, 48);
      if (one === tenant) await ledger.webhookEvents.addCallback({ runId, tenant, url: 'https://one.example/' });
    }
    await ledger.webhookEvents.oweExpiring(24, 100);
    expect((await eventsOf(tenant)).map(({ type, callbackUrl }) => [type, callbackUrl])).toContainEqual([
      ...['export.expiring', 'https://one.example/'],
    ]);
    expect(await eventsOf(other)).toEqual([]);
  });
});

describe('an event', () => {
  async function pending(tenant: string): Promise<WebhookEventRow> {
    await ledger.runs.commit(await begun(tenant), COMMIT);
    const event = (await eventsOf(tenant)).at(-1);
    if (!event) throw new Error('no event');
    return event;
  }
  const failing = (nextAttemptAt: Date | null) =>
    ({ state: nextAttemptAt ? 'pending' : 'failed', status: 500, error: 'webhook_rejected', nextAttemptAt }) as const;
  const DELIVERED = { state: 'delivered', status: 204, error: null, nextAttemptAt: null } as const;

  test('is due at once, then at its next attempt, and ends once', async () => {
    const tenant = await addTenantWithWebhook();
    const { eventId } = await pending(tenant);
    const dueIds = async () => (await ledger.webhookEvents.due(tenant, 10)).map((event) => event.eventId);
    expect(await dueIds()).toEqual([eventId]);
    expect(await ledger.webhookEvents.listDueTenants(1000)).toContain(tenant);
    const next = new Date(Date.now() + 60_000);
    await ledger.webhookEvents.record(eventId, failing(next));
    expect([await dueIds(), await ledger.webhookEvents.isDue(tenant)]).toEqual([[], false]);
    expect(await ledger.webhookEvents.nextAttemptAt(tenant)).toEqual(next);
    await ledger.webhookEvents.postpone([eventId], new Date());
    expect(await ledger.webhookEvents.isDue(tenant)).toBe(true);
    await ledger.webhookEvents.record(eventId, DELIVERED);
    await ledger.webhookEvents.record(eventId, failing(null));
    await ledger.webhookEvents.skip([eventId]);
    expect((await eventsOf(tenant))[0]).toMatchObject({
      state: 'delivered',
      attempts: 2,
      lastStatus: 204,
      lastError: null,
    });
    expect(await ledger.webhookEvents.nextAttemptAt(tenant)).toBeNull();
  });

  test('that is given up has a line in the trail; one that is skipped has not', async () => {
    const tenant = await addTenantWithWebhook();
    const [one, other] = [await pending(tenant), await pending(tenant)];
    await ledger.webhookEvents.record(one.eventId, failing(null));
    await ledger.webhookEvents.skip([other.eventId]);
    const trail = (await ledger.audit.list(tenant, 20)).filter(({ action }) => action.startsWith('webhook.f'));
    expect(trail).toMatchObject([
      { action: 'webhook.failed', runId: one.runId, detail: { attempts: 1, code: 'webhook_rejected' } },
    ]);
    expect((await eventsOf(tenant)).map(({ state }) => state)).toEqual(['failed', 'skipped']);
  });

  test('that ended a month ago is removed, and nothing else', async () => {
    const tenant = await addTenantWithWebhook();
    const [old, young, waiting] = [await pending(tenant), await pending(tenant), await pending(tenant)];
    await ledger.webhookEvents.record(old.eventId, DELIVERED);
    await ledger.webhookEvents.record(young.eventId, DELIVERED);
    await raw.query(`update webhook_events set ended_at = now() - interval '31 days' where event_id = $1`, [
      old.eventId,
    ]);
    const run = await begun(tenant);
    await ledger.webhookEvents.addCallback({ runId: run, tenant, url: 'https://active.example/' });
    const over = randomUUID();
    await ledger.webhookEvents.addCallback({ runId: over, tenant, url: 'https://over.example/' });
    await raw.query(`update run_callbacks set created_at = now() - interval '31 days' where tenant = $1`, [tenant]);
    await ledger.webhookEvents.removeOld(100);
    expect((await eventsOf(tenant)).map(({ eventId }) => eventId)).toEqual([young.eventId, waiting.eventId]);
    const { rows } = await raw.query('select url from run_callbacks where tenant = $1', [tenant]);
    expect(rows).toEqual([{ url: 'https://active.example/' }]);
  });

  test.each([
    [
      "select * from webhook_events where tenant = 'a' and state = 'pending' and next_attempt_at <= now()",
      'events_due',
    ],
    ["select * from webhook_events where tenant = 'a' order by created_at desc limit 5", 'events_newest'],
    ["select event_id from webhook_events where state <> 'pending' and ended_at < now()", 'events_ended'],
  ])('is found by an index: %s', async (statement, index) => {
    expect(await explain(statement)).toContain(`webhook_${index}`);
  });
});
