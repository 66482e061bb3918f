import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SftpDestination } from '../contracts/destination.ts';
import type { Instant } from '../contracts/instant.ts';
import { addTenant, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger, raw, explain } = await useLedger();

const CONFIG: SftpDestination = {
  ...{ kind: 'sftp', host: 'sftp.example.com', port: 22, user: 'waybill', directory: '.', rowsPerFile: null },
  ...{ hostKey: `SHA256:${'a'.repeat(43)}`, hostKeyType: null, template: '{date}/{entity}' },
};
const SECRET = Buffer.from('sealed');
const FAILURE = { code: 'destination_unavailable', message: 'The destination cannot be reached.' } as const;

async function addDestination(tenant: string) {
  return ledger.destinations.put({ tenant, config: CONFIG, secret: SECRET, actor: 'me' });
}

/** A committed run of changes. @returns its id */
async function committed(tenant: string, day = '2026-11-21'): Promise<string> {
  const kind = 'recurring';
  const recurrence = { frequency: 'daily', at: null, timeZone: null } as const;
  await ledger.registrations.register({ tenant, kind, datasets: ['user'], recurrence, startsFrom: null, actor: 'me' });
  await raw.query(
    'update standing_files set watermark = null where standing_order_id in (select standing_order_id from standing_orders where tenant = $1)',
    [tenant],
  );
  const runId = randomUUID();
  const end = `${day}T00:00:00.000000Z` as Instant;
  const begun = await ledger.runs.begin({
    ...{ runId, workflowId: `w-${runId}`, tenant, kind, subject: 'recurring', startedAt: new Date() },
    changes: { period: () => ({ day, end }), needsBase: () => false, columns: () => [{ name: 'id', type: 'integer' }] },
  });
  expect(begun.outcome).toBe('begun');
  const retention = { replaceAfterSeconds: 60 };
  expect(await ledger.runs.commit(runId, { ...TOTALS, retention, datasetRows: { user: 1 } })).toBe(true);
  return runId;
}

describe('a destination', () => {
  test('is set, replaced and removed, each with its line in the trail that holds no secret', async () => {
    const tenant = await addTenant(ledger);
    expect(await ledger.destinations.find(tenant)).toBeUndefined();
    expect(await addDestination(tenant)).toMatchObject({ tenant, config: CONFIG, secret: SECRET, version: 1 });
    const config = { ...CONFIG, port: 2222 };
    await ledger.destinations.put({ tenant, config, secret: Buffer.from('other'), actor: 'me' });
    expect(await ledger.destinations.find(tenant)).toMatchObject({ config, version: 2, failingSince: null });
    expect(await ledger.destinations.remove(tenant, 'me')).toBe(true);
    expect(await ledger.destinations.remove(tenant, 'me')).toBe(false);
    const trail = await ledger.audit.list(tenant, 10);
    expect(trail.map(({ action, detail }) => [action, detail])).toEqual([
      ['destination.removed', { kind: 'sftp', version: 2 }],
      ['destination.set', { kind: 'sftp', version: 2 }],
      ['destination.set', { kind: 'sftp', version: 1 }],
      ['tenant.added', {}],
    ]);
  });
});

