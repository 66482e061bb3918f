import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createReconcile } from '../activities/reconcile.ts';
import { createCatalog } from '../config/catalog.ts';
import { RECURRING } from '../contracts/recurring.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import { makeChangingWarehouse } from './changing-warehouse.ts';
import { startOwnServices } from './context.ts';
import { addTenant, useLedger } from './ledger-set-up.ts';
import { createMemoryObjects } from './memory-objects.ts';
import { createRecurringClient, openDelivered } from './recurring-client.ts';
import { createScriptedTemporal } from './scripted-temporal.ts';
import { openTemporal } from './temporal.ts';

const TENANT = 'dreambuilder';
const NO_MAIL = {
  ...{ mail: null, catalog: createCatalog([]), publicUrl: 'http://waybill.test' },
  requests: { runningMax: 1, timeZone: 'UTC', supportEmail: null, temporalUi: null },
};
const SCHEDULE = RECURRING.scheduleId(TENANT);

test('a run that is due ends at the time of its schedule, waits for late rows, and survives its worker', async () => {
  const nominal = new Date(Math.floor(Date.now() / 60_000) * 60_000);
  const day = nominal.toISOString().slice(0, 10);
  const warehouse = await makeChangingWarehouse(['user']);
  // Until some seconds after the services have started.
  const settling = Math.ceil((Date.now() - nominal.getTime()) / 1000) + 25;
  const settings = { ...warehouse.settings, WAYBILL_RECURRING_SETTLING_SECONDS: String(settling) };
  const services = await startOwnServices(settings);
  const { client } = await openTemporal(services.settings);
  const tenant = createRecurringClient(services.url);
  const before = new Date(nominal.getTime() - 1000).toISOString().slice(0, 19);
  const row = { id: 1, text: 'in time', created: before, modified: null, deleted: false };
  await warehouse.write('user', [row]);
  await tenant.register({ entityList: 'user', at: nominal.toISOString().slice(11, 16), timeZone: 'UTC' });

  await client.schedule.getHandle(SCHEDULE).trigger();
  await expect.poll(tenant.runs, { timeout: 20_000 }).toMatchObject([{ day, state: 'running' }]);
  await services.worker.kill('SIGKILL');
  // Committed after the end of the window, with a time before it; and one that belongs to the next window.
  const later = { ...row, id: 3, text: 'next', created: new Date(nominal.getTime() + 1).toISOString() };
  await warehouse.write('user', [row, { ...row, id: 2, text: 'late' }, later]);
  await services.worker.start();
  await expect.poll(tenant.runs, { timeout: 60_000 }).toMatchObject([{ day, state: 'delivered', rows: 2 }]);
  const [run] = await tenant.runs();
  expect(run?.files).toMatchObject([{ window: { from: null, to: nominal.toISOString().replace('Z', '000Z') } }]);
  const files = openDelivered(services.settings);
  expect((await files.file(day, 'user.csv')).match(/late|in time|next/g)?.toSorted()).toEqual(['in time', 'late']);

  // Nothing is new before the next time of the schedule.
  await client.schedule.getHandle(SCHEDULE).trigger();
  await expect
    .poll(async () => (await client.schedule.getHandle(SCHEDULE).describe()).info.recentActions.length, {
      timeout: 20_000,
    })
    .toBe(2);
  await expect
    .poll(async () => (await client.schedule.getHandle(SCHEDULE).describe()).info.runningActions, { timeout: 20_000 })
    .toEqual([]);
  expect(await tenant.runs()).toHaveLength(1);
});

describe('a registration whose schedule was not changed, because the API was lost', async () => {
  const { ledger } = await useLedger();
  const logger = pino({ level: 'silent' });

  test('is brought up to date by the reconciler, also if there should be no schedule', async () => {
    const tenant = await addTenant(ledger);
    const temporal = createScriptedTemporal();
    const deployment = () => ({ runTime: { at: '01:30', timeZone: 'UTC' }, jitterMinutes: 0 });
    const syncSchedule = createSyncSchedule(ledger, temporal, deployment);
    const objects = createMemoryObjects();
    const shared = { ledger, objects, temporal, syncSchedule, ...NO_MAIL, logger };
    const ports = { ...shared, standingKinds: [RECURRING], straySeconds: 60, expiryNoticeHours: 24 };
    const environment = new MockActivityEnvironment();
    const pass = (aheadMs: number) =>
      environment.run(createReconcile(ports), { now: new Date(Date.now() + aheadMs).toISOString() });
    const register = (datasets: readonly string[], frequency: 'weekly' | 'monthly') =>
      ledger.registrations.register({
        ...{ tenant, kind: RECURRING.kind, datasets, startsFrom: null, actor: 'a-client' },
        recurrence: { frequency, at: null, timeZone: null },
      });
    const schedule = () => temporal.scheduled.get(RECURRING.scheduleId(tenant))?.recurrence;

    await register(['user'], 'weekly');
    // Whoever changed it may still be about to change the schedule.
    expect(await pass(0)).toMatchObject({ schedules: 0 });
    expect(await pass(120_000)).toMatchObject({ schedules: 1, failed: 0 });
    expect(schedule()).toEqual({ every: 'week', on: 'MONDAY', at: '01:30' });
    expect(temporal.triggered).toEqual([]);
    expect(await pass(120_000)).toMatchObject({ schedules: 0 });

    await register(['user'], 'monthly');
    expect(await pass(120_000)).toMatchObject({ schedules: 1 });
    expect(schedule()).toEqual({ every: 'month', on: 1, at: '01:30' });

    await register([], 'monthly');
    expect(await pass(120_000)).toMatchObject({ schedules: 1 });
    expect(schedule()).toBeUndefined();
    expect(await pass(120_000)).toMatchObject({ schedules: 0 });
  });
});
