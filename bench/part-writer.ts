import { MockActivityEnvironment } from '@temporalio/testing';
import { orderedDataset } from '../activities/resolve.ts';
import { createTurns } from '../activities/turns.ts';
import { createWrite } from '../activities/write.ts';
import { loadCatalog } from '../config/catalog.ts';
import { createLogger } from '../config/logger.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { type Order, orderedRun } from '../contracts/order.ts';
import type { StepResult, WriteInput } from '../contracts/steps.ts';
import type { ObjectsOptions } from '../stores/objects/connection.ts';
import { createObjects } from '../stores/objects/minio.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';

export interface WriterSettings {
  /** Path of the catalog. */
  readonly catalog: string;
  readonly startupSql: string;
  /** The most memory that DuckDB may use. */
  readonly memory: string;
  readonly tempDirectory: string;
  readonly objects: ObjectsOptions;
}

export interface WriterRequest {
  readonly order: Order;
  /** A unique UUID. */
  readonly exportId: string;
  /** Expected number of rows. */
  readonly rows: number;
}

export interface Written {
  readonly seconds: number;
  /** CPU seconds of the process. */
  readonly cpu: number;
  readonly part: ManifestPart;
}

/** An empty reply means that the process is ready. */
export interface WriterReply {
  readonly written?: Written;
  readonly failure?: string;
}

/**
 * A process that writes parts by the worker's own activity, without Temporal. The first message holds its settings; each
 * further one requests a part and gets its result in response.
 */
async function serve(settings: WriterSettings): Promise<void> {
  const logger = createLogger('bench', 'error');
  const catalog = await loadCatalog(settings.catalog);
  const objects = createObjects(settings.objects);
  await objects.prepare();
  const warehouse = await createWarehouse({
    startupSql: settings.startupSql,
    directories: [],
    installExtensions: false,
    memory: settings.memory,
    threads: 0,
    tempDirectory: settings.tempDirectory,
    logger,
    onInvalid: (failure) => {
      throw failure;
    },
  });
  const { signal } = new AbortController();
  // There is only one attempt, so it always counts.
  const writeFiles = createWrite({
    ledger: { runs: { find: async () => undefined } },
    ...{ catalog, warehouse, objects, attempts: { find: async () => 'counts' as const }, logger },
    turns: createTurns({ places: 1 }),
  });

  async function write({ order, exportId, rows }: WriterRequest): Promise<Written> {
    const [plan] = await warehouse.plan([{ dataset: orderedDataset(catalog, order.dataset), order }], rows, signal);
    const [planned] = plan?.parts ?? [];
    if (!plan || !planned || planned.rows !== rows)
      throw new Error(`${plan?.rows} rows were planned; ${rows} were expected`);
    const tasks = orderedRun(order).files.map(({ name, formats: _, ...content }) => ({
      name,
      content: { ...content, format: order.format },
      part: planned,
    }));
    const input: WriteInput = {
      ...{ runId: exportId, workflowId: `bench|${exportId}`, kind: 'on-demand', tenant: order.tenant },
      ...{ recipients: order.recipients, snapshotAt: plan.snapshotAt, round: 1, tasks },
    };
    const start = performance.now();
    const cpuBefore = process.cpuUsage();
    // A new one each time, because the environment's context belongs to one activity.
    const result: StepResult<readonly ManifestPart[]> = await new MockActivityEnvironment().run(writeFiles, input);
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    if (!result.ok) throw new Error(result.failure.message);
    const [part] = result.value;
    if (!part) throw new Error('nothing was written');
    return { seconds, cpu: (user + system) / 1e6, part };
  }

  process.on('message', (request: WriterRequest) => {
    write(request).then((written) => send({ written }), fail);
  });
  process.once('disconnect', () => void warehouse.close().finally(() => process.exit(0)));
  send({});
}

function send(reply: WriterReply): void {
  process.send?.(reply);
}

function fail(error: unknown): void {
  send({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

process.once('message', (settings: WriterSettings) => {
  serve(settings).catch(fail);
});
