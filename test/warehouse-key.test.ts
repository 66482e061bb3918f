import { expect, test } from 'vitest';
import { writeCatalog } from './cleanup.ts';
import { openLedger, startOwnServices } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { createPeriodicClient, enableAndWait } from './periodic-client.ts';
import { readCsv } from './periodic-csv.ts';

const CATALOG = `
datasets:
  - name: PLACES
    title: Places
    doors: [on-demand, periodic]
    sql: >-
      SELECT * FROM (VALUES ('dreambuilder', 'Lyon'), ('GERMANY', 'Kiel'), ('GERMANY', 'Ulm'), ('germany', 'Bonn'))
      AS places(tenant, name)
    tenant_column: tenant
    formats: [csv]
    columns: [name: text]
`;

test('a tenant exports the rows of its key in the warehouse, from its next run on', async () => {
  const services = await startOwnServices(await writeCatalog(CATALOG));
  const client = createOnDemandClient(services.url, 'dreambuilder');
  const exported = async () => {
    const id = await client.order({ ...ALWAYS, exportType: 'PLACES', format: 'CSV' });
    expect(await client.ended(id)).toMatchObject({ state: 'completed' });
    return names(await client.file(id));
  };
  expect(await exported()).toEqual(['Lyon']);
  const { tenants } = openLedger(services.settings);
  await tenants.setWarehouseKey('dreambuilder', 'GERMANY');
  expect(await exported()).toEqual(['Kiel', 'Ulm']);

  const periodic = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
  const { privateKey } = await enableAndWait(periodic);
  expect(names(await periodic.download('file=PLACES&fileType=csv', privateKey))).toEqual(['Kiel', 'Ulm']);
});

function names(file: Buffer) {
  return readCsv(file.toString()).map(({ name }) => name);
}
