import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../config/catalog.ts';
import type { Dataset } from '../config/dataset.ts';
import { buildSampleWarehouse, type SampleWarehouse } from './build.ts';
import { WAREHOUSE_TYPES } from './warehouse-types.ts';

const SCALE = 0.01;
const TENANTS = ['dreambuilder', 'acme', 'fjordbank', 'lumen-school'];
const { datasets } = await loadCatalog(join(import.meta.dirname, 'sample'));

/** Has an apostrophe, so that a path which is not quoted in SQL shows. */
let directory: string;
let built: SampleWarehouse;
let instance: DuckDBInstance;
let connection: DuckDBConnection;

async function open(startupSql: string): Promise<void> {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await connection.run(startupSql);
  await connection.run("SET TimeZone = 'UTC'; SET VARIABLE activity = 12345");
}

function close(): void {
  connection.closeSync();
  instance.closeSync();
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sample's "));
  built = await buildSampleWarehouse({ directory, scale: SCALE, report: () => undefined });
  await open(built.startupSql);
}, 60_000);
afterAll(async () => {
  close();
  await rm(directory, { recursive: true });
});

async function query(sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await connection.runAndReadAll(sql)).getRowsJson();
}

/** The dataset's SQL with its parameter in place. */
function sourceOf(dataset: Dataset): string {
  return `(${dataset.sql.replaceAll('$learningActivityId', "getvariable('activity')")})`;
}

describe('the catalog fits the warehouse', () => {
  test.each(datasets.map((dataset) => ({ name: dataset.name, dataset })))('$name', async ({ dataset }) => {
    const described = await query(`SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${sourceOf(dataset)})`);
    const types = new Map(described.map(([name, type]) => [name, String(type)]));
    for (const column of dataset.columns) {
      expect(types.get(column.name), column.name).toMatch(WAREHOUSE_TYPES[column.type]);
    }
    expect(types.get(dataset.tenantColumn)).toBe('VARCHAR');
    for (const name of [dataset.createdColumn, dataset.modifiedColumn]) {
      if (name !== null) expect(types.get(name), name).toMatch(WAREHOUSE_TYPES.timestamp);
    }
    if (dataset.deletedColumn !== null) expect(types.get(dataset.deletedColumn)).toBe('BOOLEAN');

    const counts = new Map(await tenantCounts(dataset));
    const expected = dataset.name === 'FLIGHTS' || dataset.parameters.length > 0 ? ['dreambuilder'] : TENANTS;
    expect([...counts.keys()].toSorted()).toEqual(expected.toSorted());

    if (dataset.createdColumn !== null) {
      expect(await query(`SELECT count(*) FROM ${sourceOf(dataset)} WHERE ${dataset.createdColumn} IS NULL`)).toEqual([
        ['0'],
      ]);
    }
    if (dataset.key.length > 0) {
      const key = dataset.key.map((name) => `"${name}"`).join(', ');
      expect(await query(`SELECT ${key} FROM ${sourceOf(dataset)} GROUP BY ALL HAVING count(*) > 1`)).toEqual([]);
    }
  });
});

async function tenantCounts(dataset: Dataset): Promise<readonly (readonly [string, number])[]> {
  const rows = await query(`SELECT ${dataset.tenantColumn}, count(*) FROM ${sourceOf(dataset)} GROUP BY 1`);
  return rows.map(([tenant, count]) => [String(tenant), Number(count)]);
}

test('every type of the catalog occurs', () => {
  const used = new Set(datasets.flatMap((dataset) => dataset.columns.map((column) => column.type)));
  expect([...used].toSorted()).toEqual(Object.keys(WAREHOUSE_TYPES).toSorted());
});

test('all three million flights lie in 2001, none without a time', async () => {
  const sql = "SELECT count(*) FROM flights WHERE flight_date BETWEEN '2001-01-01' AND '2002-01-01'";
  expect(await query(sql)).toEqual([['3000000']]);
});

