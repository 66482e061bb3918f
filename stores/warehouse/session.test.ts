import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { createWarehouse } from './duckdb.ts';
import { openSession } from './session.ts';
import {
  BIG_TABLE,
  column,
  dataset,
  EVERYTHING,
  never,
  OPTIONS,
  order,
  readAll,
  scratchDirectory,
  useWarehouse,
} from './warehouse-fixture.ts';

const { planFile, scratch, warehouse } = await useWarehouse(BIG_TABLE);

describe('the lock-down', () => {
  const inside = join(scratch, 'inside.duckdb');
  it.each([
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 't')",
    'SELECT * FROM (SELECT * FROM "POSTGRES_attach"(\'host=127.0.0.1\'))',
    "SELECT * FROM query('SELECT ''acme'' AS tenant')",
    "SET memory_limit = '1TB'",
    "SELECT 1 AS tenant; SET memory_limit = '1TB'",
    'SELECT 1) AS source, (SELECT 2',
    `ATTACH '${inside}' AS inside`,
    `COPY (SELECT 1) TO '${inside}'`,
    'INSTALL httpfs',
    "LOAD '/tmp/x.duckdb_extension'",
    'CREATE TABLE more (x INTEGER)',
    'DROP TABLE big',
    "SELECT getenv('HOME') AS tenant",
  ])('refuses a dataset of %s', async (sql) => {
    const set = dataset({ sql, columns: [column('tenant', 'text')] });
    await expect(warehouse.check([set])).rejects.toMatchObject({ code: 'dataset_broken' });
    await expect(planFile(set, order(), 10)).rejects.toMatchObject({ code: 'dataset_broken' });
    expect(existsSync(inside)).toBe(false);
  });
});

describe('a connection', () => {
  it.each([
    'SET threads = 1',
    "SET GLOBAL allowed_configs = ['enable_external_access']",
    'RESET TimeZone',
    'SET GLOBAL enable_external_access = true',
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "ATTACH '/tmp/waybill-elsewhere.duckdb'",
    "COPY (SELECT 1) TO '/tmp/waybill-elsewhere.csv'",
    "EXPORT DATABASE '/tmp/waybill-elsewhere'",
    'INSTALL httpfs',
    "LOAD '/tmp/x.duckdb_extension'",
  ])('of a locked-down session refuses %s, and takes its own pipes', async (sql) => {
    const path = scratchDirectory();
    const session = await openSession({ ...OPTIONS, tempDirectory: path });
    const connection = await session.connect();
    await expect(connection.run(sql)).rejects.toThrow(/Permission Error|configuration has been locked/);
    const fifo = await session.fifos.open();
    await connection.run(`COPY (SELECT 1) TO '${fifo.path}' (USE_TMP_FILE false)`);
    fifo.close();
    const { value } =
      (await connection.runAndReadAll("SELECT current_setting('TimeZone') AS value")).getRowObjects()[0] ?? {};
    expect(value).toBe('UTC');
    connection.disconnectSync();
    await session.close();
    expect(readdirSync(path)).toEqual([]);
  });
});

async function setting(connection: DuckDBConnection, name: string): Promise<string> {
  return String((await connection.runAndReadAll(`SELECT current_setting('${name}')`)).getRows()[0]?.[0]);
}

/** DuckDB's limit of memory. It tells a rounded amount. */
async function megabytes(connection: DuckDBConnection): Promise<number> {
  const [, amount, unit] = /^([\d.]+) (KiB|MiB|GiB)$/.exec(await setting(connection, 'memory_limit')) ?? [];
  return (Number(amount) * 1024 ** ['KiB', 'MiB', 'GiB'].indexOf(unit ?? '') * 1024) / 1e6;
}

/** Megabytes that DuckDB usually has here. */
const USUAL = Math.max(256, Math.min(4, availableParallelism()) * 128);

