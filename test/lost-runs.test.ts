import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { orderOf } from '../api/on-demand/view.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { useStack } from './context.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { addCredential, addTenant } from './ledger-set-up.ts';
import { createPeriodicClient } from './periodic-door.ts';
import { triggerRun } from './periodic-operator.ts';
import { runOf } from './scripted-temporal.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

const stack = useStack();
let ledger: Ledger;
let temporal: TemporalEye;

beforeAll(async () => {
  ledger = createLedger({ url: stack.settings.WAYBILL_LEDGER_URL ?? '', connectionsMax: 2 });
  temporal = await openTemporal(stack.settings);
});

afterAll(async () => {
  await temporal?.close();
  await ledger?.close();
});

const LOST = { state: 'failed', failure: { code: 'internal', message: 'The run was lost before it finished.' } };

describe('a run that is active in the ledger although its workflow is gone', () => {
  it('on demand: is ended as failed when the same is ordered again', async () => {
    const { clientId, secret } = await addCredential(ledger, await addTenant(ledger));
    const door = createDoorClient(stack.urls.api, clientId, secret);
    const body = { ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' };
    const done = await door.order(body);
    await door.ended(done);
    const record = await ledger.runs.find(done);
    if (!record) throw new Error('the export is not recorded');
    const lost = randomUUID();
    await ledger.runs.begin({ ...record, runId: lost, order: orderOf(record) });

    const next = await door.order(body);
    expect((await door.show(next)).state).not.toBe('failed');
    expect((await door.ended(next)).state).toBe('completed');
    expect(await ledger.runs.find(lost)).toMatchObject(LOST);
  });

  it('periodic: is ended as failed when the next run begins', async () => {
    const tenant = await addTenant(ledger);
    const { secret } = await addCredential(ledger, tenant);
    const client = createPeriodicClient(stack.urls.api, secret);
    await client.enable();
    const { generationId } = await client.generation();
    const lost = runOf(tenant);
    await ledger.runs.begin(lost);
    try {
      await triggerRun(temporal, tenant);
      const current = async () => (await ledger.standingOrders.find(tenant, 'periodic'))?.currentRunId;
      await expect.poll(current, { timeout: 60_000 }).not.toBe(generationId);
      expect(await ledger.runs.find(lost.runId)).toMatchObject(LOST);
    } finally {
      await client.disable(true);
    }
  });
});
