import { MockActivityEnvironment } from '@temporalio/testing';
import { orderedDataset } from '../activities/plan.ts';
import { createWrite } from '../activities/write.ts';
import { loadCatalog } from '../config/catalog.ts';
import { createLogger } from '../config/logger.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { orderedRun } from '../contracts/order.ts';
import type { StepResult, WriteInput } from '../contracts/steps.ts';
import { createObjects } from '../stores/objects/minio.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';
import type { WriterReply, WriterRequest, WriterSettings } from './part-writer-process.ts';

/**
 * A process that writes parts by the worker's own activity, without Temporal. The first message holds its settings; each
 * further one requests a part and gets its result in response.
 */
async function serve(settings: WriterSettings): Promise<void> {
  const logger = createLogger('bench', 'warn');
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
  const write = createWrite({ catalog, warehouse, objects, attempts: { find: async () => 'counts' }, logger });

  async function answer({ order, exportId, rows }: WriterRequest): Promise<WriterReply> {
    const [plan] = await warehouse.plan([{ dataset: orderedDataset(catalog, order.dataset), order }], rows, signal);
    const [part] = plan?.parts ?? [];
    if (!plan || !part || part.rows !== rows) throw new Error(`${plan?.rows} rows were planned; ${rows} were expected`);
    const tasks = orderedRun(order).files.map(({ name, formats: _, ...content }) => ({
      name,
      content: { ...content, format: order.format },
      part,
    }));
    const input: WriteInput = {
      ...{ runId: exportId, workflowId: `bench|${exportId}`, kind: 'on-demand', tenant: order.tenant },
      ...{ recipients: order.recipients, snapshotAt: plan.snapshotAt, round: 1, tasks },
    };
    const start = performance.now();
    // A new one each time, because the environment's context belongs to one activity.
    const result: StepResult<readonly ManifestPart[]> = await new MockActivityEnvironment().run(write, input);
    const seconds = (performance.now() - start) / 1000;
    if (!result.ok) return { kind: 'failed', ...result.failure };
    const [written] = result.value;
    return written ? { kind: 'written', seconds, part: written } : { kind: 'failed', message: 'nothing was written' };
  }

  process.on('message', (request: WriterRequest) => {
    answer(request).then(send, (error: unknown) => send({ kind: 'failed', message: describe(error) }));
  });
  process.once('disconnect', () => void warehouse.close().finally(() => process.exit(0)));
  send({ kind: 'ready' });
}

function send(reply: WriterReply): void {
  process.send?.(reply);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

process.once('message', (settings: WriterSettings) => {
  serve(settings).catch((error: unknown) => send({ kind: 'failed', message: describe(error) }));
});
