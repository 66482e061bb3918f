import { setTimeout as delay } from 'node:timers/promises';
import proto from '@temporalio/proto';
import { RUN_WORKFLOW } from '../contracts/task-queues.ts';
import { freePort } from '../stack/ports.ts';
import type { ProcessHandle } from '../stack/process.ts';
import { serviceProcess } from '../stack/stack.ts';
import { type Bench, type Benchmark, formatFigure, type Measurement, secondsOf } from './benchmark.ts';
import { readCpuOfTree, readProcessors } from './cpu.ts';
import { bareEnvironment, type Deployment, deploy } from './deployment.ts';
import { summarise } from './report.ts';
import { addSmallTenants, minutesFromNow, SMALL_FILES, smallSql, writeSmallCatalog } from './small-bundles.ts';
import { connectTemporal, type TemporalClients } from './temporal-clients.ts';

/** A night of many small bundles. */
export const nightBenchmark: Benchmark = {
  name: 'night',
  title: 'A night of small bundles with jitter on two workers, seconds a bundle',
  run: measureNight,
};

const MANY = 1000;
/** A night that the large one is compared with has one in so many. */
const SHARE = 10;
/** The figure that is extrapolated to. */
const WHOLE_NIGHT = 10_000;
const ROWS_OF_FILE = 100;
/** Runs are spread over this many minutes: fewer than they take, so that they queue. */
const JITTER_MINUTES = 1;
/** Time to add a tenant, in seconds, as a generous guess: the night must not begin before all are there. */
const ADDING_SECONDS = 0.1;
const POLL_MS = 250;
/** Runs whose history is counted. */
const COUNTED = 20;

/** One night. */
interface Night {
  readonly bundles: number;
  /** From the first start of a run to the end of the last. */
  readonly seconds: number;
  /** CPU seconds of each server and of both workers meanwhile, by name. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Shares of the processors' time meanwhile. */
  readonly idle: number;
  readonly disk: number;
}

async function measureNight(bench: Bench): Promise<Measurement> {
  const many = bench.many ?? MANY;
  const few = Math.max(1, Math.round(many / SHARE));
  const catalog = await writeSmallCatalog(bench.directory);
  const rows = smallSql({ tenants: many + few, rows: ROWS_OF_FILE });
  await using deployment = await deploy({ ...bench, rows: 1000 }, catalog, [rows]);
  const second = await startSecondWorker(bench, deployment);
  await using clients = await connectTemporal(deployment.settings);
  const processes = { ...deployment.servers, worker: deployment.worker, 'second worker': second };
  const small = await runNight(bench, deployment, clients, processes, { from: 0, to: few });
  const large = await runNight(bench, deployment, clients, processes, { from: few, to: few + many });
  const perBundle = ({ seconds, bundles }: Night) => seconds / bundles;
  const history = await countHistory(clients);
  const what = (bundles: number) =>
    `${bundles.toLocaleString('en')} bundles of ${SMALL_FILES} files in three formats, by their schedules, jitter ${JITTER_MINUTES} min`;
  const hours = (perBundle(large) * WHOLE_NIGHT) / 3600;
  return {
    unit: 'seconds',
    ours: { what: what(many), bytes: null },
    peer: { what: what(few), bytes: null },
    pairs: [{ ours: perBundle(large), peer: perBundle(small) }],
    ratio: { kind: 'size', target: 1.2 },
    limitedBy: limitOf(large),
    notes: [
      `${many.toLocaleString('en')} bundles took ${formatFigure('seconds', large.seconds)}; ${WHOLE_NIGHT.toLocaleString('en')} at that pace take ${hours.toFixed(2)} h`,
      history,
      `CPU seconds a bundle: ${shares(large)}; the processors were idle for ${percent(large.idle)} of the time and waited for disks for ${percent(large.disk)}`,
    ],
  };
}