describe('start-up', () => {
  it('attaches a DuckDB file and a directory of Parquet files, and reads nothing beside it', async () => {
    const path = scratchDirectory();
    const database = join(path, 'it.duckdb');
    const inside = join(path, 'inside');
    mkdirSync(inside);
    const instance = await DuckDBInstance.create(database);
    const connection = await instance.connect();
    await connection.run("CREATE TABLE t AS SELECT 'acme' AS tenant, 1 AS id");
    await connection.run(`COPY t TO '${join(inside, 'a.parquet')}'; COPY t TO '${join(inside, 'b.parquet')}'`);
    await connection.run(`COPY t TO '${join(path, 'outside.parquet')}'`);
    connection.disconnectSync();
    instance.closeSync();
    const both = await createWarehouse({
      ...OPTIONS,
      startupSql: `ATTACH '${database}' AS it (READ_ONLY); CREATE VIEW files AS FROM read_parquet('${inside}/*.parquet');`,
      directories: [inside],
      tempDirectory: scratch,
    });
    try {
      const columns = [column('id', 'integer')];
      const rowsOf = async (sql: string) =>
        (await readAll(both.read(dataset({ sql, columns }), order(), EVERYTHING, never))).rows;
      expect(await rowsOf('SELECT * FROM it.t')).toBe(1);
      expect(await rowsOf('SELECT * FROM files')).toBe(2);
      expect(await rowsOf(`SELECT * FROM '${inside}/a.parquet'`)).toBe(1);
      await expect(rowsOf(`SELECT * FROM '${path}/outside.parquet'`)).rejects.toMatchObject({ code: 'dataset_broken' });
      await expect(rowsOf(`SELECT * FROM '${inside}/../outside.parquet'`)).rejects.toMatchObject({
        code: 'dataset_broken',
      });
    } finally {
      await both.close();
    }
  });

  it.each([
    ["SELECT 1; ATTACH '/nowhere/secret.duckdb' AS it (READ_ONLY)", 'warehouse_unavailable', 'at statement 2 of 2'],
    ["SELECT ';'; SELECT 1 + ", 'dataset_broken', 'failed.'],
    ["CREATE SECRET (TYPE nothing, PASSWORD 'secret')", 'dataset_broken', 'at statement 1 of 1'],
    ['INSTALL spatial', 'warehouse_unavailable', 'at statement 1 of 1'],
  ])('that fails (%s) is %s, %s, and leaves nothing behind', async (startupSql, code, where) => {
    const path = scratchDirectory();
    const error: unknown = await createWarehouse({ ...OPTIONS, startupSql, tempDirectory: path }).catch(
      (failure: unknown) => failure,
    );
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(where);
    expect(String(error)).not.toContain('secret');
    expect(readdirSync(path)).toEqual([]);
  });

  it.each([
    ['INSTALL spatial', false, 'spatial'],
    ['LOAD postgres', false, 'postgres_scanner'],
    ["ATTACH '' AS it (TYPE postgres)", false, 'postgres_scanner'],
    ["SET GLOBAL custom_extension_repository = 'http://127.0.0.1:9'; INSTALL spatial", true, 'spatial'],
  ])('by %s, where that may be fetched: %s, says how to provide %s', async (startupSql, installExtensions, name) => {
    const path = scratchDirectory();
    const error: unknown = await createWarehouse({
      ...OPTIONS,
      startupSql,
      extensionDirectory: join(path, 'extensions'),
      installExtensions,
      tempDirectory: path,
    }).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'warehouse_unavailable' });
    expect(String(error)).toMatch(
      new RegExp(
        `extension ${name} is not installed: put ${name}\\.duckdb_extension into WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY.* or set WAYBILL_WAREHOUSE_INSTALL_EXTENSIONS=true`,
      ),
    );
    expect(String(error)).not.toContain(path);
  });

  it('looks for extensions in the directory of the setting, and queries cannot change it', async () => {
    const path = scratchDirectory();
    const extensionDirectory = join(path, 'extensions');
    const session = await openSession({ ...OPTIONS, extensionDirectory, tempDirectory: path });
    const connection = await session.connect();
    const directory = async () =>
      (await connection.runAndReadAll("SELECT current_setting('extension_directory')")).getRows()[0]?.[0];
    expect(await directory()).toBe(extensionDirectory);
    await expect(connection.run("SET GLOBAL extension_directory = '/tmp'")).rejects.toThrow(/locked/);
    await expect(connection.run('RESET GLOBAL extension_directory')).rejects.toThrow(/locked/);
    expect(await directory()).toBe(extensionDirectory);
    connection.disconnectSync();
    await session.close();
  });

  it.each(['lots', '1B'])('with a memory limit of %s names the setting, and leaves nothing behind', async (memory) => {
    const path = scratchDirectory();
    await expect(createWarehouse({ ...OPTIONS, memory, tempDirectory: path })).rejects.toMatchObject({
      code: 'warehouse_misconfigured',
      message: expect.stringContaining('WAYBILL_WAREHOUSE_MEMORY'),
    });
    expect(readdirSync(path)).toEqual([]);
  });

  it.each([
    ['100GB', 0, { threads: Math.min(4, availableParallelism()), usual: USUAL, most: 100_000 }],
    ['1GB', 6, { threads: 6, usual: 768, most: 1000 }],
    ['1GB', 1, { threads: 1, usual: 256, most: 1000 }],
    ['125MB', 0, { threads: 1, usual: 125, most: 125 }],
    ['100MB', 0, { threads: 1, usual: 100, most: 100 }],
    ['100MB', 1, { threads: 1, usual: 100, most: 100 }],
    ['250MB', 2, { threads: 2, usual: 250, most: 250 }],
  ])('with memory %s and %s threads has limits that work', async (memory, threads, limits) => {
    const session = await openSession({ ...OPTIONS, memory, threads, tempDirectory: scratchDirectory() });
    const connection = await session.connect();
    expect(await setting(connection, 'threads')).toBe(String(limits.threads));
    expect(await megabytes(connection)).toBeCloseTo(limits.usual, 0);
    expect(session.memory.hasMore).toBe(limits.most > limits.usual);
    const release = await session.memory.raise();
    expect(await megabytes(connection)).toBeCloseTo(limits.most, -2);
    await release();
    expect(await megabytes(connection)).toBeCloseTo(limits.usual, 0);
    connection.disconnectSync();
    await session.close();
  });

  it('with more threads than its memory serves says so', async () => {
    await expect(openSession({ ...OPTIONS, memory: '300MB', threads: 3 })).rejects.toMatchObject({
      code: 'warehouse_misconfigured',
      message: expect.stringMatching(/WAYBILL_WAREHOUSE_MEMORY is too little for 3 threads: each needs 125 MB/),
    });
  });

  it('that is closed stops what runs and leaves nothing behind', async () => {
    const path = scratchDirectory();
    const closing = await createWarehouse({ ...OPTIONS, tempDirectory: path });
    const endless = dataset({
      sql: "SELECT 'acme' AS tenant, i FROM range(1000000000000) t(i)",
      columns: [column('i', 'integer')],
    });
    const chunks = closing.read(endless, order(), EVERYTHING, never).chunks[Symbol.asyncIterator]();
    const unending = { dataset: { ...endless, sql: `${endless.sql} WHERE i % 7 = 3` }, order: order() };
    const planned = closing.plan([unending], 10, never);
    await chunks.next();
    await Promise.all([closing.close(), expect(planned).rejects.toMatchObject({ code: 'warehouse_unavailable' })]);
    await expect(chunks.next()).rejects.toMatchObject({ code: 'warehouse_unavailable' });
    expect(readdirSync(path)).toEqual([]);
  });
});
