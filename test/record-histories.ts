import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStack } from '../stack/stack.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { encodeHistory, openTemporal } from './temporal.ts';

/**
 * Records histories that test/history.test.ts replays, on a stack of its own: `node test/record-histories.ts`.
 * Run it when the workflows have gained a path that no recorded history takes; recorded ones stay as they are.
 */
const FIXTURES = fileURLToPath(new URL('./fixtures/histories/', import.meta.url));

/** The history without the machine that recorded it: processes and sticky queues are named after their host. */
function anonymous<Value>(value: Value): Value {
  if (Array.isArray(value)) {
    for (const item of value) anonymous(item);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const [name, field] of Object.entries(value)) {
      if (typeof field === 'string' && /^\d+@/.test(field)) Object.assign(value, { [name]: 'recorder' });
      else anonymous(field);
    }
  }
  return value;
}

const directory = await mkdtemp(join(tmpdir(), 'waybill-record-'));
await chmod(directory, 0o711);
const stack = await startStack({
  ports: 'free',
  dataDirectory: directory,
  environment: process.env,
  sampleScale: 0.01,
  settings: { WAYBILL_PART_ROWS: '1000000' },
  report: (line) => process.stdout.write(`${line}\n`),
  line: () => undefined,
  crashed: (name, how) => process.stderr.write(`${name} ${how}\n`),
  signal: new AbortController().signal,
});
try {
  const door = createDoorClient(stack.urls.api, 'dreambuilder');
  const temporal = await openTemporal(stack.settings);
  const single = await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
  const several = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' });
  await Promise.all([door.ended(single), door.ended(several)]);
  const cancelled = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
  await door.until(cancelled, ({ progress }) => progress.contentBytes > 0);
  await door.request('DELETE', `/exports/${cancelled}`);
  await door.ended(cancelled);

  await mkdir(FIXTURES, { recursive: true });
  const runs = { single, several, cancelled };
  for await (const run of temporal.client.workflow.list({ query: "WorkflowType = 'exportDataset'" })) {
    const name = Object.entries(runs).find(([, id]) => id === run.runId)?.[0];
    if (!name) continue;
    const handle = temporal.client.workflow.getHandle(run.workflowId, run.runId);
    await handle.result().catch(() => undefined);
    const history = await temporal.history(run.workflowId, run.runId);
    await writeFile(join(FIXTURES, `export-${name}.binpb`), encodeHistory(anonymous(history)));
    process.stdout.write(`recorded ${name}\n`);
  }
  await temporal.close();
} finally {
  await stack.stop();
  await rm(directory, { recursive: true, force: true });
}
