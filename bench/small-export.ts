import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { decodeJobId } from '../contracts/job-id.ts';
import { freePort } from '../stack/ports.ts';
import { serviceProcess } from '../stack/stack.ts';
import { type Bench, type Benchmark, type Bound, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { bareEnvironment, type Deployment, deploy } from './deployment.ts';
import { EMPTY_QUEUE, runEmptySteps } from './empty/workflow.ts';
import { CATALOG, readingTime } from './readings.ts';

/** Latency from request to finished file, for a file that takes no time by itself. */
export const smallExportBenchmark: Benchmark = {
  name: 'small-export',
  title: 'Small export, request to available',
  run: measureSmallExport,
};

const ROWS = 1000;

/** Polling interval in milliseconds: on average, a figure is too long by half of it. */
const POLL_MS = 10;

/** Maximum number of history events of a single-part export. */
const EVENTS_MAX = 33;

async function measureSmallExport(bench: Bench): Promise<Measurement> {
  await using deployment = await deploy(bench, CATALOG);
  const { settings, client: api } = deployment;
  await startEmptyWorker(bench, deployment);
  const connection = await Connection.connect({ address: settings.WAYBILL_TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace: settings.WAYBILL_TEMPORAL_NAMESPACE });
  let last = '';
  let ordered = 0;
  try {
    const pairs = await runPairs(bench, 'seconds', {
      ours() {
        // A new window each time, because an order equal to a running one is answered with that run.
        const from = readingTime(ordered);
        const to = readingTime(ordered + ROWS - 1);
        ordered += 1;
        return secondsOf(async () => {
          last = await api.fetchExport({ from, to, recipients: [] }, POLL_MS);
        });
      },
      peer: () =>
        secondsOf(() =>
          client.workflow.execute(runEmptySteps, { taskQueue: EMPTY_QUEUE, workflowId: `empty|${randomUUID()}` }),
        ),
    });
    return {
      unit: 'seconds',
      ours: {
        what: `POST /exports of ${ROWS} rows, GET /exports?id= every ${POLL_MS} ms until COMPLETED`,
        bytes: null,
      },
      peer: { what: 'an empty workflow of two activities, start to result', bytes: null },
      pairs,
      ratio: { kind: 'size', target: 1.8 },
      limitedBy: 'steps: five workflow tasks and four activities, against three and two',
      bounds: [await countEvents(client, last)],
      notes: [],
    };
  } finally {
    await connection.close();
  }
}

async function startEmptyWorker(bench: Bench, { servers, settings }: Deployment): Promise<void> {
  const port = await freePort();
  await servers.supervisor.start(
    serviceProcess({
      name: 'empty worker',
      entry: 'bench/empty/main.ts',
      environment: { ...bareEnvironment(bench), ...settings, WAYBILL_WORKER_HEALTH_PORT: String(port) },
      readyUrl: `http://127.0.0.1:${port}/`,
    }),
  );
}

async function countEvents(client: Client, jobId: string): Promise<Bound> {
  const id = decodeJobId(jobId);
  if (!id) throw new Error('The API returned an invalid job id.');
  const handle = client.workflow.getHandle(id.workflowId, id.runId);
  // The workflow closes only after the removal is scheduled, shortly after the export is recorded as completed.
  await handle.result();
  const { historyLength } = await handle.describe();
  return { what: 'history of a single-part export', figure: historyLength, max: EVENTS_MAX, unit: 'events' };
}
