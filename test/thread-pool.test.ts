import { expect, it } from 'vitest';
import { closeAtEnd, writeCatalog } from './cleanup.ts';
import { startOwnServices } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';

const ROWS = 400_000;
const CATALOG = `
datasets:
  - name: PARTS
    title: Twenty parts that fill their pipes
    doors: [on-demand]
    sql: >-
      SELECT 'dreambuilder' AS tenant, TIMESTAMP '2020-01-01' + to_seconds(i) AS created, repeat(md5(i::VARCHAR), 8) AS text
      FROM range(${ROWS}) AS r(i)
    tenant_column: tenant
    created_column: created
    columns: [created: timestamp, text: text]
`;

it('writes more compressed parts at once than its thread pool has threads', async () => {
  const services = await startOwnServices({
    ...(await writeCatalog(CATALOG)),
    WAYBILL_PART_ROWS: String(ROWS / 20),
    WAYBILL_WORKER_PARTS_MAX: '20',
    UV_THREADPOOL_SIZE: '4',
  });
  // A worker whose thread pool is stuck ends only by force.
  closeAtEnd(() => services.worker.kill('SIGKILL'));
  const client = createOnDemandClient(services.url, 'dreambuilder');
  const id = await client.order({ ...ALWAYS, exportType: 'PARTS', format: 'CSV', compression: 'gzip' });
  expect(await client.ended(id, 60)).toMatchObject({ state: 'completed', progress: { rowsDone: ROWS } });
});