/** @returns the second worker, beside the deployment's own */
async function startSecondWorker(bench: Bench, { servers, settings }: Deployment): Promise<ProcessHandle> {
  const port = await freePort();
  return servers.supervisor.start(
    serviceProcess({
      name: 'second worker',
      entry: 'worker/main.ts',
      environment: { ...bareEnvironment(bench), ...settings, WAYBILL_WORKER_HEALTH_PORT: String(port) },
      readyUrl: `http://127.0.0.1:${port}/healthz`,
    }),
  );
}

type Processes = Readonly<Record<(typeof NAMES)[number], ProcessHandle>>;
const NAMES = ['temporal', 'postgres', 'minio', 'worker', 'second worker'] as const;

/** Adds the tenants, and waits until their schedules have started a run of each, and all have ended. */
async function runNight(
  bench: Bench,
  deployment: Deployment,
  clients: TemporalClients,
  processes: Processes,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Night> {
  const bundles = to - from;
  const at = minutesFromNow(Math.ceil((bundles * ADDING_SECONDS) / 60) + 1);
  const recurrence = { at, timeZone: 'UTC', jitterMinutes: JITTER_MINUTES };
  await addSmallTenants(bench, deployment, clients.temporal, { from, to, recurrence });
  const wait = () => delay(POLL_MS, undefined, { signal: bench.signal });
  if ((await clients.countRunning()) > 0) throw new Error('The night began before all tenants were enabled.');
  bench.report(`${bundles.toLocaleString('en')} bundles are due at ${at} UTC`);
  while ((await clients.countRunning()) === 0) await wait();
  const before = await readAll(processes);
  const seconds = await secondsOf(async () => {
    while ((await clients.countClosed()) < to) await wait();
  });
  const after = await readAll(processes);
  const all = after.processors.all - before.processors.all;
  return {
    bundles,
    seconds,
    cpu: Object.fromEntries(NAMES.map((name) => [name, after.cpu[name] - before.cpu[name]])),
    idle: (after.processors.idle - before.processors.idle) / all,
    disk: (after.processors.disk - before.processors.disk) / all,
  };
}

async function readAll(processes: Processes) {
  const cpu = await Promise.all(NAMES.map(async (name) => [name, await readCpuOfTree(processes[name])] as const));
  return { cpu: Object.fromEntries(cpu) as Record<(typeof NAMES)[number], number>, processors: await readProcessors() };
}

/** Idle for more than this share of the time, the processors are not what a night waits for. */
const IDLE_MIN = 0.2;

function limitOf(night: Night): string {
  const [first] = Object.entries(night.cpu).toSorted(([, one], [, other]) => other - one);
  if (!first || night.idle > IDLE_MIN)
    return `waiting: the processors were idle for ${percent(night.idle)} of the time`;
  const spent = Object.values(night.cpu).reduce((sum, one) => sum + one, 0);
  return `the processors, ${percent(first[1] / spent)} of which ${first[0]} took`;
}

function shares({ cpu, bundles }: Night): string {
  return Object.entries(cpu)
    .map(([name, seconds]) => `${name} ${(seconds / bundles).toFixed(3)}`)
    .join(', ');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

const { EventType } = proto.temporal.api.enums.v1;

/** Events that are billed by Temporal Cloud, of those that histories show. Source: docs.temporal.io/cloud/actions. */
const ACTIONS: ReadonlySet<number> = new Set([
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
  EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
  EventType.EVENT_TYPE_TIMER_STARTED,
  EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
  EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
]);

async function countHistory({ client }: TemporalClients): Promise<string> {
  const counts: { readonly events: number; readonly actions: number }[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query: `WorkflowType = '${RUN_WORKFLOW}'` })) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const actions = events?.filter(({ eventType }) => ACTIONS.has(Number(eventType))).length ?? 0;
    counts.push({ events: events?.length ?? 0, actions });
    if (counts.length === COUNTED) break;
  }
  const range = (name: 'events' | 'actions') => {
    const { median, min, max } = summarise(counts.map((count) => count[name]));
    return `${median} ${name} (${min}–${max})`;
  };
  return `history of a bundle, of ${counts.length}: ${range('events')}, ${range('actions')}, besides those of its schedule`;
}
