import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { orderOf } from '../api/on-demand/view.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { openLedger, useStack } from './context.ts';
import { addCredential, addTenant } from './ledger-set-up.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { createPeriodicClient } from './periodic-client.ts';
import { triggerRun } from './periodic-operator.ts';
import { runOf } from './scripted-temporal.ts';
import { openTemporal, type TemporalAccess } from './temporal.ts';

const stack = useStack();
let ledger: Ledger;
let temporal: TemporalAccess;

beforeAll(async () => {
  ledger = openLedger(stack.settings);
  temporal = await openTemporal(stack.settings);
});

const LOST = { state: 'failed', failure: { code: 'internal', message: 'The run was lost before it finished.' } };

describe('a run that is active in the ledger although its workflow is gone', () => {
  it('fails when the same on-demand export is ordered again', async () => {
    const { clientId, secret } = await addCredential(ledger, await addTenant(ledger));
    const client = createOnDemandClient(stack.urls.api, clientId, secret);
    const body = { ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' };
    const done = await client.order(body);
    await client.ended(done);
    const record = await ledger.runs.find(done);
    if (!record) throw new Error('the export is not recorded');
    const lost = randomUUID();
    await ledger.runs.begin({ ...record, runId: lost, order: orderOf(record) });

    const next = await client.order(body);
    expect((await client.show(next)).state).not.toBe('failed');
    expect((await client.ended(next)).state).toBe('completed');
    expect(await ledger.runs.find(lost)).toMatchObject(LOST);
  });

  it('fails when the next periodic run begins', async () => {
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
