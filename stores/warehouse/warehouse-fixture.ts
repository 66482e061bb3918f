import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Column, ColumnType, Dataset } from '../../config/dataset.ts';
import { createLogger } from '../../config/logger.ts';
import { type Instant, parseInstant } from '../../contracts/instant.ts';
import { CSV_DEFAULTS, type FileOrder, type Order } from '../../contracts/order.ts';
import type { Plan, RowSum } from '../../contracts/plan.ts';
import { createWarehouse } from './duckdb.ts';
import type { PartContent, Warehouse } from './warehouse.ts';

/** @returns the instant. @throws when the text is none */
export function at(text: string): Instant {
  const instant = parseInstant(text);
  if (instant === undefined) throw new Error(`${text} is not an instant`);
  return instant;
}

export function column(name: string, type: ColumnType, header = name): Column {
  return { name, header, type, label: null, valueLabels: null, anonymize: false };
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
export function order(fields: Partial<Order> = {}): Order {
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
    keepDays: 1,
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

/** An empty directory for one test. */
export function scratchDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'waybill-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A warehouse of its own for one test file, in a scratch directory that is its temporary directory too. */
export async function openTestWarehouse(
  startupSql: string,
  more: {
    readonly scratch?: string;
    readonly directories?: readonly string[];
    readonly memory?: string;
    readonly threads?: number;
    readonly extensionDirectory?: string;
    readonly installExtensions?: boolean;
  } = {},
): Promise<{ readonly warehouse: Warehouse; readonly scratch: { readonly path: string }; close(): Promise<void> }> {
  const path = more.scratch ?? mkdtempSync(join(tmpdir(), 'waybill-test-'));
  const warehouse = await createWarehouse({
    startupSql,
    directories: more.directories ?? [],
    extensionDirectory: more.extensionDirectory,
    installExtensions: more.installExtensions ?? false,
    memory: more.memory ?? '1GB',
    threads: more.threads ?? 2,
    tempDirectory: path,
    logger: createLogger('test', 'silent'),
    onInvalid: () => undefined,
  });
  return {
    warehouse,
    scratch: { path },
    async close() {
      await warehouse.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}
