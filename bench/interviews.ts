import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../stack/fetch.ts';
import type { Bench } from './benchmark.ts';
import { getPrograms, runShell } from './peers.ts';

/** Its one dataset reads the table `interviews` of the warehouse attached as `bench`. */
export const INTERVIEWS_CATALOG = fileURLToPath(import.meta.resolve('./interviews.yaml'));

/** Every row belongs to this tenant. */
export const INTERVIEWS_TENANT = 'bench';

/** Incremented when the table changes, so that an older file is not used. */
const TABLE_VERSION = 1;

/** 21 columns of a survey and the tenant, from hashes of the row's number: the same on every machine. */
const TABLE = `
  CREATE TABLE interviews AS
  SELECT
    '${INTERVIEWS_TENANT}' AS tenant,
    format('{:02d}-{:02d}-{:02d}-{:02d}', i // 1000000 % 100, i // 10000 % 100, i // 100 % 100, i % 100) AS interview__key,
    md5(i::VARCHAR) AS interview__id,
    (hash(i, 1) % 4)::TINYINT + 1 AS region,
    (hash(i, 2) % 2)::TINYINT + 1 AS sex,
    CASE WHEN hash(i, 3) % 50 > 0 THEN (hash(i, 4) % 90)::SMALLINT + 10 END AS age,
    (hash(i, 5) % 12)::INTEGER + 1 AS household,
    CASE WHEN hash(i, 6) % 5 > 0 THEN (hash(i, 7) % 120)::INTEGER + 1900 END AS year_built,
    (hash(i, 8) % 250000)::INTEGER AS population,
    hash(i, 9) % 10 > 0 AS consent,
    (hash(i, 10) % 2)::INTEGER AS owns_land,
    -4 + (hash(i, 11) % 1000000)::DOUBLE / 1e5 AS latitude,
    33 + (hash(i, 12) % 1000000)::DOUBLE / 1e5 AS longitude,
    (hash(i, 13) % 1000000)::DOUBLE / 3e5 AS weight,
    CASE WHEN hash(i, 14) % 4 > 0 THEN ((hash(i, 15) % 100000000)::BIGINT / 100)::DECIMAL(12, 2) END AS income,
    ((hash(i, 16) % 100000)::BIGINT / 1000)::DECIMAL(9, 3) AS area,
    DATE '2024-01-01' + (hash(i, 17) % 365)::INTEGER AS interviewed_on,
    make_timestamp(1704067200000000 + i * 31000000) AS started_at,
    make_timestamp(1704067200000000 + i * 31000000 + (hash(i, 18) % 7200)::BIGINT * 1000000) AS ended_at,
    ['Łódź', 'San Juan, PR', 'Reykjavík', 'Oslo', 'New York', '東京', 'Springfield', 'Nairobi'][(hash(i, 19) % 8)::BIGINT + 1]
      AS village,
    ['farmer', 'teacher', 'unemployed', 'casual labourer in agriculture', 'trader', 'student'][(hash(i, 20) % 6)::BIGINT + 1]
      AS occupation,
    CASE hash(i, 21) % 10 WHEN 0 THEN 'The respondent was interrupted; finished on the second visit.' WHEN 1 THEN 'check ' || i END
      AS comment
  FROM range(getvariable('rows')::BIGINT) AS numbers(i)`;

/** The dataset's columns. */
export const INTERVIEWS_QUERY = 'SELECT * EXCLUDE (tenant) FROM interviews';

/**
 * Builds the warehouse once and keeps it in the cache.
 *
 * @returns path of a DuckDB file
 */
export async function buildInterviews(bench: Bench, rows: number): Promise<string> {
  const directory = join(cacheDirectory(bench.environment), 'bench');
  const path = join(directory, `interviews-${TABLE_VERSION}-${rows}.duckdb`);
  if (await stat(path).catch(() => undefined)) return path;
  bench.report(`building the table of ${rows.toLocaleString('en')} rows, once`);
  const { duckdb } = await getPrograms(bench, ['duckdb']);
  await mkdir(directory, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  const environment = { ...bench.environment, DUCKDB: duckdb, WAREHOUSE: unfinished, TABLE, ROWS: String(rows) };
  try {
    await runShell('"$DUCKDB" "$WAREHOUSE" -c "SET VARIABLE rows = $ROWS; $TABLE"', environment, bench.signal);
    await rename(unfinished, path);
  } finally {
    await Promise.all([unfinished, `${unfinished}.wal`].map((left) => rm(left, { force: true })));
  }
  return path;
}
