import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Client } from 'pg';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { getExtension } from '../stack/extensions.ts';
import { expectEmpty, openBucket, readGeneration } from './bucket.ts';
import { closeAtEnd, temporaryFolder, writeCatalog } from './cleanup.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { type Gate, openGate } from './gate.ts';
import { exportPrefix } from './keys.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';
import { PART_OF_UPLOAD } from './own-stack.ts';
import { createPeriodicClient } from './periodic-client.ts';
import { startPostgres } from './postgres-server.ts';
import { QUIET } from './programs.ts';

const ROWS = 1000;

/** Rows 0 to 999. */
const BEFORE = { first: '2020-01-01', count: ROWS };
/** Rows 1 to 1000: one has left every window before the snapshot, and a late one has arrived. */
const EXCHANGED = { first: '2099-01-01', count: ROWS + 1 };
/** One row less. */
const FEWER = { ...BEFORE, count: ROWS - 1 };

const CATALOG = `
datasets:
${['parquet', 'postgres']
  .map(
    (name) => `
  - name: ${name}
    title: Rows that come and go
    doors: [on-demand, periodic]
    sql: SELECT * FROM ${name}_rows
    tenant_column: tenant
    created_column: created
    key: [id]
    formats: [csv]
    columns: [{ name: id, type: integer }]`,
  )
  .join('')}
  - name: LONG
    title: Needs a multipart upload
    doors: [on-demand]
    sql: SELECT 'dreambuilder' AS tenant, i AS id, repeat(md5(i::VARCHAR), 8) AS text FROM range(200000) AS r(i)
    tenant_column: tenant
    formats: [csv]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
`;

let folder: string;
let database: Client;
/** Between the worker and the object store. */
let gate: Gate;
let services: OwnServices;
let onDemand: OnDemandClient;

async function writeParquet({ first, count }: typeof BEFORE): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const path = join(folder, 'rows.parquet');
  await connection.run(
    `COPY (SELECT 'dreambuilder' AS tenant, i AS id,
       CASE i WHEN 0 THEN TIMESTAMP '${first}' ELSE TIMESTAMP '2020-01-01' END AS created FROM range(${count}) AS r(i))
     TO '${path}.next' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  await rename(`${path}.next`, path);
}

async function writePostgres({ first, count }: typeof BEFORE): Promise<void> {
  await database.query(`
    BEGIN;
    DELETE FROM rows;
    INSERT INTO rows SELECT 'dreambuilder', i, CASE i WHEN 0 THEN timestamp '${first}' ELSE timestamp '2020-01-01' END
      FROM generate_series(0, ${count - 1}) i;
    COMMIT`);
}

async function writeRows(rows: typeof BEFORE): Promise<void> {
  await Promise.all([writeParquet(rows), writePostgres(rows)]);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  await getExtension('postgres_scanner', { ...QUIET, environment: useStack().environment });
  const server = await startPostgres();
  const url = new URL(await server.createDatabase());
  database = new Client({ connectionString: url.href });
  await database.connect();
  closeAtEnd(() => database.end());
  await database.query('CREATE TABLE rows (tenant text, id bigint, created timestamp)');
  await writeRows(BEFORE);
  gate = await openGate(useStack().ports.objects);
  const settings = {
    ...(await writeCatalog(CATALOG)),
    WAYBILL_WAREHOUSE_SQL: `
      INSTALL postgres; LOAD postgres;
      CREATE SECRET (TYPE postgres, HOST '${url.hostname}', PORT ${url.port}, USER '${url.username}',
        PASSWORD '${url.password}', DATABASE '${url.pathname.slice(1)}');
      ATTACH '' AS wh (TYPE postgres, READ_ONLY);
      CREATE VIEW postgres_rows AS SELECT * FROM wh.public.rows;
      CREATE VIEW parquet_rows AS SELECT * FROM read_parquet('${join(folder, 'rows.parquet')}')`,
    WAYBILL_WAREHOUSE_DIRECTORIES: folder,
    WAYBILL_WORKER_PARTS_MAX: '1',
  };
  services = await startOwnServices(settings, { WAYBILL_OBJECTS_URL: `http://${gate.address}` });
  onDemand = createOnDemandClient(services.url, 'dreambuilder');
});
beforeEach(() => writeRows(BEFORE));

/** Keeps the only writer busy with an upload that the gate holds. @returns releases it */
async function occupyWriter(): Promise<() => Promise<void>> {
  const uploading = gate.holdAt(PART_OF_UPLOAD);
  const busy = await onDemand.order({ ...ALWAYS, exportType: 'LONG', format: 'CSV' });
  await uploading;
  return async () => {
    void gate.release();
    await onDemand.ended(busy);
  };
}

describe('a change of rows between plan and read', () => {
  it.each([
    ['parquet', 'one is gone', FEWER],
    ['parquet', 'one is exchanged', EXCHANGED],
    ['postgres', 'one is exchanged', EXCHANGED],
  ])('fails an on-demand export of %s with source_changed if %s', async (exportType, _, rows) => {
    const release = await occupyWriter();
    const id = await onDemand.order({ ...ALWAYS, exportType, format: 'CSV' });
    await onDemand.until(id, ({ progress }) => progress.rowsTotal === ROWS);
    await writeRows(rows);
    await release();
    expect(await onDemand.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'source_changed' } });
    await expectEmpty(openBucket(services.settings), exportPrefix('dreambuilder', id), 30);
    expect((await onDemand.request('GET', `/exports/${id}/manifest`)).status).toBe(409);
  });

  it('makes a periodic export start again from a new snapshot', async () => {
    const release = await occupyWriter();
    const periodic = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
    const key = (await periodic.enable()).privateKey ?? '';
    await periodic.until(({ running }) => running?.progress.rowsTotal === 6 * ROWS);
    const changing = new Date().toISOString();
    await writeRows(EXCHANGED);
    await release();
    const { generationId, snapshotAt } = await periodic.generation();
    expect(snapshotAt > changing).toBe(true);
    for (const file of ['parquet', 'postgres']) {
      const lines = (await periodic.download(`file=${file}&fileType=csv`, key)).toString().trim().split('\n').slice(1);
      expect(lines.toSorted((one, other) => Number(one) - Number(other))).toEqual(
        Array.from({ length: ROWS }, (_, place) => String(place + 1)),
      );
    }
    const manifest = await readGeneration(openBucket(services.settings), 'dreambuilder', generationId);
    const names = manifest.files.flatMap(({ format, parts }) =>
      format === 'csv' ? parts.map(({ name }) => name) : [],
    );
    expect(names).toHaveLength(2);
    for (const name of names) expect(name).toMatch(/-2-\d+\.csv\.age$/);
  });
});
