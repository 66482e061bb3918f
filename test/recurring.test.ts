import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ChangingRow, makeChangingWarehouse } from './changing-warehouse.ts';
import { temporaryFolder } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { openLedger, startOwnServices } from './context.ts';
import { createRecurringClient, openDelivered } from './recurring-client.ts';

const warehouse = await makeChangingWarehouse(['user', 'user_login_events', 'seat'], ['seat']);
const services = await startOwnServices(warehouse.settings);
const client = createRecurringClient(services.url);
const delivered = openDelivered(services.settings);

const HEADER = 'id,text,created,modified';
const row = (id: number, fields: Partial<ChangingRow> = {}): ChangingRow => ({
  ...{ id, text: `row ${id}`, created: '2024-05-01 10:00:00', modified: null, deleted: false },
  ...fields,
});
const now = () => new Date().toISOString().replace('Z', '').replace('T', ' ');
const idsOf = (csv: string) =>
  csv
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => Number(line.split(',')[0]));

describe('a recurring export', () => {
  test('is first complete, then what has changed, in one file a day that contains what it had before', async () => {
    const first = [row(1), row(2, { created: null }), row(3, { deleted: true })];
    await warehouse.write('user', [...first, row(9, { tenant: 'acme' })]);
    const registered = await client.register({ entityList: ['user', 'user login events'] });
    expect(registered.result).toMatchObject({
      tenant_code: 'dreambuilder',
      entities: ['user', 'user login events'],
      count: 2,
      grouped_by: 'tenant_code',
      is_active: true,
      frequency: 'daily',
      status: 'registered',
    });

    const run = await client.run();
    expect(run).toMatchObject({ state: 'delivered', error: null });
    expect(run.files).toMatchObject([
      { entity: 'user', load: 'complete', window: { from: null }, rows: 3, error: null },
      { entity: 'user login events', load: 'complete', window: { from: null }, rows: 0, error: null },
    ]);
    const csv = await delivered.file(run.day, 'user.csv');
    expect(idsOf(csv).sort()).toEqual([1, 2, 3]);
    expect(await delivered.file(run.day, 'user.deleted.csv')).toBe('id\n3\n');
    expect(await delivered.file(run.day, 'user_login_events.csv')).toBe(`${HEADER}\n`);

    const manifest = await delivered.manifest(run.day);
    expect(manifest.delivery).toEqual({ day: run.day, previous: null, replaces: [], missing: [] });
    expect(manifest.files[0]).toMatchObject({
      load: 'complete',
      sha256: createHash('sha256').update(csv).digest('hex'),
    });

    await warehouse.write('user', [...first, row(4, { created: now() }), row(1, { modified: now() })]);
    const second = await client.run();
    expect(second).toMatchObject({ state: 'delivered', day: run.day });
    expect(second.files[0]).toMatchObject({ load: 'complete', window: { from: null } });
    expect(idsOf(await delivered.file(run.day, 'user.csv')).sort()).toEqual([1, 1, 2, 3, 4]);
    const [newest, older] = await client.runs();
    expect([newest?.state, older?.state]).toEqual(['delivered', 'replaced']);
    expect((await delivered.manifest(run.day)).delivery?.replaces).toHaveLength(1);
  });

  test('does without an entity that fails, and delivers it from where it stopped', async () => {
    // A day of its own has no file to keep.
    await client.register({ exportOption: 'disable export' });
    const tenant = createRecurringClient(services.url, 'acme-demo-secret');
    await tenant.register({ entityList: 'user, user login events', frequency: 'weekly' });
    await warehouse.write('user', [row(1, { tenant: 'acme' })]);
    await warehouse.breakIt('user_login_events');
    const run = await tenant.run();
    expect(run).toMatchObject({ state: 'delivered', rows: 1 });
    expect(run.files).toMatchObject([
      { entity: 'user', rows: 1, error: null },
      { entity: 'user login events', rows: null, error: { code: 'dataset_broken' } },
    ]);
    expect(await tenant.entities()).toMatchObject([
      { entity: 'user', last_error: null, delivered_until: run.files[0]?.window.to },
      { entity: 'user login events', last_error: { code: 'dataset_broken' }, delivered_until: null },
    ]);
    const acme = openDelivered(services.settings, 'acme');
    expect((await acme.manifest(run.day)).delivery?.missing).toMatchObject([{ dataset: 'user_login_events' }]);

    // Still broken: what the day has is made again. Then it works again.
    await warehouse.write('user', [row(1, { tenant: 'acme' }), row(2, { tenant: 'acme', created: now() })]);
    expect(await tenant.run()).toMatchObject({ state: 'delivered', rows: 2 });
    await warehouse.write('user_login_events', [row(5, { tenant: 'acme' })]);
    expect(await tenant.run()).toMatchObject({ state: 'delivered', rows: 3 });
    expect(await tenant.entities()).toMatchObject([{ last_error: null }, { last_error: null }]);
    // A file that the day has must not be left out.
    await warehouse.breakIt('user_login_events');
    await warehouse.write('user', [row(3, { tenant: 'acme', created: now() })]);
    expect(await tenant.run()).toMatchObject({ state: 'failed', error: { code: 'dataset_broken' } });
    expect(idsOf(await acme.file(run.day, 'user.csv')).toSorted()).toEqual([1, 2]);
    await warehouse.write('user_login_events', []);
  });

  test('appends a column that is added, and holds an entity whose column is gone until the operator accepts it', async () => {
    const wide = '[id: integer, deleted: boolean, text: text, created: timestamp, modified: timestamp]';
    const narrow = '[id: integer, created: timestamp, modified: timestamp]';
    const ledger = openLedger(services.settings);
    const secret = 'drifting-demo-secret';
    await ledger.tenants.add({ key: 'drifting', title: 'Drifting' });
    await ledger.credentials.add({ tenant: 'drifting', clientId: 'drifting', scopes: ['read', 'write'], secret });
    const tenant = createRecurringClient(services.url, secret);
    const files = openDelivered(services.settings, 'drifting');
    await warehouse.write('user', [row(1, { tenant: 'drifting' })]);
    await tenant.register({ entityList: 'user' });
    const { day } = await tenant.run();

    await restart(wide);
    await warehouse.write('user', [row(1, { tenant: 'drifting', modified: now() })]);
    expect(await tenant.run()).toMatchObject({ state: 'delivered' });
    expect(await files.file(day, 'user.csv')).toMatch(/^id,text,created,modified,deleted\n1,row 1,/);
    expect((await files.manifest(day)).files[0]).toMatchObject({ addedColumns: ['deleted'] });
    expect(await tenant.run()).toMatchObject({ state: 'delivered' });
    expect((await files.manifest(day)).files[0]).toMatchObject({ addedColumns: ['deleted'] });

    await restart(narrow);
    expect(await tenant.run()).toMatchObject({ state: 'failed', error: { code: 'schema_changed' } });
    const [user] = await tenant.entities();
    expect(user).toMatchObject({
      held: { message: expect.stringMatching(/column text is gone; column deleted is gone/) },
    });
    // What the day has stays.
    expect(await files.file(day, 'user.csv')).toMatch(/^id,text,/);

    const ref = { tenant: 'drifting', kind: 'recurring', dataset: 'user' };
    expect(await ledger.registrations.acceptSchema(ref, 'complete')).toBe(true);
    expect(await tenant.run()).toMatchObject({ state: 'delivered' });
    expect(await files.file(day, 'user.csv')).toMatch(/^id,created,modified\n1,/);
    expect(await tenant.entities()).toMatchObject([{ held: null, last_error: null, full_load_queued: false }]);
  });

  test('finds the rows that were deleted without a trace, where the catalog says so', async () => {
    const ledger = openLedger(services.settings);
    const secret = 'inferring-demo-secret';
    await ledger.tenants.add({ key: 'inferring', title: 'Inferring' });
    await ledger.credentials.add({ tenant: 'inferring', clientId: 'inferring', scopes: ['read', 'write'], secret });
    const tenant = createRecurringClient(services.url, secret);
    const files = openDelivered(services.settings, 'inferring');
    const seat = (id: number, fields: Partial<ChangingRow> = {}) => row(id, { tenant: 'inferring', ...fields });
    await warehouse.write('seat', [seat(1), seat(2), seat(3), seat(4), row(5)]);
    // Where it is yesterday, so that the next run delivers another day.
    await tenant.register({ entityList: 'seat', timeZone: 'Pacific/Niue' });
    const first = await tenant.run();
    expect(await files.file(first.day, 'seat.deleted.csv')).toBe('id\n');

    const added = seat(6, { created: now() });
    await warehouse.write('seat', [seat(1), seat(3, { modified: now() }), added]);
    await tenant.register({ entityList: 'seat', timeZone: 'Pacific/Kiritimati' });
    const second = await tenant.run();
    expect(second.day > first.day).toBe(true);
    expect(idsOf(await files.file(second.day, 'seat.csv')).toSorted()).toEqual([3, 6]);
    expect((await files.file(second.day, 'seat.deleted.csv')).split('\n').toSorted()).toEqual(['', '2', '4', 'id']);
    const keys = (await files.manifest(second.day)).files.find(({ file }) => file === 'seat.keys.parquet');
    expect(keys).toMatchObject({ rowsWanted: 'keys', rows: 3 });

    // A second run of the day still has what the first one had.
    await warehouse.write('seat', [seat(1), added, seat(7, { created: now() })]);
    await tenant.run();
    expect((await files.file(second.day, 'seat.deleted.csv')).split('\n').toSorted()).toEqual([
      '',
      '2',
      '3',
      '4',
      'id',
    ]);

    const [root, state] = [await temporaryFolder(), join(await temporaryFolder(), 'seat.csv')];
    for (const { day } of [first, second]) await files.save(root, day);
    expect(await waybill(['verify', '--chain', root], {})).toMatchObject({ code: 0 });
    expect(await waybill(['compose', root, '-o', state], {})).toMatchObject({ code: 0 });
    expect(idsOf(await readFile(state, 'utf8')).toSorted()).toEqual([1, 6, 7]);
  });
});

/** Lets the worker read another catalog. */
async function restart(columns: string): Promise<void> {
  await warehouse.describe({ user: columns });
  await services.worker.restart();
}
