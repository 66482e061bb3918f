import { MockActivityEnvironment } from '@temporalio/testing';
import { orderedDataset } from '../activities/dataset.ts';
import { createWritePart } from '../activities/write-part.ts';
import { createWriteStep } from '../activities/write-step.ts';
import { loadCatalog } from '../config/catalog.ts';
import { createLogger } from '../config/logger.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import type { Settled } from '../contracts/settled.ts';
import type { WritePartInput } from '../contracts/steps.ts';
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
  const writePart = createWritePart(
    // There is only one attempt, so it always counts.
    createWriteStep({ catalog, warehouse, objects, attempts: { find: async () => 'counts' }, logger }),
  );

  async function answer({ order, exportId, rows }: WriterRequest): Promise<WriterReply> {
    const plan = await warehouse.plan(orderedDataset(catalog, order.dataset), order, rows, signal);
    const [part] = plan.parts;
    if (!part || part.rows !== rows) throw new Error(`${plan.rows} rows were planned; ${rows} were expected`);
    const input: WritePartInput = {
      order,
      exportId,
      workflowId: `bench|${exportId}`,
      snapshotAt: plan.snapshotAt,
      part,
    };
    const start = performance.now();
    // A new one each time, because the environment's context belongs to one activity.
    const written: Settled<ManifestPart> = await new MockActivityEnvironment().run(writePart, input);
    const seconds = (performance.now() - start) / 1000;
    return written.ok ? { kind: 'written', seconds, part: written.value } : { kind: 'failed', ...written.failure };
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
