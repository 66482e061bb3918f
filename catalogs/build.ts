import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, version } from '@duckdb/node-api';

export interface SampleOptions {
  /** Created if missing. */
  readonly directory: string;
  /** Size of the tables; 1 gives 400,000 rows in the largest, 0.01 is for tests. @minimum 0.0001 @maximum 100 */
  readonly scale: number;
  /** What is built. @default all */
  readonly domains?: readonly SampleDomain[];
  /** Receives progress, one line at a time. */
  readonly report: (line: string) => void;
}

/** The built warehouse, for the settings. */
export interface SampleWarehouse {
  readonly databasePath: string;
  /** The three million US flights, in Parquet. */
  readonly flightsPath: string;
  /** Attaches the database as `warehouse`, read-only, and makes the view `flights`. */
  readonly startupSql: string;
  /** Directories that the locked-down connection reads besides the database. */
  readonly directories: readonly string[];
}

/** Scripts of each domain, in the order they are run. */
const DOMAINS = {
  learning: ['learning'],
  evaluation: ['evaluation'],
  engagement: ['engagement'],
  survey: ['survey', 'farm-survey', 'farm-rosters', 'farm-fieldwork', 'farm-description'],
  jobs: ['jobs'],
} as const satisfies Record<string, readonly string[]>;

/** A group of tables, in a schema of its own. */
export type SampleDomain = keyof typeof DOMAINS;
export const SAMPLE_DOMAINS = Object.keys(DOMAINS) as readonly SampleDomain[];

const SQL_DIRECTORY = join(import.meta.dirname, 'warehouse');

/**
 * Builds the sample warehouse unless it exists. It is built under a temporary name and renamed once complete, so an
 * interrupted build is never used. The same scale always gives the same content.
 */
export async function buildSampleWarehouse(options: SampleOptions): Promise<SampleWarehouse> {
  if (!(options.scale >= 0.0001 && options.scale <= 100)) {
    throw new RangeError(`The scale of the sample warehouse should be from 0.0001 to 100, not ${options.scale}.`);
  }
  const directory = resolve(options.directory);
  const databasePath = join(directory, 'sample.duckdb');
  const flightsDirectory = join(directory, 'flights');
  const flightsPath = join(flightsDirectory, 'flights-3m.parquet');
  await mkdir(flightsDirectory, { recursive: true });
  await removeLeftovers(directory);
  await copyFlights(directory, flightsPath);
  const scripts = await readScripts(options.domains ?? SAMPLE_DOMAINS);
  const build = `${fingerprint(scripts)} at scale ${options.scale}`;
  if ((await buildOf(databasePath)) === build) {
    options.report(`The sample warehouse already exists (scale ${options.scale}).`);
  } else {
    await buildDatabase(directory, databasePath, scripts, build, options);
  }
  return {
    databasePath,
    flightsPath,
    startupSql: startupSql(databasePath, flightsPath),
    directories: [flightsDirectory],
  };
}

interface Script {
  readonly name: string;
  readonly sql: string;
}

function readScripts(domains: readonly SampleDomain[]): Promise<readonly Script[]> {
  const built = SAMPLE_DOMAINS.filter((domain) => domains.includes(domain)).flatMap((domain) => [...DOMAINS[domain]]);
  return Promise.all(
    ['macros', 'tenants', ...built].map(async (name) => ({
      name,
      sql: await readFile(join(SQL_DIRECTORY, `${name}.sql`), 'utf8'),
    })),
  );
}

/** Includes DuckDB's version, because hash() may change between versions. */
function fingerprint(scripts: readonly Script[]): string {
  const hash = createHash('sha256').update(version());
  for (const { sql } of scripts) hash.update(sql);
  return hash.digest('hex').slice(0, 16);
}

async function buildDatabase(
  directory: string,
  databasePath: string,
  scripts: readonly Script[],
  build: string,
  { scale, report }: SampleOptions,
): Promise<void> {
  const workshop = await mkdtemp(join(directory, LEFTOVER));
  const unfinished = join(workshop, 'sample.duckdb');
  try {
    await withConnection(async (connection) => {
      await connection.run(`ATTACH ${quoted(unfinished)} AS warehouse`);
      await connection.run(`SET VARIABLE scale = ${scale}; SET TimeZone = 'UTC'`);
      for (const { name, sql } of scripts) {
        const begun = performance.now();
        await connection.run(sql);
        report(`Built ${name} in ${((performance.now() - begun) / 1000).toFixed(1)} s.`);
      }
      await connection.run(`CREATE TABLE warehouse.main.build AS SELECT ${quoted(build)} AS build`);
      await connection.run('CHECKPOINT warehouse');
      await connection.run('DETACH warehouse');
    });
    await rename(unfinished, databasePath);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** @returns what was built there, or `undefined` if there is nothing or something else */
async function buildOf(databasePath: string): Promise<string | undefined> {
  if ((await stat(databasePath).catch(() => undefined)) === undefined) return undefined;
  return withConnection(async (connection) => {
    try {
      await connection.run(`ATTACH ${quoted(databasePath)} AS warehouse (READ_ONLY)`);
      const rows = await connection.runAndReadAll('SELECT build FROM warehouse.main.build');
      return String(rows.getRows()[0]?.[0]);
    } catch {
      // Another database, or another version of DuckDB: rebuild it.
      return undefined;
    }
  });
}

async function withConnection<Result>(work: (connection: DuckDBConnection) => Promise<Result>): Promise<Result> {
  const instance = await DuckDBInstance.create(':memory:');
  try {
    const connection = await instance.connect();
    try {
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

/** Copies instead of linking, so that the warehouse does not depend on the location of the packages. */
async function copyFlights(directory: string, flightsPath: string): Promise<void> {
  // Not import.meta.resolve, which the test runner does not support.
  const entry = createRequire(import.meta.url).resolve('vega-datasets');
  const source = join(dirname(entry), '..', 'data', 'flights-3m.parquet');
  const { size } = await stat(source);
  if ((await stat(flightsPath).catch(() => undefined))?.size === size) return;
  const workshop = await mkdtemp(join(directory, LEFTOVER));
  try {
    const unfinished = join(workshop, 'flights-3m.parquet');
    await copyFile(source, unfinished);
    await rename(unfinished, flightsPath);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** Prefix of directories with unfinished builds. */
const LEFTOVER = '.unfinished-';

/** Removes leftovers of interrupted builds; no build takes an hour. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(LEFTOVER)) continue;
    const path = join(directory, name);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > 3_600_000) await rm(path, { recursive: true, force: true });
  }
}

function startupSql(databasePath: string, flightsPath: string): string {
  return [
    `ATTACH ${quoted(databasePath)} AS warehouse (READ_ONLY)`,
    `CREATE VIEW flights AS SELECT 'dreambuilder' AS tenant, file_row_number AS flight_id, date AS flight_date, delay, distance, origin, destination FROM read_parquet(${quoted(flightsPath)}, file_row_number = true)`,
  ].join(';\n');
}

/** A string literal of SQL. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
