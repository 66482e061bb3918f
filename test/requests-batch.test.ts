import { describe, expect, test } from 'vitest';
import { waybill } from './cli-run.ts';
import { openLedger, startOwnServices } from './context.ts';
import { createRequestsClient } from './requests-client.ts';

/** So far away that no test meets it. */
const NEVER = '0 0 1 1 *';
const services = await startOwnServices({
  WAYBILL_REQUESTS_SCHEDULE: NEVER,
  WAYBILL_REQUESTS_TIME_ZONE: 'Europe/Amsterdam',
  WAYBILL_REQUESTS_RUNNING_MAX: '1',
});
const client = createRequestsClient(services.url);
const ledger = openLedger(services.settings);
const MONTHS = ['01', '02', '03', '04', '05'].map((month) => ({
  start_date: `2016-${month}-01`,
  end_date: `2016-${month}-28`,
}));

describe('a batch', () => {
  test('is waited for, can be left until then, and begins in order when an operator says so', async () => {
    const ids: number[] = [];
    for (const month of MONTHS) ids.push(await client.submit(month));
    const deleted = ids[1] ?? 0;
    const runs = await Promise.all(ids.map((id) => ledger.requests.find('dreambuilder', id)));
    expect(runs.map((run) => run?.startsAt?.toISOString().slice(4))).toEqual(MONTHS.map(() => '-12-31T23:00:00.000Z'));
    expect((await client.list()).map(({ state }) => state)).toEqual(MONTHS.map(() => 'Submitted'));
    expect((await client.remove([deleted])).status).toBe(200);

    const { WAYBILL_LEDGER_URL, WAYBILL_TEMPORAL_ADDRESS, WAYBILL_TEMPORAL_NAMESPACE = '' } = services.settings;
    const settings = { WAYBILL_LEDGER_URL, WAYBILL_TEMPORAL_ADDRESS, WAYBILL_TEMPORAL_NAMESPACE };
    const released = await waybill(['requests', 'run', '--json'], settings);
    expect(released.errors).toBe('');
    const kept = ids.filter((id) => id !== deleted);
    expect(JSON.parse(released.output)).toEqual({
      released: kept.map((request) => ({ request, tenant: 'dreambuilder' })),
    });

    for (const id of kept) await client.until(id, 'Available');
    const made = await Promise.all(kept.map((id) => ledger.requests.find('dreambuilder', id)));
    const times = made.map((run) => [run?.startedAt?.getTime() ?? 0, run?.endedAt?.getTime() ?? 0] as const);
    // One at a time, the oldest first.
    for (const [index, [startedAt]] of times.entries()) {
      if (index > 0) expect(startedAt).toBeGreaterThanOrEqual(times[index - 1]?.[1] ?? 0);
    }
    expect((await client.list()).map(({ id }) => id)).toEqual(kept.toReversed());
    expect((await waybill(['requests', 'run'], settings)).errors).toContain('no request was waiting');
  });

  test('survives the death of its worker', async () => {
    const id = await client.submit({ realm: 'Cloud' });
    await services.worker.kill('SIGKILL');
    await services.startWorker('second');
    const run = await ledger.requests.find('dreambuilder', id);
    const { WAYBILL_LEDGER_URL, WAYBILL_TEMPORAL_ADDRESS, WAYBILL_TEMPORAL_NAMESPACE = '' } = services.settings;
    await waybill(['requests', 'run'], { WAYBILL_LEDGER_URL, WAYBILL_TEMPORAL_ADDRESS, WAYBILL_TEMPORAL_NAMESPACE });
    expect(run?.state).toBe('pending');
    expect(await client.until(id, 'Available', 'Failed')).toMatchObject({ state: 'Available' });
  });
});
