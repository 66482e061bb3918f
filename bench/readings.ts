import { link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Instant, instantFromMicros } from '../contracts/instant.ts';
import { type Compression, CSV_DEFAULTS, type Format, type Order } from '../contracts/order.ts';
import { cacheDirectory } from '../stack/fetch.ts';
import type { Bench } from './benchmark.ts';
import { getPrograms, runShell } from './peers.ts';

/** The catalog of most benchmarks; its one dataset reads the table `readings` of the warehouse attached as `bench`. */
export const CATALOG = fileURLToPath(import.meta.resolve('./readings.yaml'));

/** Every row belongs to this tenant, because the peers do not filter and both sides must have the same rows. */
export const TENANT = 'bench';

/** Incremented when the table changes, so that an older file is not used. */
const TABLE_VERSION = 1;

/** First row's time, 2024-01-01, and the step from one row to the next, in microseconds. */
const FIRST_MICROS = 1_704_067_200_000_000n;
const STEP_MICROS = 1_000_003n;

/** Ten exported columns and the tenant, from hashes of the row's number: the same on every machine. */
const TABLE = `
  CREATE TABLE readings AS
  SELECT
    '${TENANT}' AS tenant,
    i AS id,
    make_timestamp(${FIRST_MICROS} + i * ${STEP_MICROS}) AS created_at,
    (hash(i, 1) % 100000000)::BIGINT AS user_id,
    ['open', 'in progress', 'completed', 'cancelled', 'failed'][(hash(i, 2) % 5)::BIGINT + 1] AS status,
    ((hash(i, 3) % 10000000)::BIGINT / 100)::DECIMAL(12, 2) AS amount,
    (hash(i, 4) % 100000)::DOUBLE / 1000 AS score,
    hash(i, 5) % 3 = 0 AS active,
    ['Łódź', 'San Juan, PR', 'Reykjavík', 'Oslo', 'New York', '東京', 'Springfield', 'Nairobi'][(hash(i, 6) % 8)::BIGINT + 1]
      AS city,
    substr(md5(i::VARCHAR), 1, 16) AS reference,
    CASE hash(i, 7) % 20 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'said "yes", twice' ELSE 'check ' || hash(i, 8) % 1000 END
      AS note
  FROM range(getvariable('rows')::BIGINT) AS numbers(i)`;

/** The peers' query: the dataset's columns, unfiltered. */
export const READINGS_QUERY =
  'SELECT id, created_at, user_id, status, amount, score, active, city, reference, note FROM readings';

/**
 * Builds the warehouse once and keeps it in the cache.
 *
 * @returns path of a DuckDB file
 */
export async function buildReadings(bench: Bench): Promise<string> {
  const directory = join(cacheDirectory(bench.environment), 'bench');
  const path = join(directory, `readings-${TABLE_VERSION}-${bench.rows}.duckdb`);
  if (await stat(path).catch(() => undefined)) return path;
  bench.report(`building the table of ${bench.rows.toLocaleString('en')} rows, once`);
  const { duckdb } = await getPrograms(bench, ['duckdb']);
  await mkdir(directory, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  const environment = { ...bench.environment, DUCKDB: duckdb, WAREHOUSE: unfinished, TABLE, ROWS: String(bench.rows) };
  try {
    await runShell('"$DUCKDB" "$WAREHOUSE" -c "SET VARIABLE rows = $ROWS; $TABLE"', environment, bench.signal);
    await rename(unfinished, path);
  } finally {
    await Promise.all([unfinished, `${unfinished}.wal`].map((left) => rm(left, { force: true })));
  }
  return path;
}

/** Start-up SQL that attaches the table's file as the catalog expects it. */
export function attachSql(warehouse: string): string {
  return `ATTACH '${warehouse.replaceAll("'", "''")}' AS bench (READ_ONLY)`;
}

/** Number of files in the bundle: one large, the others small, together with every row of the table once. */
export const BUNDLE_FILES = 36;

/** One in this many rows goes to the small files. */
const SMALL_SHARE = 20;

const Catalog = z.object({ datasets: z.tuple([z.looseObject({ sql: z.string() })]) });

/** @returns path of the catalog. JSON is valid YAML */
async function writeCatalog(directory: string, datasets: readonly object[]): Promise<string> {
  const path = join(directory, 'catalog.yaml');
  await writeFile(path, JSON.stringify({ datasets }));
  return path;
}

/**
 * Writes the table as Parquet files of a partitioned directory: one file, linked as often as it is to be read.
 *
 * @returns the catalog, whose one dataset has each row so many times, with an id of its own; and the directory that DuckDB reads
 */
export async function writeRepeatedTable(
  bench: Bench,
  copies: number,
): Promise<{ readonly catalog: string; readonly files: string }> {
  const { directory, rows, signal } = bench;
  const [warehouse, { duckdb }] = [await buildReadings(bench), await getPrograms(bench, ['duckdb'])];
  const file = join(directory, 'readings.parquet');
  const script = `"$DUCKDB" -readonly "$WAREHOUSE" -c "COPY readings TO '$FILE' (FORMAT parquet)"`;
  await runShell(script, { ...bench.environment, DUCKDB: duckdb, WAREHOUSE: warehouse, FILE: file }, signal);
  const files = join(directory, 'readings');
  for (let at = 0; at < copies; at += 1) {
    const partition = join(files, `copy=${at}`);
    await mkdir(partition, { recursive: true });
    await link(file, join(partition, 'readings.parquet'));
  }
  const [readings] = Catalog.parse(parse(await readFile(CATALOG, 'utf8'))).datasets;
  const all = `read_parquet('${join(files, '*', '*.parquet').replaceAll("'", "''")}', hive_partitioning = true)`;
  const sql = `SELECT * REPLACE (id + copy * ${rows} AS id) FROM ${all}`;
  return { catalog: await writeCatalog(directory, [{ ...readings, sql }]), files };
}

/** Writes a catalog whose periodic files share the table's rows. @returns its path */
export async function writeBundleCatalog(directory: string): Promise<string> {
  const [readings] = Catalog.parse(parse(await readFile(CATALOG, 'utf8'))).datasets;
  const dataset = (name: string, rows: string) => ({
    ...{ ...readings, name, title: name, doors: ['periodic'] },
    sql: `${readings.sql} WHERE ${rows}`,
  });
  const small = BUNDLE_FILES - 1;
  const datasets = [
    dataset('readings', `id % ${SMALL_SHARE} > 0`),
    ...Array.from({ length: small }, (_, at) =>
      dataset(`readings${at + 1}`, `id % ${SMALL_SHARE} = 0 AND id // ${SMALL_SHARE} % ${small} = ${at}`),
    ),
  ];
  return writeCatalog(directory, datasets);
}

/** @returns the time of a row, by its number from 0 */
export function readingTime(row: number): Instant {
  const instant = instantFromMicros(FIRST_MICROS + BigInt(row) * STEP_MICROS);
  if (!instant) throw new RangeError(`There is no time for row ${row}.`);
  return instant;
}

/** An order for the first `rows` rows of the table. */
export function readingsOrder(options: {
  readonly rows: number;
  readonly format: Format;
  readonly compression: Compression;
  readonly recipients: readonly string[];
}): Order {
  const { rows, ...rest } = options;
  return {
    ...rest,
    tenant: TENANT,
    dataset: 'READINGS',
    window: { from: readingTime(0), to: readingTime(rows - 1), bounds: 'inclusive' },
    parameters: {},
    csv: CSV_DEFAULTS,
    columns: null,
    keepDays: 1,
  };
}
