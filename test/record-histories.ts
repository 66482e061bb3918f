import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QUESTIONNAIRE } from '../contracts/questionnaires.ts';
import { RUN_WORKFLOW } from '../contracts/task-queues.ts';
import { type RunningStack, startStack } from '../stack/stack.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { closeAll, closeAtEnd, temporaryFolder } from './cleanup.ts';
import { makeNumberedWarehouse } from './numbered-warehouse.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { createPeriodicClient, enableAndWait } from './periodic-client.ts';
import { triggerRun } from './periodic-operator.ts';
import { QUIET } from './programs.ts';
import { createArchiveClient, surveySettings } from './questionnaires-set-up.ts';
import { encodeHistory, openTemporal, type TemporalAccess } from './temporal.ts';
import { waitUntil } from './wait-until.ts';

/**
 * Records histories for test/history.test.ts on its own stack: `node test/record-histories.ts exports`, `periodic` or `archives`. Run
 * it when the workflows have gained a path that no recorded history takes. Never replace a history of a deployed version.
 */
const FIXTURES = fileURLToPath(new URL('./fixtures/histories/', import.meta.url));

/** Removes what identifies the recording machine: process names and code paths. */
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

/** Run ids by the names of their recordings. */
type Runs = Readonly<Record<string, string>>;

/** Starts a stack with these settings, makes the runs and writes their histories. */
async function record(
  settings: Readonly<Record<string, string>>,
  makeRuns: (stack: RunningStack, temporal: TemporalAccess) => Promise<Runs>,
): Promise<void> {
  const stack = await startStack({
    ...QUIET,
    ports: 'free',
    dataDirectory: await temporaryFolder(),
    environment: process.env,
    sampleScale: 0.01,
    settings,
    report: (line) => process.stdout.write(`${line}\n`),
    crashed: (name, how) => process.stderr.write(`${name} ${how}\n`),
  });
  closeAtEnd(stack.stop);
  const temporal = await openTemporal(stack.settings);
  const runs = await makeRuns(stack, temporal);
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
}

async function runExports(stack: RunningStack): Promise<Runs> {
  const client = createOnDemandClient(stack.urls.api, 'dreambuilder');
  const single = await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
  const several = await client.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' });
  await Promise.all([client.ended(single), client.ended(several)]);
  const cancelled = await client.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
  await client.until(cancelled, ({ progress }) => progress.contentBytes > 0);
  await client.request('DELETE', `/exports/${cancelled}`);
  await client.ended(cancelled);
  return { 'export-single': single, 'export-several': several, 'export-cancelled': cancelled };
}

async function runArchives(stack: RunningStack): Promise<Runs> {
  const client = createArchiveClient(stack.urls.api);
  const ledger = createLedger({ url: stack.settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  closeAtEnd(ledger.close);
  const runIdOf = async (number: number) =>
    (await ledger.runs.findByNumber('dreambuilder', QUESTIONNAIRE, number))?.runId ?? '';
  const published = await client.start();
  await client.idle();
  const cancelled = await client.start('spss');
  await waitUntil(
    () => client.details('spss'),
    ({ RunningProcess: running }) => (running?.ProgressInPercents ?? 0) > 0,
    60,
  );
  await client.cancel('spss');
  await client.idle('spss');
  // The deployment has no store of attachments.
  const failed = await client.start('binary');
  await client.idle('binary');
  return {
    'archive-published': await runIdOf(published),
    'archive-cancelled': await runIdOf(cancelled),
    'archive-failed': await runIdOf(failed),
  };
}

/** Rows of a file that takes long enough to be cancelled while it is written. */
const LONG_FILE_ROWS = 500_000;

const recordings = {
  exports: () => record({ WAYBILL_PART_ROWS: '1000000' }, runExports),

  async periodic() {
    const warehouse = await makeNumberedWarehouse({ files: 3, rows: LONG_FILE_ROWS });
    const settings = { ...warehouse.settings, WAYBILL_WORKER_PARTS_MAX: '1' };
    await record(settings, async (stack, temporal) => {
      const client = createPeriodicClient(stack.urls.api, 'acme-demo-secret');
      const { generationId: first } = await enableAndWait(client);
      await triggerRun(temporal, 'acme');
      const { generationId: published } = await client.generation(first);
      await warehouse.breakIt();
      await triggerRun(temporal, 'acme');
      const { lastRun } = await client.until(({ lastRun: run }) => run?.state === 'failed');
      await warehouse.write(2);
      await triggerRun(temporal, 'acme');
      const { running } = await client.until(({ running: run }) => (run?.progress.partsDone ?? 0) > 0);
      await client.disable();
      return {
        'periodic-published': published,
        'periodic-failed': lastRun?.generationId ?? '',
        'periodic-cancelled': running?.generationId ?? '',
      };
    });
  },

  async archives() {
    await record({ ...(await surveySettings({ interviews: 50_000 })), WAYBILL_ATTACHMENTS_BUCKET: '' }, runArchives);
  },
} as const;

const [, , which] = process.argv;
if (which !== 'exports' && which !== 'periodic' && which !== 'archives') {
  throw new Error('usage: record-histories.ts exports|periodic|archives');
}
try {
  await recordings[which]();
} finally {
  await closeAll();
}
