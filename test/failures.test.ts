import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPrefix } from '../contracts/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { ALWAYS, createDoorClient, type DoorClient } from './door.ts';

let folder: string;
let services: OwnServices;
let door: DoorClient;

/** Text that only the warehouse's SQL and its errors hold; it must not reach a caller. */
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
  - name: CHANGES
    title: Loses rows while it waits
    doors: [on-demand]
    sql: SELECT * FROM changing
    tenant_column: tenant
    created_column: created
    key: [id]
    formats: [csv]
    columns: [{ name: id, type: integer }]
  - name: LONG
    title: Keeps a worker busy
    doors: [on-demand]
    sql: SELECT 'dreambuilder' AS tenant, i AS id, repeat(md5(i::VARCHAR), 8) AS text FROM range(20000000) AS r(i)
    tenant_column: tenant
    formats: [csv]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
`;

/** Replaces the file behind the dataset CHANGES, whole. */
async function writeRows(count: number): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const path = join(folder, 'changing.parquet');
  await connection.run(
    `COPY (SELECT 'dreambuilder' AS tenant, i AS id, TIMESTAMP '2020-01-01' AS created FROM range(${count}) AS r(i))
     TO '${path}.next' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  await rename(`${path}.next`, path);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-failures-'));
  await writeRows(1000);
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  services = await startOwnServices({
    WAYBILL_CATALOG: join(folder, 'catalog.yaml'),
    WAYBILL_WAREHOUSE_SQL: `CREATE VIEW changing AS SELECT * FROM read_parquet('${join(folder, 'changing.parquet')}')`,
    WAYBILL_WAREHOUSE_DIRECTORIES: folder,
    WAYBILL_WAREHOUSE_MEMORY: '300MB',
    WAYBILL_WORKER_PARTS_MAX: '1',
    WAYBILL_LOG_LEVEL: 'silent',
  });
  door = createDoorClient(services.url, 'dreambuilder');
});

afterAll(async () => {
  await services?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function expectNothingLeft(id: string): Promise<void> {
  const prefix = exportPrefix('dreambuilder', id);
  const bucket = openBucket(services.settings);
  await expect.poll(() => keysBelow(bucket, prefix)).toEqual([]);
  expect(await bucket.abortUploads(prefix)).toBe(0);
  expect((await door.request('GET', `/exports/${id}/manifest`)).status).toBe(409);
}

describe('an export that cannot succeed', () => {
  it.each(['CSV', 'JSONL'])('fails at once when the dataset breaks at its last row, as %s', async (format) => {
    const id = await door.order({ ...ALWAYS, exportType: 'BREAKS_LATE', format });
    const view = await door.ended(id, 20);
    expect(view).toMatchObject({ status: 'FAILED', state: 'failed', failure: { code: 'dataset_broken' } });
    expect(JSON.stringify(view)).not.toContain(INNERMOST);
    await expectNothingLeft(id);
  });

  it('fails honestly when it needs more memory than it may have, and the worker goes on', async () => {
    const id = await door.order({ ...ALWAYS, exportType: 'TOO_LARGE', format: 'CSV', rows: 2_000_000 });
    expect(await door.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'memory_exhausted' } });
    const next = await door.order({ ...ALWAYS, exportType: 'CHANGES', format: 'CSV' });
    expect(await door.ended(next)).toMatchObject({ state: 'completed' });
  });

  it('ends with source_changed when rows are gone between plan and read, never with fewer rows', async () => {
    const busy = await door.order({ ...ALWAYS, exportType: 'LONG', format: 'CSV' });
    await door.until(busy, ({ progress }) => progress.contentBytes > 0);
    const id = await door.order({ ...ALWAYS, exportType: 'CHANGES', format: 'CSV', csv: { bom: true } });
    await door.until(id, ({ progress }) => progress.rowsTotal === 1000);
    await writeRows(999);
    await door.request('DELETE', `/exports/${busy}`);
    expect(await door.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'source_changed' } });
    await expectNothingLeft(id);
  });
});
