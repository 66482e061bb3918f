import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeJobId } from '../contracts/job-id.ts';
import { makeChangingWarehouse } from './changing-warehouse.ts';
import { openLedger, startOwnServices } from './context.ts';
import { createHttpClient } from './http-client.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { waitUntil } from './wait-until.ts';
import { startReceiver, verified } from './webhook-receiver.ts';

const warehouse = await makeChangingWarehouse(['user'], [], 'on-demand, recurring');
const services = await startOwnServices({ ...warehouse.settings, WAYBILL_LOG_LEVEL: 'trace' });
const ledger = openLedger(services.settings);

const ORDER = { ...ALWAYS, exportType: 'user', format: 'CSV' };

/** A tenant with rows. */
async function addTenant() {
  const key = `t-${randomUUID()}`;
  const secret = `s-${randomUUID()}`;
  await ledger.tenants.add({ key, title: 'A tenant' });
  await ledger.credentials.add({ tenant: key, clientId: key, scopes: ['read', 'write'], secret });
  const http = createHttpClient(services.url, { 'api-key': secret });
  return {
    key,
    ...http,
    onDemand: createOnDemandClient(services.url, key, secret),
    put: (body: object) => http.json<{ secret: string; webhook: object }>('PUT', '/webhooks', { body }),
    deliveries: async () =>
      (await http.json<{ deliveries: Record<string, unknown>[] }>('GET', '/webhooks/deliveries')).deliveries,
  };
}

describe('an export on demand', () => {
  test('that is completed is told to the webhook and to the callback, once each, with a signature that holds', async () => {
    const [tenant, receiver] = [await addTenant(), await startReceiver()];
    const { secret, webhook } = await tenant.put({ url: `${receiver.url}/all` });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(webhook).toMatchObject({ url: `${receiver.url}/all`, disabledAt: null });
    const exportId = await tenant.onDemand.order({ ...ORDER, callbackUrl: `${receiver.url}/one?token=abc` });
    await receiver.until('export.completed', 2);
    const { workflowId } = await tenant.onDemand.manifest(exportId);
    for (const path of ['/all', '/one?token=abc']) {
      const [request] = receiver.matching('export.completed', path);
      if (!request) throw new Error(`nothing at ${path}`);
      const { data, type } = verified(secret, request);
      expect(type).toBe('export.completed');
      expect(data).toMatchObject({
        ...{ tenant: tenant.key, kind: 'on-demand', exportId, dataset: 'user', format: 'csv', rows: 0, files: 1 },
        window: { from: '1900-01-01T00:00:00.000000Z', to: '2100-01-01T00:00:00.000000Z' },
        links: {
          status: `${services.url}/exports/${exportId}`,
          manifest: `${services.url}/exports/${exportId}/manifest`,
        },
      });
      expect(decodeJobId(data.jobId)).toEqual({ workflowId, runId: exportId });
      expect(() => verified(`whsec_${Buffer.alloc(32).toString('base64')}`, request)).toThrow('No matching signature');
    }
    const deliveries = await waitUntil(
      tenant.deliveries,
      (all) => all.length === 2 && all.every(({ state }) => state === 'delivered'),
      30,
    );
    expect(deliveries[0]).toMatchObject({ type: 'export.completed', exportId, attempts: 1, lastStatus: 204 });
    expect(receiver.received).toHaveLength(2);
  });
});
