import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ChangingRow, makeChangingWarehouse } from './changing-warehouse.ts';
import { startOwnServices } from './context.ts';
import { createRecurringClient, openDelivered } from './recurring-client.ts';

const warehouse = await makeChangingWarehouse(['user', 'user_login_events']);
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
    await tenant.register({ exportOption: 'export all', frequency: 'weekly' });
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
  });
});
