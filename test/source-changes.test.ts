import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exportPrefix, generationPrefix, manifestKey } from '../contracts/keys.ts';
import { parseManifest } from '../contracts/manifest.ts';
import { getExtension } from '../stack/extensions.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { ALWAYS, createDoorClient, type DoorClient } from './door.ts';
import { createPeriodicClient } from './periodic-door.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

const ROWS = 1000;

/** Rows 0 to 999, and afterwards 1 to 1000: one has left every window before the snapshot, and a late one has come. */
const BEFORE = { first: '2020-01-01', count: ROWS };
const AFTER = { first: '2099-01-01', count: ROWS + 1 };

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
    title: Keeps a worker busy
    doors: [on-demand]
    sql: SELECT 'dreambuilder' AS tenant, i AS id, repeat(md5(i::VARCHAR), 8) AS text FROM range(20000000) AS r(i)
    tenant_column: tenant
    formats: [csv]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
`;

let folder: string;
let server: PostgresServer;
let database: Client;
let services: OwnServices;
let door: DoorClient;

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
  folder = await mkdtemp(join(tmpdir(), 'waybill-changes-'));
  await getExtension('postgres_scanner', {
    environment: useStack().environment,
    report: () => undefined,
    signal: new AbortController().signal,
  });
  server = await startPostgres();
  const url = new URL(await server.createDatabase());
  database = new Client({ connectionString: url.href });
  await database.connect();
  await database.query('CREATE TABLE rows (tenant text, id bigint, created timestamp)');
  await writeRows(BEFORE);
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  services = await startOwnServices({
    WAYBILL_CATALOG: join(folder, 'catalog.yaml'),
    WAYBILL_WAREHOUSE_SQL: `
      INSTALL postgres; LOAD postgres;
      CREATE SECRET (TYPE postgres, HOST '${url.hostname}', PORT ${url.port}, USER '${url.username}',
        PASSWORD '${url.password}', DATABASE '${url.pathname.slice(1)}');
      ATTACH '' AS wh (TYPE postgres, READ_ONLY);
      CREATE VIEW postgres_rows AS SELECT * FROM wh.public.rows;
      CREATE VIEW parquet_rows AS SELECT * FROM read_parquet('${join(folder, 'rows.parquet')}')`,
    WAYBILL_WAREHOUSE_DIRECTORIES: folder,
    WAYBILL_WORKER_PARTS_MAX: '1',
  });
  door = createDoorClient(services.url, 'dreambuilder');
});
afterAll(async () => {
  await services?.stop();
  await database?.end();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => writeRows(BEFORE));

/** Keeps the only writer busy until the answer is called. */
async function occupyWriter(): Promise<() => Promise<unknown>> {
  const busy = await door.order({ ...ALWAYS, exportType: 'LONG', format: 'CSV' });
  await door.until(busy, ({ progress }) => progress.contentBytes > 0);
  return () => door.request('DELETE', `/exports/${busy}`);
}

describe('a row that left and a late one that came, between plan and read', () => {
  it.each(['parquet', 'postgres'])('end an export on demand of %s with source_changed', async (exportType) => {
    const release = await occupyWriter();
    const id = await door.order({ ...ALWAYS, exportType, format: 'CSV' });
    await door.until(id, ({ progress }) => progress.rowsTotal === ROWS);
    await writeRows(AFTER);
    await release();
    expect(await door.ended(id)).toMatchObject({ state: 'failed', failure: { code: 'source_changed' } });
    await expect.poll(() => keysBelow(openBucket(services.settings), exportPrefix('dreambuilder', id))).toEqual([]);
  });

  it('let periodic files be read again from a new snapshot', async () => {
    const release = await occupyWriter();
    const client = createPeriodicClient(services.url, 'dreambuilder-demo-secret');
    const key = (await client.enable()).privateKey ?? '';
    await client.until(({ running }) => running?.progress.rowsTotal === 6 * ROWS);
    const changing = new Date().toISOString();
    await writeRows(AFTER);
    await release();
    const { generationId, snapshotAt } = await client.generation();
    expect(snapshotAt > changing).toBe(true);
    for (const file of ['parquet', 'postgres']) {
      const lines = (await client.download(`file=${file}&fileType=csv`, key)).toString().trim().split('\n').slice(1);
      expect(lines.toSorted((one, other) => Number(one) - Number(other))).toEqual(
        Array.from({ length: ROWS }, (_, place) => String(place + 1)),
      );
    }
    const stored = await openBucket(services.settings).get(manifestKey(generationPrefix('dreambuilder', generationId)));
    const read = parseManifest(Buffer.from(stored ?? '').toString());
    if ('problem' in read) throw new Error(read.problem);
    const names = read.manifest.files.flatMap(({ format, parts }) =>
      format === 'csv' ? parts.map(({ name }) => name) : [],
    );
    expect(names).toHaveLength(2);
    for (const name of names) expect(name).toMatch(/-2-\d+\.csv\.age$/);
  });
});
