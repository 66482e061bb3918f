import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type proto from '@temporalio/proto';
import { decodeJobId } from '../contracts/job-id.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { type Client, createClient } from './client.ts';
import { type Deployment, deploy } from './deployment.ts';
import { CATALOG, readingTime, TENANT } from './readings.ts';
import { connectTemporal, type TemporalClients } from './temporal-clients.ts';

/** Whether a tenant's export waits for the many of another tenant. */
export const queuedBenchmark: Benchmark = {
  name: 'queued',
  title: 'One export while another tenant has 500 queued',
  run: measureQueued,
};

/** A tenant may have so many at once, unless the operator says otherwise. */
const QUEUED = 500;
const CROWD = 'crowd';
/** Rows of every export. */
const ROWS = 100_000;
/** Orders sent at once. */
const ORDERED_AT_ONCE = 8;
/** Polling intervals in milliseconds: of the export that is measured, and of the queue. */
const POLL_MS = 10;
const WAIT_MS = 100;
/** Exports of the queue that have to end before the next is measured, so that the queue moves. */
const MOVED = 4;

/** The table's rows belong to both tenants. */
const BOTH_SQL = `CREATE VIEW both_tenants AS SELECT readings.* REPLACE (owners.tenant AS tenant)
  FROM bench.readings AS readings CROSS JOIN (VALUES ('${TENANT}'), ('${CROWD}')) AS owners(tenant)`;

async function measureQueued(bench: Bench): Promise<Measurement> {
  const queued = bench.many ?? QUEUED;
  await using crowded = await deployWith(bench, 'crowded');
  await using quiet = await deployWith(bench, 'quiet');
  await using clients = await connectTemporal(crowded.settings);
  const crowd = await addCrowd(bench, crowded);
  let ordered = 0;
  // A new window each time, because an order equal to a running one is answered with that run.
  const nextRequest = () => {
    ordered += 1;
    return { from: readingTime(ordered), to: readingTime(ordered + ROWS - 1), recipients: [] };
  };
  async function fillQueue(): Promise<void> {
    let missing = queued - (await clients.countRunning());
    const orderSome = async () => {
      for (; missing > 0; await crowd.orderExport(nextRequest())) missing -= 1;
    };
    await Promise.all(Array.from({ length: ORDERED_AT_ONCE }, orderSome));
    const full = await clients.countRunning();
    while ((await clients.countRunning()) > full - MOVED) await delay(WAIT_MS, undefined, { signal: bench.signal });
  }
  let last = '';
  const order = ({ client }: Deployment) =>
    secondsOf(async () => {
      last = await client.fetchExport(nextRequest(), POLL_MS);
    });
  const left: number[] = [];
  let spent = '';
  const pairs = await runPairs(bench, 'seconds', {
    async ours(warmUp) {
      await crowded.worker.kill('SIGCONT');
      await fillQueue();
      const seconds = await order(crowded);
      if (!warmUp) left.push(await clients.countRunning());
      spent = await describeTime(clients, last);
      // For less than the heartbeat timeout of its steps, so that it takes nothing from the peer.
      await crowded.worker.kill('SIGSTOP');
      return seconds;
    },
    peer: () => order(quiet),
  });
  await crowded.worker.kill('SIGCONT');
  return {
    unit: 'seconds',
    ours: {
      what: `POST /exports of ${ROWS} rows while ${queued} such exports of another tenant are queued`,
      bytes: null,
    },
    peer: { what: 'the same order on a deployment with nothing else to do', bytes: null },
    pairs,
    ratio: { kind: 'size', target: 2 },
    notes: [`exports of the other tenant that were not done when the one was: ${left.join(', ')}`, spent],
  };
}

/** @returns where the time of an export went, by its history. Steps that run at once count twice */
async function describeTime({ client }: TemporalClients, jobId: string): Promise<string> {
  const id = decodeJobId(jobId);
  if (!id) throw new Error('The API returned an invalid job id.');
  const { events = [] } = await client.workflow.getHandle(id.workflowId, id.runId).fetchHistory();
  const times = new Map(events?.map(({ eventId, eventTime }) => [Number(eventId), msOf(eventTime)]));
  const sums = { waiting: 0, tasks: 0, queued: 0, steps: 0 };
  for (const event of events ?? []) {
    const {
      workflowTaskStartedEventAttributes: taskStarted,
      workflowTaskCompletedEventAttributes: taskDone,
      activityTaskStartedEventAttributes: stepStarted,
      activityTaskCompletedEventAttributes: stepDone,
    } = event;
    const since = (eventId: unknown) => msOf(event.eventTime) - (times.get(Number(eventId)) ?? 0);
    if (taskStarted) sums.waiting += since(taskStarted.scheduledEventId);
    if (taskDone) sums.tasks += since(taskDone.startedEventId);
    if (stepStarted) sums.queued += since(stepStarted.scheduledEventId);
    if (stepDone) sums.steps += since(stepDone.startedEventId);
  }
  const text = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  return (
    `the last one: its workflow tasks waited for ${text(sums.waiting)} and ran for ${text(sums.tasks)}, its steps waited for ` +
    `${text(sums.queued)} and ran for ${text(sums.steps)}, with their turns in the worker`
  );
}

function msOf(time: proto.google.protobuf.ITimestamp | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + Number(time?.nanos ?? 0) / 1e6;
}

async function deployWith(bench: Bench, name: string): Promise<Deployment> {
  const directory = join(bench.directory, name);
  await mkdir(directory);
  const catalog = join(directory, 'catalog.yaml');
  await writeFile(catalog, (await readFile(CATALOG, 'utf8')).replace('bench.readings', 'both_tenants'));
  return deploy({ ...bench, directory }, catalog, [BOTH_SQL]);
}

/** @returns a client of the tenant with the queue */
async function addCrowd({ signal }: Bench, { settings, servers }: Deployment): Promise<Client> {
  const secret = randomBytes(24).toString('base64url');
  const ledger = createLedger({ url: settings.WAYBILL_LEDGER_URL, connectionsMax: 1 });
  try {
    await ledger.tenants.add({ key: CROWD, title: 'Crowd' });
    await ledger.credentials.add({ tenant: CROWD, clientId: CROWD, scopes: ['read', 'write'], secret });
  } finally {
    await ledger.close();
  }
  return createClient({ url: servers.urls.api, clientId: CROWD, secret, signal });
}