describe('a delivery', () => {
  test('is owed by the commit of a run whose tenant has a destination, and by no other', async () => {
    const tenant = await addTenant(ledger);
    expect(await ledger.deliveries.find(await committed(tenant))).toBeUndefined();
    await addDestination(tenant);
    const runId = await committed(tenant);
    const delivery = await ledger.deliveries.find(runId);
    expect(delivery).toMatchObject({ runId, state: 'pending', attempts: 0, destinationVersion: 1, endedAt: null });
    expect(delivery?.run).toMatchObject({ runId, tenant, state: 'completed', current: true });
    expect((await ledger.deliveries.last(tenant))?.runId).toBe(runId);
    const due = await ledger.deliveries.listPending(new Date(Date.now() + 60_000), 100);
    expect(due.map((each) => each.runId)).toContain(runId);
    expect(await ledger.deliveries.listPending(new Date(0), 100)).toEqual([]);
    expect(await ledger.deliveries.find('no id')).toBeUndefined();
  });

  test('finds older ones of its day alone', async () => {
    const tenant = await addTenant(ledger);
    await addDestination(tenant);
    const otherDay = await committed(tenant);
    const older = await committed(tenant, '2026-11-22');
    const newest = await committed(tenant, '2026-11-22');
    const found = await ledger.deliveries.find(newest);
    if (!found) throw new Error('no delivery');
    expect((await ledger.deliveries.listOlder(found)).map(({ runId }) => runId)).toEqual([older]);
    const before = await ledger.deliveries.find(older);
    expect(before?.run.current).toBe(false);
    expect((await ledger.deliveries.find(otherDay))?.run.current).toBe(true);
    await ledger.deliveries.end(older, { state: 'skipped' });
    expect(await ledger.deliveries.listOlder(found)).toEqual([]);
  });

  test('ends once, and counts its attempts until then', async () => {
    const tenant = await addTenant(ledger);
    await addDestination(tenant);
    const runId = await committed(tenant);
    await ledger.deliveries.recordAttempt(runId, 1);
    await ledger.deliveries.recordAttempt(runId, 7);
    await ledger.deliveries.end(runId, { state: 'delivered' });
    await ledger.deliveries.end(runId, { state: 'failed', failure: FAILURE });
    await ledger.deliveries.recordAttempt(runId, 8);
    const ended = await ledger.deliveries.find(runId);
    expect(ended).toMatchObject({ state: 'delivered', attempts: 2, destinationVersion: 7, failure: null });
    expect(ended?.endedAt).toBeInstanceOf(Date);
    expect(await ledger.notices.due(tenant)).toEqual([]);
    expect((await ledger.runs.find(runId))?.state).toBe('completed');
  });

  test('that fails owes one notice, and the next that succeeds another one', async () => {
    const tenant = await addTenant(ledger);
    await addDestination(tenant);
    const runs: string[] = [];
    for (const state of ['failed', 'failed', 'skipped', 'delivered', 'delivered'] as const) {
      const runId = await committed(tenant);
      runs.push(runId);
      await ledger.deliveries.end(runId, state === 'failed' ? { state, failure: FAILURE } : { state });
      const { failingSince } = (await ledger.destinations.find(tenant)) ?? {};
      expect([state, failingSince !== null]).toEqual([state, state === 'failed' || state === 'skipped']);
    }
    const due = await ledger.notices.due(tenant);
    expect(due.map(({ kind, runId, failure }) => [kind, runId, failure?.code])).toEqual([
      ['push_failed', runs[0], 'destination_unavailable'],
      ['push_recovered', runs[3], undefined],
    ]);
  });

  test('whose destination was removed owes no notice', async () => {
    const tenant = await addTenant(ledger);
    await addDestination(tenant);
    const runId = await committed(tenant);
    await ledger.destinations.remove(tenant, 'me');
    await ledger.deliveries.end(runId, { state: 'failed', failure: FAILURE });
    expect((await ledger.deliveries.find(runId))?.state).toBe('failed');
    expect(await ledger.notices.due(tenant)).toEqual([]);
  });

  test('that is pending is found by an index', async () => {
    const plan = await explain(
      "select * from deliveries where state = 'pending' and created_at < now() order by created_at",
    );
    expect(plan).toContain('deliveries_pending');
  });
});

test('notices may have the kinds of later migrations too, and a failure only where there is one', async () => {
  const { rows } = await raw.query<{ definition: string }>(
    "select pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = 'notices'::regclass and contype = 'c'",
  );
  const definitions = rows.map(({ definition }) => definition).filter((text) => text.includes('kind'));
  expect(definitions).toHaveLength(2);
  for (const kind of ['failed', 'recovered', 'ack_mismatch', 'ack_missing', 'push_failed', 'push_recovered']) {
    expect(definitions.join()).toContain(`'${kind}'`);
  }
});
