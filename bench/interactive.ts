import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { deploy } from './deployment.ts';
import { readingTime } from './readings.ts';
import { addSmallTenants, smallSql, writeSmallCatalog } from './small-bundles.ts';
import { connectTemporal } from './temporal-clients.ts';

/** Whether an order waits for the periodic runs of other tenants. */
export const interactiveBenchmark: Benchmark = {
  name: 'interactive',
  title: 'One order amid the periodic runs of 300 tenants',
  run: measureInteractive,
};

const TENANTS = 300;
const ROWS_OF_FILE = 1000;
/** Rows of the order. */
const ROWS = 500_000;
/** Polling intervals in milliseconds: of the order, which is measured, and of the periodic runs. */
const POLL_MS = 10;
const WAIT_MS = 250;

async function measureInteractive(bench: Bench): Promise<Measurement> {
  const tenants = bench.many ?? TENANTS;
  await using deployment = await deploy(bench, await writeSmallCatalog(bench.directory), [
    smallSql({ tenants, rows: ROWS_OF_FILE }),
  ]);
  const { client } = deployment;
  await using clients = await connectTemporal(deployment.settings);
  const { temporal, countRunning } = clients;
  let ordered = 0;
  const order = () => {
    // A new window each time, because an order equal to a running one is answered with that run.
    const first = ordered;
    ordered += 1;
    const window = { from: readingTime(first), to: readingTime(first + ROWS - 1) };
    return secondsOf(() => client.fetchExport({ ...window, recipients: [] }, POLL_MS));
  };
  const waitUntil = async (isReached: (count: number) => boolean) => {
    while (!isReached(await countRunning())) await delay(WAIT_MS, undefined, { signal: bench.signal });
  };
  const left: number[] = [];
  const recurrence = { at: '00:00', timeZone: 'UTC' };
  const schedules = await addSmallTenants(bench, deployment, temporal, { from: 0, to: tenants, recurrence });
  const pairs = await runPairs(bench, 'seconds', {
    async ours(warmUp) {
      await Promise.all(schedules.map((id) => temporal.trigger(id, 'after')));
      await waitUntil((count) => count > tenants / 2);
      const seconds = await order();
      if (!warmUp) left.push(await countRunning());
      await waitUntil((count) => count === 0);
      return seconds;
    },
    peer: order,
  });
  return {
    unit: 'seconds',
    ours: { what: `POST /exports of ${ROWS} rows while the periodic runs of ${tenants} tenants wait`, bytes: null },
    peer: { what: 'the same order with nothing else to do', bytes: null },
    pairs,
    ratio: { kind: 'size', target: 3 },
    limitedBy: 'steps of other runs that had begun, which share the processors with the order',
    notes: [`periodic runs that were not done when the order was: ${left.join(', ')}`],
  };
}
