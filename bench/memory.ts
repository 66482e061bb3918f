import { generateKey } from '../streams/age/keys.ts';
import { type Bench, type Benchmark, type Measurement, runPairs } from './benchmark.ts';
import { deploy, readPeak } from './deployment.ts';
import { CATALOG, readingTime } from './readings.ts';
import { summarise } from './report.ts';

/** Whether a worker's memory is bounded: its peak for an export, and for one a hundred times larger. */
export const memoryBenchmark: Benchmark = {
  name: 'memory',
  title: 'Peak memory of a worker, 100 times the rows',
  run: measureMemory,
};

const FACTOR = 100;
const POLL_MS = 100;

async function measureMemory(bench: Bench): Promise<Measurement> {
  await using deployment = await deploy(bench, CATALOG);
  const { recipient } = await generateKey({ postQuantum: false });
  const few = Math.floor(bench.rows / FACTOR);
  const many = few * FACTOR;
  // Each export ends at another row, so that no two are the same order.
  let asked = 0;

  async function peakOf(count: number): Promise<number> {
    // A process's peak never falls, so each export has its own process.
    await deployment.worker.restart();
    const to = readingTime(count - 1 - asked);
    asked += 1;
    await deployment.client.fetchExport({ from: readingTime(0), to, recipients: [recipient] }, POLL_MS);
    return readPeak(deployment.worker);
  }

  const pairs = await runPairs(bench, 'MiB', { ours: () => peakOf(many), peer: () => peakOf(few) });
  const growth = (summarise(pairs.map(({ ours, peer }) => ours / peer)).median - 1) * 100;
  return {
    unit: 'MiB',
    ours: { what: `a worker that exported ${many.toLocaleString('en')} rows, sealed CSV`, bytes: null },
    peer: { what: `a worker that exported ${few.toLocaleString('en')} rows, sealed CSV`, bytes: null },
    pairs,
    ratio: { kind: 'size', target: 1.1 },
    limitedBy: "DuckDB's cache of the warehouse, up to its usual memory",
    notes: [`the peak grows by ${growth.toFixed(1)} percent (wanted: at most 10)`],
  };
}
