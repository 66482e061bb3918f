import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { DisabledAnswer, EnabledAnswer, PeriodicView } from '../contracts/views/periodic.ts';
import { type Bench, type Benchmark, type Measurement, type Pair, runSeveral, secondsOf } from './benchmark.ts';
import { type Deployment, deploy } from './deployment.ts';
import { summarise } from './report.ts';
import { addSmallTenants, minutesFromNow, smallSql, writeSmallCatalog } from './small-bundles.ts';
import { connectTemporal, type TemporalClients } from './temporal-clients.ts';

/** What one tenant's periodic exports cost as the others become many. */
export const tenantsBenchmark: Benchmark = {
  name: 'tenants',
  title: 'Enable, see and replace the periodic exports of one tenant amid others, seconds a call',
  run: measureTenants,
};

const MANY = 10_000;
const FEW = 10;
/** Calls of each sort in one run, on both sides in turn; the figure is their median. */
const CYCLES = 5;
/** Of a cycle. */
const STATUSES = 5;
const ROWS_OF_FILE = 100;
const POLL_MS = 50;
/** The others run half a day from now, so none does meanwhile. */
const LATER_MINUTES = 720;

const STEPS = {
  enable: 'POST /dataexport/enable',
  status: 'GET /dataexport',
  replace: 'POST /dataexport/rotate',
} as const;
type Step = keyof typeof STEPS;
/** Seconds of each call. */
type Cycle = Readonly<Record<Step, number>>;

async function measureTenants(bench: Bench): Promise<readonly Measurement[]> {
  const count = bench.many ?? MANY;
  await using many = await deployWith(bench, 'many', count);
  await using few = await deployWith(bench, 'few', FEW);
  const pairs = await runSeveral(bench, 'seconds', async () => {
    const cycles: { readonly ours: Cycle; readonly peer: Cycle }[] = [];
    for (let count = 0; count < CYCLES; count += 1) {
      cycles.push({ ours: await runCycle(bench, many), peer: await runCycle(bench, few) });
    }
    const median = (side: 'ours' | 'peer', step: Step) => summarise(cycles.map((cycle) => cycle[side][step])).median;
    const pairOf = (step: Step): Pair => ({ ours: median('ours', step), peer: median('peer', step) });
    return { enable: pairOf('enable'), status: pairOf('status'), replace: pairOf('replace') };
  });
  return (Object.keys(STEPS) as Step[]).map((part) => {
    const what = (tenants: number) => `${STEPS[part]} with ${tenants.toLocaleString('en')} other tenants enabled`;
    return {
      part,
      unit: 'seconds',
      ours: { what: what(count), bytes: null },
      peer: { what: what(FEW), bytes: null },
      pairs: pairs[part],
      ratio: { kind: 'size', target: 1.2 },
      notes: [],
    };
  });
}

interface Crowded extends Deployment {
  readonly clients: TemporalClients;
}

/** A deployment in which so many other tenants are enabled, with a schedule each. */
async function deployWith(bench: Bench, name: string, others: number): Promise<Crowded> {
  const directory = join(bench.directory, name);
  await mkdir(directory);
  const deployment = await deploy({ ...bench, directory, rows: 1000 }, await writeSmallCatalog(directory), [
    smallSql({ tenants: 1, rows: ROWS_OF_FILE }),
  ]);
  const clients = await connectTemporal(deployment.settings);
  const recurrence = { at: minutesFromNow(LATER_MINUTES), timeZone: 'UTC' };
  const seconds = await secondsOf(() =>
    addSmallTenants(bench, deployment, clients.temporal, { from: 0, to: others, recurrence }),
  );
  bench.report(`enabled ${others.toLocaleString('en')} tenants in ${seconds.toFixed(0)} s`);
  return {
    ...deployment,
    clients,
    async [Symbol.asyncDispose]() {
      await clients[Symbol.asyncDispose]();
      await deployment[Symbol.asyncDispose]();
    },
  };
}

/** Enables, sees, replaces the key and deletes the settings. */
async function runCycle({ signal }: Bench, { client, clients }: Crowded): Promise<Cycle> {
  async function call<Value>(method: string, path: string, shape: z.ZodType<Value>): Promise<Value> {
    const headers = { authorization: client.authorization };
    const response = await fetch(`${client.url}${path}`, { method, headers, signal });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return shape.parse(await response.json());
  }
  const status = () => call('GET', '/dataexport', PeriodicView);
  /** Waits until the run that a change has started is over, so that it is not measured with the next call. */
  async function settle(): Promise<void> {
    while (!(await status()).generation || (await clients.countRunning()) > 0)
      await delay(POLL_MS, undefined, { signal });
  }
  const enable = await secondsOf(() => call('POST', '/dataexport/enable', EnabledAnswer));
  await settle();
  const seen: number[] = [];
  for (let count = 0; count < STATUSES; count += 1) seen.push(await secondsOf(status));
  const replace = await secondsOf(() => call('POST', '/dataexport/rotate', EnabledAnswer));
  await settle();
  await call('POST', '/dataexport/disable?deleteSettings=true', DisabledAnswer);
  return { enable, status: summarise(seen).median, replace };
}
