import type { WorkflowFailedError } from '@temporalio/client';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectEmpty, openBucket } from './bucket.ts';
import { writeCatalog } from './cleanup.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { exportPrefix } from './keys.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';
import { openTemporal } from './temporal.ts';

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
  - name: BREAKS_COLUMN
    title: Has a text where a number should be
    doors: [on-demand]
    sql: >-
      SELECT 'dreambuilder' AS tenant, CAST(amount AS INTEGER) AS number
      FROM (SELECT CASE WHEN i < 99999 THEN '1' ELSE '${INNERMOST}' END AS amount FROM range(100000) AS r(i))
    tenant_column: tenant
    formats: [csv]
    columns: [{ name: number, type: integer }]
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
    WAYBILL_LOG_LEVEL: 'warn',
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

  it('tells its cause to operators, in Temporal and in the log, without a row', async () => {
    const id = await client.order({ ...ALWAYS, exportType: 'BREAKS_COLUMN', format: 'CSV' });
    const view = await client.ended(id, 20);
    expect(view).toMatchObject({ state: 'failed', failure: { code: 'dataset_broken' } });
    expect(JSON.stringify(view)).not.toContain('amount');

    const temporal = await openTemporal(services.settings);
    const run = await openLedger(services.settings).runs.find(id);
    if (!run) throw new Error('the run is not in the ledger');
    const failure = await temporal.client.workflow
      .getHandle(run.workflowId, run.runId)
      .result()
      .then(String, (error: unknown) => (error as WorkflowFailedError).cause);
    expect(failure).toMatchObject({
      type: 'dataset_broken',
      details: [{ cause: expect.stringContaining('source column amount') }],
    });
    expect(JSON.stringify(await temporal.history(run.workflowId, run.runId))).not.toContain(INNERMOST);

    const lines = services.lines.filter((line) => line.includes(run.runId) && line.includes('dataset_broken'));
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0]?.replace(/^[^|]*\| /, '') ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ tenant: 'dreambuilder', dataset: 'BREAKS_COLUMN', workflowId: run.workflowId });
    expect(services.lines.join('\n')).not.toContain(INNERMOST);
  });

  it('fails if it needs more memory than it may have, and the worker goes on', async () => {
    const order = { ...ALWAYS, exportType: 'TOO_LARGE', format: 'CSV' };
    const id = await client.order({ ...order, rows: 2_000_000 });
    expect(await client.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'memory_exhausted' } });
    const next = await client.order({ ...order, rows: 1000 });
    expect(await client.ended(next)).toMatchObject({ state: 'completed' });
  });
});
