import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUN_WORKFLOW } from '../contracts/task-queues.ts';
import { type RunningStack, startStack } from '../stack/stack.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { makeNumberedWarehouse } from './numbered-warehouse.ts';
import { createPeriodicClient } from './periodic-door.ts';
import { triggerRun } from './periodic-operator.ts';
import { encodeHistory, openTemporal, type TemporalEye } from './temporal.ts';

/**
 * Records histories that test/history.test.ts replays, on a stack of its own: `node test/record-histories.ts exports`, or
 * `periodic`. Run it when the workflows have gained a path that no recorded history takes; what a deployed version has
 * recorded stays as it is.
 */
const FIXTURES = fileURLToPath(new URL('./fixtures/histories/', import.meta.url));

/** The history without the machine that recorded it: names of its processes, and where its code lies. */
function anonymous<Value>(value: Value): Value {
  if (Array.isArray(value)) {
    for (const item of value) anonymous(item);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const [name, field] of Object.entries(value)) {
      if (name === 'stackTrace') Object.assign(value, { [name]: '' });
      else if (typeof field === 'string' && /^\d+@/.test(field)) Object.assign(value, { [name]: 'recorder' });
      else anonymous(field);
    }
  }
  return value;
}

/** Runs by the name that their recording gets: their run ids. */
type Runs = Readonly<Record<string, string>>;

/** Starts a stack with these settings, lets the runs happen, and writes their histories. */
async function record(
  settings: (directory: string) => Promise<Readonly<Record<string, string>>>,
  happen: (stack: RunningStack, temporal: TemporalEye) => Promise<Runs>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-record-'));
  await chmod(directory, 0o711);
  const stack = await startStack({
    ports: 'free',
    dataDirectory: directory,
    environment: process.env,
    sampleScale: 0.01,
    settings: await settings(directory),
    report: (line) => process.stdout.write(`${line}\n`),
    line: () => undefined,
    crashed: (name, how) => process.stderr.write(`${name} ${how}\n`),
    signal: new AbortController().signal,
  });
  try {
    const temporal = await openTemporal(stack.settings);
    const runs = await happen(stack, temporal);
    await mkdir(FIXTURES, { recursive: true });
    for await (const run of temporal.client.workflow.list({ query: `WorkflowType = '${RUN_WORKFLOW}'` })) {
      const name = Object.entries(runs).find(([, id]) => id === run.runId)?.[0];
      if (!name) continue;
      const handle = temporal.client.workflow.getHandle(run.workflowId, run.runId);
      await handle.result().catch(() => undefined);
      const history = encodeHistory(anonymous(await temporal.history(run.workflowId, run.runId)));
      await writeFile(join(FIXTURES, `${name}.binpb`), history);
      process.stdout.write(`recorded ${name}: ${history.length} bytes\n`);
    }
    await temporal.close();
  } finally {
    await stack.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function runExports(stack: RunningStack): Promise<Runs> {
  const door = createDoorClient(stack.urls.api, 'dreambuilder');
  const single = await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
  const several = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' });
  await Promise.all([door.ended(single), door.ended(several)]);
  const cancelled = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
  await door.until(cancelled, ({ progress }) => progress.contentBytes > 0);
  await door.request('DELETE', `/exports/${cancelled}`);
  await door.ended(cancelled);
  return { 'export-single': single, 'export-several': several, 'export-cancelled': cancelled };
}

/** Rows of a file that takes long enough to be cancelled while it is written. */
const LONG_FILE_ROWS = 500_000;

const recordings = {
  exports: () => record(async () => ({ WAYBILL_PART_ROWS: '1000000' }), runExports),

  async periodic() {
    const folder = await mkdtemp(join(tmpdir(), 'waybill-record-'));
    const warehouse = await makeNumberedWarehouse(folder, { files: 3, rows: LONG_FILE_ROWS });
    const settings = async () => ({ ...warehouse.settings, WAYBILL_WORKER_PARTS_MAX: '1' });
    await record(settings, async (stack, temporal) => {
      const door = createPeriodicClient(stack.urls.api, 'acme-demo-secret');
      await door.enable();
      const { generationId: first } = await door.generation();
      await triggerRun(temporal, 'acme');
      const { generationId: published } = await door.generation(first);
      await warehouse.breakIt();
      await triggerRun(temporal, 'acme');
      const { lastRun } = await door.until(({ lastRun: run }) => run?.state === 'failed');
      await warehouse.write(2);
      await triggerRun(temporal, 'acme');
      const { running } = await door.until(({ running: run }) => (run?.progress.partsDone ?? 0) > 0);
      await door.disable();
      return {
        'periodic-published': published,
        'periodic-failed': lastRun?.generationId ?? '',
        'periodic-cancelled': running?.generationId ?? '',
      };
    });
    await rm(folder, { recursive: true, force: true });
  },
} as const;

const [, , which] = process.argv;
if (which !== 'exports' && which !== 'periodic') throw new Error('Say what to record: exports, or periodic.');
await recordings[which]();