test('the published window has rows of each learning dataset', async () => {
  for (const dataset of datasets.filter(({ doors }) => doors.includes('on-demand'))) {
    if (dataset.name === 'FLIGHTS') continue;
    const sql = `SELECT count(*) FROM ${sourceOf(dataset)} WHERE tenant = 'dreambuilder'
      AND ${dataset.createdColumn} BETWEEN '2012-09-05 11:12:47' AND '2015-05-28 17:39:23'`;
    expect(Number((await query(sql))[0]?.[0]), dataset.name).toBeGreaterThan(0);
  }
});

test('awkward values are in it', async () => {
  const [counts] = await query(`SELECT count(*) FILTER (body LIKE '%"%'), count(*) FILTER (contains(body, chr(10))),
    count(*) FILTER (contains(body, chr(13))), count(*) FILTER (contains(body, chr(9))), count(*) FILTER (body = ''),
    count(*) FILTER (body IS NULL), count(*) FILTER (regexp_matches(body, '^[=+@-]')), count(*) FILTER (body LIKE '%🚀%'),
    count(*) FILTER (body LIKE '%شكرا%') FROM (SELECT body FROM warehouse.engagement.comment UNION ALL SELECT body FROM warehouse.engagement.content)`);
  for (const count of counts ?? []) expect(Number(count)).toBeGreaterThan(0);
  const [ranges] = await query(`SELECT min(user_id) > 9007199254740992, min(happened_at) < '1970-01-01',
    bool_or(epoch_us(created_at) % 1000 > 0) FROM warehouse.learning.activity_results`);
  expect(ranges).toEqual([true, true, true]);
});

/** Rows in the order they are stored. */
async function fingerprints(): Promise<readonly (readonly unknown[])[]> {
  const tables = await query(
    "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'warehouse' ORDER BY ALL",
  );
  const prints = tables.map(async ([schema, table]) => {
    const name = `warehouse.${String(schema)}."${String(table)}"`;
    return [name, ...(await query(`SELECT count(*), md5(string_agg(t::VARCHAR, chr(10))) FROM ${name} t`))];
  });
  return Promise.all(prints);
}

test('two builds hold the same, and another scale does not', async () => {
  const first = await fingerprints();
  expect(first.length).toBeGreaterThan(80);
  const path = await mkdtemp(join(tmpdir(), 'sample-'));
  try {
    const report = () => undefined;
    for (const scale of [SCALE, SCALE / 10]) {
      const { startupSql } = await buildSampleWarehouse({ directory: path, scale, report });
      close();
      await open(startupSql);
      if (scale === SCALE) expect(await fingerprints()).toEqual(first);
      else expect(await fingerprints()).not.toEqual(first);
    }
  } finally {
    close();
    await open(built.startupSql);
    await rm(path, { recursive: true });
  }
}, 60_000);

describe('building again', () => {
  async function again(): Promise<readonly string[]> {
    const lines: string[] = [];
    await buildSampleWarehouse({ directory, scale: SCALE, report: (line) => lines.push(line) });
    return lines;
  }

  test('keeps what is there', async () => {
    const before = await stat(built.databasePath);
    expect(await again()).toEqual([`The sample warehouse already exists (scale ${SCALE}).`]);
    expect((await stat(built.databasePath)).mtimeMs).toBe(before.mtimeMs);
  });

  test('replaces what is not a whole warehouse, and removes old leftovers only', async () => {
    await writeFile(built.databasePath, 'half a file');
    const old = join(directory, '.unfinished-old');
    await mkdir(old);
    await mkdir(join(directory, '.unfinished-new'));
    await utimes(old, 1, 1);
    expect((await again()).length).toBeGreaterThan(1);
    expect((await readdir(directory)).toSorted()).toEqual(['.unfinished-new', 'flights', 'sample.duckdb']);
    expect((await again()).length).toBe(1);
  }, 60_000);
});

test.each([0, -1, Number.NaN, 101])('the scale %d is refused', async (scale) => {
  await expect(buildSampleWarehouse({ directory, scale, report: () => undefined })).rejects.toThrow(RangeError);
});
