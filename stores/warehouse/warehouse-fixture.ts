import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { execa } from 'execa';
import { afterAll, onTestFinished } from 'vitest';
import type { Column, ColumnType, Dataset } from '../../config/dataset.ts';
import { createLogger } from '../../config/logger.ts';
import { type Instant, parseInstant } from '../../contracts/instant.ts';
import { CSV_DEFAULTS, type FileOrder } from '../../contracts/order.ts';
import type { Plan, RowSum } from '../../contracts/plan.ts';
import { createWarehouse } from './duckdb.ts';
import type { WarehouseOptions } from './session.ts';
import type { PartContent, Warehouse } from './warehouse.ts';

/** @returns the instant. @throws when the text is none */
export function at(text: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) throw new Error(`${text} is not an instant`);
  return instant;
}

export function column(name: string, type: ColumnType, header = name): Column {
  return { name, header, type, label: null, valueLabels: null };
}

export function dataset(fields: Partial<Dataset> & Pick<Dataset, 'sql' | 'columns'>): Dataset {
  return {
    name: 'THINGS',
    title: 'Things',
    tenantColumn: 'tenant',
    createdColumn: null,
    modifiedColumn: null,
    key: [],
    parameters: [],
    formats: ['csv', 'jsonl'],
    deletedColumn: null,
    doors: ['on-demand'],
    ...fields,
  };
}

/** An order of tenant `acme` for all time. */
export function order(fields: Partial<FileOrder> = {}): FileOrder {
  return {
    tenant: 'acme',
    dataset: 'THINGS',
    window: { from: at('0001-01-01'), to: at('9999-12-31'), bounds: 'inclusive' },
    parameters: {},
    format: 'csv',
    csv: CSV_DEFAULTS,
    columns: null,
    compression: 'none',
    recipients: [],
    ...fields,
  };
}

/** Plans one file. @param partRows as in the port */
export async function planFile(
  warehouse: Pick<Warehouse, 'plan'>,
  dataset: Dataset,
  order: FileOrder,
  partRows: number,
  signal: AbortSignal,
): Promise<Plan> {
  const [plan] = await warehouse.plan([{ dataset, order }], partRows, signal);
  if (!plan) throw new Error('nothing was planned');
  return plan;
}

/** The whole of a content. */
export async function readAll(content: PartContent): Promise<{ readonly text: string } & RowSum> {
  const chunks: Buffer[] = [];
  for await (const chunk of content.chunks) chunks.push(Buffer.from(chunk));
  return { text: Buffer.concat(chunks).toString('utf8'), ...(await content.sum) };
}

/** Every row, at a snapshot of the far future. */
export const EVERYTHING = { slice: { from: null, to: null }, first: true, snapshotAt: at('2030-01-01') } as const;

/** A signal that does not abort. */
export const never = new AbortController().signal;

/** A fresh directory. @param end hook that removes it */
export function scratchDirectory(end: (remove: () => void) => void = onTestFinished): string {
  const path = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  end(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Options of a small warehouse without extensions. */
export const OPTIONS: Omit<WarehouseOptions, 'tempDirectory'> = {
  startupSql: 'SELECT 1',
  directories: [],
  installExtensions: false,
  memory: '1GB',
  threads: 2,
  logger: createLogger('test', 'silent'),
  onInvalid: () => undefined,
};

/** A warehouse for one test file, with its own temporary directory. */
export async function useWarehouse(
  startupSql = OPTIONS.startupSql,
  limits: Partial<Pick<WarehouseOptions, 'memory' | 'threads'>> = {},
) {
  const scratch = scratchDirectory(afterAll);
  const warehouse = await createWarehouse({ ...OPTIONS, ...limits, startupSql, tempDirectory: scratch });
  afterAll(() => warehouse.close());
  return {
    warehouse,
    scratch,
    /** Plans one file. @param partRows as in the port */
    planFile: (dataset: Dataset, order: FileOrder, partRows: number) =>
      planFile(warehouse, dataset, order, partRows, never),
    preview: (dataset: Dataset, order: FileOrder) => warehouse.preview(dataset, order, never),
    /** Reads a part to its end. */
    read: (dataset: Dataset, order: FileOrder, part: Parameters<Warehouse['read']>[2] = EVERYTHING) =>
      readAll(warehouse.read(dataset, order, part, never)),
  };
}

/**
 * Runs a script in a process of its own, with a `warehouse` and what was `asked` of it.
 *
 * @returns bytes of the process's peak
 */
export async function peakOf(
  options: Partial<Pick<WarehouseOptions, 'startupSql' | 'memory'>> & { readonly tempDirectory: string },
  asked: readonly unknown[],
  script: string,
): Promise<number> {
  const { logger: _, onInvalid: __, ...given } = { ...OPTIONS, ...options };
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const source = `
    import { createLogger } from ${url('../../config/logger.ts')};
    import { createWarehouse } from ${url('./duckdb.ts')};
    const logger = createLogger('test', 'silent');
    const warehouse = await createWarehouse({ ...${JSON.stringify(given)}, logger, onInvalid() {} });
    const asked = ${JSON.stringify(asked)};
    const { signal } = new AbortController();
    ${script}
    await warehouse.close();
    console.log(process.resourceUsage().maxRSS * 1024);`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', source]);
  return Number(stdout);
}

/** A DuckDB that reads files back, in UTC. */
export async function openReader(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:');
  const reader = await instance.connect();
  await reader.run("SET TimeZone = 'UTC'");
  return reader;
}

/** SQL of 30 rows of tenant `acme`: every pair of created and modified around the borders of a window, NULL included. */
export const TIMES_TABLE = `
  CREATE TABLE times (id INTEGER, tenant VARCHAR, created TIMESTAMP, modified TIMESTAMPTZ, day DATE);
  INSERT INTO times
    SELECT row_number() OVER (), 'acme', c.t::TIMESTAMP, m.t::TIMESTAMP AT TIME ZONE 'UTC', c.t::DATE
    FROM (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-01 00:00:00.000002'),
      ('2020-01-03 00:00:00.000000'), ('2020-01-03 00:00:00.000001')) c(t),
      (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-03 00:00:00.000000'),
      ('2020-01-03 00:00:00.000001')) m(t);
`;

/** SQL of 200,000 rows, every other one of tenant `acme`; a third was modified a month after it was created. */
export const BIG_TABLE = `
  CREATE TABLE big AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'other' END AS tenant,
    TIMESTAMP '2020-01-01' + to_seconds(i // 10) AS created,
    CASE WHEN i % 3 = 0 THEN TIMESTAMP '2020-02-01' + to_seconds(i // 10) END AS modified, 'name; of ' || i AS name
    FROM range(200000) t(i);
`;

/** The rows of {@link TIMES_TABLE}. Its SQL ends in a comment. */
export const TIMES = dataset({
  sql: 'SELECT * FROM times -- all of them',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer')],
});

/** The rows of {@link BIG_TABLE}. Its SQL ends in a semicolon. */
export const BIG = dataset({
  sql: 'SELECT * FROM big;',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer'), column('name', 'text'), column('created', 'timestamp')],
});
