import { beforeAll, describe, expect, it } from 'vitest';
import { expectEmpty, openBucket } from './bucket.ts';
import { writeCatalog } from './cleanup.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { exportPrefix } from './keys.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';

let services: OwnServices;
let client: OnDemandClient;

/** Part of the warehouse's SQL and its errors, which must not reach a caller. */
const INNERMOST = 'innermost-detail';

const CATALOG = `
datasets:
  - name: BREAKS_LATE
    title: Fails at its last row
    doors: [on-demand]
    sql: >-
      SELECT 'dreambuilder' AS tenant, i AS id,
      CASE WHEN i < 299999 THEN 'fine' ELSE error('${INNERMOST}') END AS text FROM range(300000) AS r(i)
    tenant_column: tenant
    key: [id]
    formats: [csv, jsonl]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
  - name: TOO_LARGE
    title: Needs more memory than there is
    doors: [on-demand]
    sql: >-
      SELECT 'dreambuilder' AS tenant, len(list(repeat(md5(i::VARCHAR), 20))) AS size FROM range(2000000) AS r(i)
      WHERE i < $rows
    tenant_column: tenant
    parameters: [{ name: rows, type: integer, required: true }]
    formats: [csv]
    columns: [{ name: size, type: integer }]
`;

beforeAll(async () => {
  services = await startOwnServices({
    ...(await writeCatalog(CATALOG)),
    WAYBILL_WAREHOUSE_MEMORY: '300MB',
    WAYBILL_WORKER_PARTS_MAX: '1',
    WAYBILL_LOG_LEVEL: 'silent',
  });
  client = createOnDemandClient(services.url, 'dreambuilder');
});

describe('an export', () => {
  it.each(['CSV', 'JSONL'])('fails at once if the dataset breaks at its last row, as %s', async (format) => {
    const id = await client.order({ ...ALWAYS, exportType: 'BREAKS_LATE', format });
    const view = await client.ended(id, 20);
    expect(view).toMatchObject({ status: 'FAILED', state: 'failed', failure: { code: 'dataset_broken' } });
    expect(JSON.stringify(view)).not.toContain(INNERMOST);
    await expectEmpty(openBucket(services.settings), exportPrefix('dreambuilder', id), 30);
    expect((await client.request('GET', `/exports/${id}/manifest`)).status).toBe(409);
  });

  it('fails if it needs more memory than it may have, and the worker goes on', async () => {
    const order = { ...ALWAYS, exportType: 'TOO_LARGE', format: 'CSV' };
    const id = await client.order({ ...order, rows: 2_000_000 });
    expect(await client.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'memory_exhausted' } });
    const next = await client.order({ ...order, rows: 1000 });
    expect(await client.ended(next)).toMatchObject({ state: 'completed' });
  });
});
