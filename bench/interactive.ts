import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { PERIODIC } from '../contracts/periodic.ts';
import { TASK_QUEUE_CONTROL } from '../contracts/task-queues.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import type { Temporal } from '../stores/temporal/temporal.ts';
import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { type Deployment, deploy } from './deployment.ts';
import { CATALOG, readingTime } from './readings.ts';

/** Whether an order waits for the periodic runs of other tenants. */
export const interactiveBenchmark: Benchmark = {
  name: 'interactive',
  title: 'One order amid the periodic runs of 300 tenants',
  run: measureInteractive,
};

const TENANTS = 300;
/** Periodic files of each tenant. */
const FILES = 4;
const ROWS_OF_FILE = 1000;
/** Rows of the order. */
const ROWS = 500_000;
/** Polling intervals in milliseconds: of the order, which is measured, and of the periodic runs. */
const POLL_MS = 10;
const WAIT_MS = 250;

async function measureInteractive(bench: Bench): Promise<Measurement> {
  await using deployment = await deploy(bench, await writeCatalog(bench.directory), [SMALL_SQL]);
  const { settings, client } = deployment;
  const { WAYBILL_TEMPORAL_NAMESPACE: namespace, WAYBILL_TASK_QUEUE: taskQueue = TASK_QUEUE_CONTROL } = settings;
  const connection = await Connection.connect({ address: settings.WAYBILL_TEMPORAL_ADDRESS });
  const { workflow } = new Client({ connection, namespace });
  const temporal = createTemporal({ connection, namespace, taskQueue });
  let ordered = 0;
  const order = () => {
    // A new window each time, because an order equal to a running one is answered with that run.
    const first = ordered;
    ordered += 1;
    const window = { from: readingTime(first), to: readingTime(first + ROWS - 1) };
    return secondsOf(() => client.fetchExport({ ...window, recipients: [] }, POLL_MS));
  };
  const running = async () =>
    (await workflow.count("WorkflowType = 'runExport' AND ExecutionStatus = 'Running'")).count;
  const waitUntil = async (isReached: (count: number) => boolean) => {
    while (!isReached(await running())) await delay(WAIT_MS, undefined, { signal: bench.signal });
  };
  const left: number[] = [];
  try {
    const schedules = await addTenants(deployment, temporal);
    const pairs = await runPairs(bench, 'seconds', {
      async ours(warmUp) {
        await Promise.all(schedules.map((id) => temporal.trigger(id, 'after')));
        await waitUntil((count) => count > TENANTS / 2);
        const seconds = await order();
        if (!warmUp) left.push(await running());
        await waitUntil((count) => count === 0);
        return seconds;
      },
      peer: order,
    });
    return {
      unit: 'seconds',
      ours: { what: `POST /exports of ${ROWS} rows while the periodic runs of ${TENANTS} tenants wait`, bytes: null },
      peer: { what: 'the same order with nothing else to do', bytes: null },
      pairs,
      ratio: { kind: 'size', target: 3 },
      notes: [`periodic runs that were not done when the order was: ${left.join(', ')}`],
    };
  } finally {
    await connection.close();
  }
}

/** The rows of the periodic files, stored by tenant as a warehouse's tables usually are. */
const SMALL_SQL = `CREATE TABLE small AS SELECT 'bench-' || (i // ${ROWS_OF_FILE}) AS tenant, i AS id FROM range(${TENANTS * ROWS_OF_FILE}) AS r(i)`;

/** READINGS for orders, and small periodic files in which each tenant has its share of the rows. @returns its path */
async function writeCatalog(directory: string): Promise<string> {
  const readings = await readFile(CATALOG, 'utf8');
  const files = Array.from(
    { length: FILES },
    (_, place) => `
  - name: small${place}
    title: Small
    doors: [periodic]
    sql: SELECT tenant, id FROM small
    tenant_column: tenant
    key: [id]
    columns: [id: integer]`,
  );
  const path = join(directory, 'interactive.yaml');
  await writeFile(path, `${readings.trimEnd()}${files.join('')}\n`);
  return path;
}

/** Adds tenants with periodic exports and a schedule each. @returns the ids of the schedules */
async function addTenants({ settings }: Deployment, temporal: Temporal): Promise<readonly string[]> {
  const ledger = createLedger({ url: settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  const syncSchedule = createSyncSchedule(ledger, temporal, () => ({
    runTime: { at: '00:00', timeZone: 'UTC' },
    jitterMinutes: 0,
  }));
  const { recipient } = await generateKey({ postQuantum: false });
  const change = { kind: PERIODIC.kind, recipient, ownRecipient: true, recurrence: undefined, actor: 'bench' };
  try {
    for (let number = 0; number < TENANTS; number += 1) {
      const tenant = `bench-${number}`;
      await ledger.tenants.add({ key: tenant, title: tenant });
      await ledger.standingOrders.put({ ...change, tenant });
      await syncSchedule(PERIODIC, tenant);
    }
  } finally {
    await ledger.close();
  }
  return Array.from({ length: TENANTS }, (_, number) => PERIODIC.scheduleId(`bench-${number}`));
}
